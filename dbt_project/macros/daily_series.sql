{#- What daily series flows have in common: the errors of their forecasts, and their part of the views that all flows
    share (see flows.sql). -#}

{#- The error of each forecast, once the value of its target day is known: `monitoring.<flow>_accuracy`.
    day = target day; a day without a value, or that is not whole, has no error. scaled_error divides by the mean absolute error of
    the seasonal naive forecast (same weekday of the week before) over the 364 days before, so that its mean
    is MASE (Hyndman and Koehler 2006). `window` confines the rows of `actuals` to the partitions of
    the build. -#}
{% macro daily_series_errors(flow, measures, window) -%}
with observed as (
    {% for measure in measures -%}
    select
        centre_id, day, '{{ measure }}'::text as measure,
        case when {{ is_counted(flow, 'merged') }} then {{ measure }} end::double precision as actual
    from {{ ref('merged__' ~ flow) }} as merged
    where day between date '{{ var("from_day") }}' - 371 and date '{{ var("to_day") }}'
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}
),

history as (
    select
        *,
        abs(actual - lag(actual, 7) over (
            partition by measure, centre_id order by day
        )) as naive_error
    from observed
),

scaled as (
    select
        measure,
        centre_id,
        day,
        actual,
        avg(naive_error) over (
            partition by measure, centre_id order by day
            range between interval '364 days' preceding and interval '1 day' preceding
        ) as naive_error
    from history
)

select
    forecasts.flow,
    forecasts.measure,
    actuals.centre_id,
    actuals.day,
    forecasts.horizon::integer as horizon,
    forecasts.day as issued_on,
    forecasts.prediction,
    actuals.actual,
    forecasts.prediction - actuals.actual as error,
    abs(forecasts.prediction - actuals.actual) as absolute_error,
    (forecasts.prediction - actuals.actual) ^ 2 as squared_error,
    abs(forecasts.prediction - actuals.actual)
    / nullif(actuals.actual, 0) as absolute_percentage_error,
    abs(forecasts.prediction - actuals.actual) / nullif(actuals.naive_error, 0) as scaled_error,
    actuals.actual between forecasts.lower_80 and forecasts.upper_80 as covered_80,
    actuals.actual between forecasts.lower_95 and forecasts.upper_95 as covered_95,
    forecasts.model_version
from scaled as actuals
inner join {{ source('ml', 'forecasts') }} as forecasts
    on
        actuals.measure = forecasts.measure
        and actuals.centre_id = forecasts.centre_id
        and actuals.day = forecasts.date
        and forecasts.flow = '{{ flow }}'
where {{ window }} and actuals.actual is not null
{%- endmacro %}

{#- A day without a report, or on which the shop was closed, has no row. -#}
{% macro daily_series_actuals(flow, measures) -%}
{% for measure in measures -%}
select '{{ measure }}'::text as measure, centre_id, target_at, day as date, {{ measure }} as value, is_whole
from {{ ref('merged__' ~ flow) }}
where {{ measure }} is not null
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
{%- endmacro %}

{% macro daily_series_accuracy_daily(flow) -%}
select
    measure, centre_id, day as date, horizon, prediction, actual, error, absolute_error, squared_error,
    absolute_percentage_error, scaled_error, covered_80, covered_95, model_version
from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
{%- endmacro %}

{% macro daily_series_accuracy(flow) -%}
{%- set errors = ref('monitoring__' ~ flow ~ '_accuracy') -%}
select
    measure, centre_id, day, horizon, 1 as forecasts, actual, error, absolute_error, squared_error,
    absolute_percentage_error, case when absolute_percentage_error is not null then 1 end as above_zero,
    scaled_error, case when scaled_error is not null then 1 end as naive_error,
    covered_80::integer as inside_80, covered_95::integer as inside_95,
    null::double precision as compared_error, null::double precision as persistence_error
from {{ errors }}
where {{ in_newest_days(errors) }}
{%- endmacro %}

{#- The width of the band is read from the forecast: a forecast that was withdrawn since has none. -#}
{% macro daily_series_coverage(flow) -%}
select
    errors.measure,
    errors.centre_id,
    errors.horizon,
    extract(isodow from errors.day)::integer as weekday,
    count(*) as forecasts,
    count(*) filter (where errors.covered_80) as inside_80,
    count(*) filter (where errors.covered_95) as inside_95,
    sum(errors.actual) as actual,
    sum(forecasts.upper_80 - forecasts.lower_80) as width_80,
    count(forecasts.upper_80) as widths,
    min(errors.day) as first_day,
    max(errors.day) as last_day
from {{ ref('monitoring__' ~ flow ~ '_accuracy') }} as errors
left join {{ source('ml', 'forecasts') }} as forecasts
    on
        errors.flow = forecasts.flow
        and errors.measure = forecasts.measure
        and errors.centre_id = forecasts.centre_id
        and errors.issued_on = forecasts.day
        and errors.horizon = forecasts.horizon
group by errors.measure, errors.centre_id, errors.horizon, extract(isodow from errors.day)
{%- endmacro %}
