-- By hashing alone, in 32 MB: before the first statistics of a table the planner sees one row, and later it
-- would sort millions of trips to add them up.
{{ config(
    incremental_strategy='replace_window',
    pre_hook=[
        "set local enable_nestloop = off", "set local enable_mergejoin = off",
        "set local enable_sort = off", "set local work_mem = '32MB'",
    ]
) }}
-- What came of the trips for which the same was said, added up per borough, day, model and step of five
-- minutes predicted; from 60 minutes on all are one step. Millions of trips meet their scores here once: the
-- figures of a whole day add up the steps. Sums are exact, so that they do not depend on the order in which
-- trips are read.
with measured as (
    select
        trips.centre_id,
        trips.day,
        scores.model,
        trips.minutes as actual,
        scores.predicted_minutes as predicted,
        scores.predicted_minutes - trips.minutes as error,
        trips.minutes between scores.lower_80 and scores.upper_80 as is_inside,
        scores.upper_80 - scores.lower_80 as width,
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
)

select
    centre_id,
    day,
    model,
    from_minutes,
    count(*) as trips,
    {{ exact_sum('predicted') }} as predicted,
    {{ exact_sum('actual') }} as actual,
    {{ exact_sum('actual ^ 2') }} as squared_actual,
    {{ exact_sum('error') }} as error,
    {{ exact_sum('abs(error)') }} as absolute_error,
    {{ exact_sum('error ^ 2') }} as squared_error,
    {{ exact_sum('abs(error) / actual') }} as absolute_percentage_error,
    count(*) filter (where is_inside) as inside_80,
    {{ exact_sum('width') }} as width_80,
    count(*) filter (where model_version = 'fallback') as by_fallback,
    min(model_version) as model_version
from measured
group by centre_id, day, model, from_minutes
