{#- Values of the build's partitions that are absent or not among those allowed; history was tested before. -#}
{% test one_of(model, column_name, values) %}
select {{ column_name }}
from {{ model }}
where {{ in_window() }} and ({{ column_name }} in ('{{ values | join("', '") }}')) is not true
{% endtest %}
