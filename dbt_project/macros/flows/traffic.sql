{#- What traffic adds to the views that all flows share; macros/flows.sql describes each part. -#}

{#- The hour belongs to the local day of its counter. -#}
{% macro traffic_actuals() -%}
select
    'vehicles'::text as measure,
    merged.centre_id,
    merged.target_at,
    (merged.target_at at time zone centres.timezone)::date as date,
    merged.vehicles as value,
    merged.is_whole
from {{ ref('merged__traffic') }} as merged
inner join {{ ref('centres') }} as centres
    on centres.flow = 'traffic' and merged.centre_id = centres.centre_id
where merged.vehicles is not null
{%- endmacro %}

{#- No rows: hundreds of forecasts a counter and day are kept as sums only. -#}
{% macro traffic_accuracy_daily() %}{% endmacro %}

{#- mase is the quotient of the sums here, not the mean of quotients. -#}
{% macro traffic_accuracy() -%}
{%- set sums = ref('monitoring__traffic_accuracy') -%}
select
    measure, centre_id, day, horizon, forecasts, actual, error, absolute_error, squared_error,
    absolute_percentage_error, above_zero, absolute_error_beside_naive as scaled_error, naive_error,
    inside_80, inside_95, absolute_error_beside_persistence as compared_error, persistence_error
from {{ sums }}
where {{ in_newest_days(sums) }}
{%- endmacro %}

{% macro traffic_coverage() -%}
select
    measure, centre_id, horizon, extract(isodow from day)::integer as weekday,
    sum(forecasts) as forecasts, sum(inside_80) as inside_80, sum(inside_95) as inside_95,
    sum(actual) as actual, sum(width_80) as width_80, sum(forecasts) as widths,
    min(day) as first_day, max(day) as last_day
from {{ ref('monitoring__traffic_accuracy') }}
group by measure, centre_id, horizon, extract(isodow from day)
{%- endmacro %}

{% macro traffic_freshness() %}{{ series_freshness('traffic', 'vehicles') }}{% endmacro %}

{% macro traffic_model_use() %}{{ series_model_use('traffic') }}{% endmacro %}
