-- The score of each trip by each model, trained before the day of the trip, with the actual duration.
select
    scores.trip_id,
    scores.centre_id,
    scores.pickup_at,
    scores.model,
    scores.predicted_minutes,
    scores.lower_80,
    scores.upper_80,
    trips.minutes as actual_minutes,
    scores.model_version,
    scores.day
from {{ source('ml', 'trips_scores') }} as scores
inner join {{ ref('merged__trips') }} as trips
    on
        scores.trip_id = trips.trip_id
        and scores.centre_id = trips.centre_id
        and scores.day = trips.day
