{#- How each forecast of a day did, once the day's figures came. day = target day; a day without figures
    has no error. scaled_error divides by the mean absolute error of the seasonal naive (same weekday
    of the week before) over the 364 days before, so that its mean is MASE (Hyndman and Koehler 2006).
    `window` confines the rows of `actuals` to the partitions of the build. -#}
{% macro accuracy_of(flow, measures, merged, forecasts, window) -%}
with facts as (
    {% for measure in measures -%}
    select centre_id, day, '{{ measure }}'::text as measure, {{ measure }}::double precision as actual
    from {{ merged }}
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
    from facts
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
inner join {{ forecasts }} as forecasts
    on
        actuals.measure = forecasts.measure
        and actuals.centre_id = forecasts.centre_id
        and actuals.day = forecasts.date
        and forecasts.flow = '{{ flow }}'
where {{ window }} and actuals.actual is not null
{%- endmacro %}
