{#- Values of the build's partitions that are absent or outside low..high. Like unique_together, it leaves
    history alone, which was tested when it was built. -#}
{% test within(model, column_name, low, high) %}
select {{ column_name }}
from {{ model }}
where {{ in_window() }} and ({{ column_name }} between {{ low }} and {{ high }}) is not true
{% endtest %}
