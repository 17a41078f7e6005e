{{ config(incremental_strategy='replace_window') }}
-- How the scores of a day's trips did, added up per borough, day and model. Sums, so that the figures of any
-- cut can be had from them: R2 = 1 - squared_error / (squared_actual - actual ^ 2 / trips).
select
    centre_id,
    day,
    model,
    sum(trips)::bigint as trips,
    {{ exact_sum('actual') }} as actual,
    {{ exact_sum('squared_actual') }} as squared_actual,
    {{ exact_sum('error') }} as error,
    {{ exact_sum('absolute_error') }} as absolute_error,
    {{ exact_sum('squared_error') }} as squared_error,
    {{ exact_sum('absolute_percentage_error') }} as absolute_percentage_error,
    sum(inside_80)::bigint as inside_80,
    {{ exact_sum('width_80') }} as width_80,
    sum(by_fallback)::bigint as by_fallback,
    min(model_version) as model_version
from {{ ref('monitoring__trips_calibration') }}
where {{ in_window() }}
group by centre_id, day, model
