{{ config(unique_key=['centre_id', 'day']) }}
-- How each forecast of a day did, once the day's count came. day = target day; a day without a count
-- has no error. scaled_error divides by the mean absolute error of the seasonal naive (same weekday
-- of the week before) over the 364 days before, so that its mean is MASE (Hyndman and Koehler 2006).
with history as (
    select
        centre_id,
        day,
        parcels,
        abs(parcels - lag(parcels, 7) over (partition by centre_id order by day)) as naive_error
    from {{ ref('merged__parcels') }}
    where day between date '{{ var("from_day") }}' - 371 and date '{{ var("to_day") }}'
),

scaled as (
    select
        centre_id,
        day,
        parcels,
        avg(naive_error) over (
            partition by centre_id order by day
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
    actuals.parcels as actual,
    forecasts.prediction - actuals.parcels as error,
    abs(forecasts.prediction - actuals.parcels) as absolute_error,
    (forecasts.prediction - actuals.parcels) ^ 2 as squared_error,
    abs(forecasts.prediction - actuals.parcels)
    / nullif(actuals.parcels, 0) as absolute_percentage_error,
    abs(forecasts.prediction - actuals.parcels) / nullif(actuals.naive_error, 0) as scaled_error,
    actuals.parcels between forecasts.lower_80 and forecasts.upper_80 as covered_80,
    actuals.parcels between forecasts.lower_95 and forecasts.upper_95 as covered_95,
    forecasts.model_version
from scaled as actuals
inner join {{ source('ml', 'forecasts') }} as forecasts
    on
        actuals.centre_id = forecasts.centre_id
        and actuals.day = forecasts.date
        and forecasts.flow = 'parcels'
        and forecasts.measure = 'parcels'
where {{ in_window('actuals.centre_id', 'actuals.day') }} and actuals.parcels is not null
