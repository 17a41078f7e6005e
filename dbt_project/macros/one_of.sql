{#- Fails for rows of the build's partitions whose value is null or not among those allowed. Earlier partitions were
    tested when they were built. -#}
{% test one_of(model, column_name, values) %}
select {{ column_name }}
from {{ model }}
where {{ in_window() }} and ({{ column_name }} in ('{{ values | join("', '") }}')) is not true
{% endtest %}
