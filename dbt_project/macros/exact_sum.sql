{#- Sum of floating point numbers that does not depend on the order of the rows: building the same day again
    must leave the same rows, to the last digit. -#}
{% macro exact_sum(expression, condition=none) -%}
    (sum(({{ expression }})::numeric){% if condition %} filter (where {{ condition }}){% endif %})::double precision
{%- endmacro %}
