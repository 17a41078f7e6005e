-- Hash joins alone: before the first statistics of a table the planner sees one row, and joins all hours of
-- a counter with each other.
{{ config(
    unique_key=['centre_id', 'day'],
    pre_hook=["set local enable_nestloop = off", "set local enable_mergejoin = off"]
) }}
-- How the forecasts of a day did, added up per counter, target day (UTC) and horizon: 24 issues and as many
-- targets make one row, or thousands of counters would fill the disk. An hour without a reading has no error.
-- naive_error is that of the reading of a week before, persistence_error that of the reading at the issue,
-- each beside the absolute error of the same forecasts. Sums are exact, so that they do not depend on the
-- order in which rows are read.
with facts as (
    select centre_id, day, target_at, vehicles as actual, level
    from {{ ref('merged__traffic') }}
    where
        day between date '{{ var("from_day") }}' - 8 and date '{{ var("to_day") }}'
        and vehicles is not null
),

measured as (
    select
        forecasts.*,
        facts.centre_id as counter,
        facts.day as target_day,
        facts.actual,
        facts.level as actual_level,
        forecasts.prediction - facts.actual as error,
        abs(forecasts.prediction - facts.actual) as absolute_error,
        abs(week_before.actual - facts.actual) as naive_error,
        abs(at_issue.actual - facts.actual) as persistence_error
    from facts
    inner join {{ source('ml', 'traffic_forecasts') }} as forecasts
        on
            forecasts.flow = 'traffic'
            and forecasts.measure = 'vehicles'
            and facts.centre_id = forecasts.centre_id
            and facts.target_at = forecasts.target_at
            and forecasts.day between date '{{ var("from_day") }}' - 1 and date '{{ var("to_day") }}'
    left join facts as week_before
        on
            facts.centre_id = week_before.centre_id
            and facts.target_at - interval '168 hours' = week_before.target_at
    left join facts as at_issue
        on
            facts.centre_id = at_issue.centre_id
            and forecasts.issued_at = at_issue.target_at
    where {{ in_window('facts.centre_id', 'facts.day') }}
)

select
    'traffic'::text as flow,
    'vehicles'::text as measure,
    counter as centre_id,
    target_day as day,
    horizon::integer as horizon,
    count(*) as forecasts,
    {{ exact_sum('actual') }} as actual,
    {{ exact_sum('error') }} as error,
    {{ exact_sum('absolute_error') }} as absolute_error,
    {{ exact_sum('error ^ 2') }} as squared_error,
    {{ exact_sum('absolute_error / nullif(actual, 0)') }} as absolute_percentage_error,
    count(*) filter (where actual > 0) as above_zero,
    {{ exact_sum('absolute_error', 'naive_error is not null') }} as absolute_error_beside_naive,
    {{ exact_sum('naive_error') }} as naive_error,
    {{ exact_sum('absolute_error', 'persistence_error is not null') }} as absolute_error_beside_persistence,
    {{ exact_sum('persistence_error') }} as persistence_error,
    count(*) filter (where actual between lower_80 and upper_80) as inside_80,
    count(*) filter (where actual between lower_95 and upper_95) as inside_95,
    {{ exact_sum('upper_80 - lower_80') }} as width_80,
    count(*) filter (where level is not null and actual_level is not null) as levels,
    count(*) filter (where level = actual_level) as levels_right,
    min(model_version) as model_version
from measured
group by counter, target_day, horizon
