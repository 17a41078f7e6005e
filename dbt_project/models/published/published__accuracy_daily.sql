{% for flow in ['parcels', 'retail'] -%}
select
    flow, measure, centre_id, day as date, horizon, prediction, actual, error, absolute_error,
    squared_error, absolute_percentage_error, scaled_error, covered_80, covered_95, model_version
from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
