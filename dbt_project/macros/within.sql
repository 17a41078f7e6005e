{#- Fails for rows of the build's partitions whose value is null or outside low..high. Earlier partitions were tested
    when they were built. -#}
{% test within(model, column_name, low, high) %}
select {{ column_name }}
from {{ model }}
where {{ in_window() }} and ({{ column_name }} between {{ low }} and {{ high }}) is not true
{% endtest %}
