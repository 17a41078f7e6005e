{{ config(
    incremental_strategy='replace_window',
    pre_hook=["set local enable_nestloop = off", "set local enable_mergejoin = off"]
) }}
-- What came of the trips for which the same was said, added up per borough, day, model and step of five
-- minutes predicted; from 60 minutes on all are one step.
with measured as (
    select
        trips.centre_id,
        trips.day,
        scores.model,
        trips.minutes as actual,
        scores.predicted_minutes as predicted,
        trips.minutes between scores.lower_80 and scores.upper_80 as is_inside,
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
)

select
    centre_id,
    day,
    model,
    from_minutes,
    count(*) as trips,
    {{ exact_sum('predicted') }} as predicted,
    {{ exact_sum('actual') }} as actual,
    count(*) filter (where is_inside) as inside_80
from measured
group by centre_id, day, model, from_minutes
