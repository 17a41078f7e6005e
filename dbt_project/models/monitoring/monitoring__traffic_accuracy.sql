-- Only hash joins: before a table has its first statistics the planner assumes one row, and joins all hours of a
-- counter with each other.
{{ config(
    incremental_strategy='replace_window',
    pre_hook=["set local enable_nestloop = off", "set local enable_mergejoin = off"]
) }}
-- The errors of the forecasts of a day, added up per counter, target day (UTC) and horizon: the forecasts of 24 hours
-- make one row, or those of thousands of counters would fill the disk. An hour without a reading has no error.
-- naive_error is the error of the reading of a week before, persistence_error that of the reading at the issue; for
-- each there is the absolute error of the same forecasts. Sums are exact, so that they do not depend on the order
-- in which rows are read.
with observed as (
    select centre_id, day, target_at, vehicles as actual, level
    from {{ ref('merged__traffic') }} as merged
    where
        day between date '{{ var("from_day") }}' - 8 and date '{{ var("to_day") }}'
        and vehicles is not null
        and {{ is_counted('traffic', 'merged') }}
),

measured as (
    select
        forecasts.*,
        observed.centre_id as counter,
        observed.day as target_day,
        observed.actual,
        observed.level as actual_level,
        forecasts.prediction - observed.actual as error,
        abs(forecasts.prediction - observed.actual) as absolute_error,
        abs(week_before.actual - observed.actual) as naive_error,
        abs(at_issue.actual - observed.actual) as persistence_error
    from observed
    inner join {{ source('ml', 'forecasts') }} as forecasts
        on
            forecasts.flow = 'traffic'
            and forecasts.measure = 'vehicles'
            and observed.centre_id = forecasts.centre_id
            and observed.target_at = forecasts.target_at
            and forecasts.day between date '{{ var("from_day") }}' - 1 and date '{{ var("to_day") }}'
    left join observed as week_before
        on
            observed.centre_id = week_before.centre_id
            and observed.target_at - interval '168 hours' = week_before.target_at
    left join observed as at_issue
        on
            observed.centre_id = at_issue.centre_id
            and forecasts.issued_at = at_issue.target_at
    where {{ in_window('observed.centre_id', 'observed.day') }}
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
