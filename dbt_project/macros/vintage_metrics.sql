{% macro vintage_metrics(names) -%}
  {#- Figures of a vintage's backtest, each as a column of its name. -#}
  {%- for name in names %}
  (metrics ->> '{{ name }}')::double precision as {{ name }}{{ ',' if not loop.last }}
  {%- endfor %}
{%- endmacro %}
