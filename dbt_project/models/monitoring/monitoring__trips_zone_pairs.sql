-- Only hashing, as in monitoring__trips_calibration.
{{ config(
    incremental_strategy='replace_window',
    pre_hook=[
        "set local enable_nestloop = off", "set local enable_mergejoin = off",
        "set local enable_sort = off", "set local work_mem = '32MB'",
    ]
) }}
-- The trips of a day added up by zone pair, with the errors of the default model. A trip that has no score yet counts
-- as a trip without an error.
with scores as (
    select trip_id, predicted_minutes
    from {{ source('ml', 'trips_scores') }}
    where model = 'default' and {{ in_window() }}
)

select
    trips.centre_id,
    trips.day,
    trips.pickup_zone,
    trips.dropoff_zone,
    count(*) as trips,
    {{ exact_sum('trips.minutes') }} as minutes,
    {{ exact_sum('trips.distance_km') }} as distance_km,
    count(scores.trip_id) as scored,
    {{ exact_sum('abs(scores.predicted_minutes - trips.minutes)') }} as absolute_error
from {{ ref('merged__trips') }} as trips
left join scores on trips.trip_id = scores.trip_id and {{ is_counted('trips', 'trips') }}
where {{ in_window('trips.centre_id', 'trips.day') }}
group by trips.centre_id, trips.day, trips.pickup_zone, trips.dropoff_zone
