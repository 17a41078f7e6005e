{#- Fails for values that are no share of 1: below 0, above 1, or null. -#}
{% test share(model, column_name) %}
select {{ column_name }}
from {{ model }}
where ({{ column_name }} between 0 and 1) is not true
{% endtest %}
