-- Only hashing, in 32 MB: before a table has its first statistics the planner assumes one row, and later it would sort
-- millions of trips to add them up.
{{ config(
    incremental_strategy='replace_window',
    pre_hook=[
        "set local enable_nestloop = off", "set local enable_mergejoin = off",
        "set local enable_sort = off", "set local work_mem = '32MB'",
    ]
) }}
-- Predicted and actual durations of the trips of a day, added up per borough, model and step of five minutes that was
-- predicted; from 60 minutes on all are one step. This is the only join of millions of trips with their scores:
-- the figures of a whole day add up the steps.
with measured as (
    select
        trips.centre_id,
        trips.day,
        scores.model,
        trips.minutes as actual,
        scores.predicted_minutes as predicted,
        scores.lower_80,
        scores.upper_80,
        scores.model_version,
        (least(floor(scores.predicted_minutes / 5), 12) * 5)::integer as from_minutes
    from {{ ref('merged__trips') }} as trips
    inner join {{ source('ml', 'trips_scores') }} as scores
        on
            trips.trip_id = scores.trip_id
            and trips.centre_id = scores.centre_id
            and trips.day = scores.day
    where
        {{ in_window('trips.centre_id', 'trips.day') }}
        and {{ in_window('scores.centre_id', 'scores.day') }}
        and {{ is_counted('trips', 'trips') }}
)

select
    centre_id,
    day,
    model,
    from_minutes,
    count(*) as trips,
    {{ error_sums() }},
    {{ band_sums() }},
    min(model_version) as model_version
from measured
group by centre_id, day, model, from_minutes
