{{ config(incremental_strategy='replace_window') }}
-- How what was said of a day's orders did, added up per centre, day of placing and stage: the tenths of
-- monitoring.deliveries_calibration together. Sums, so that the figures of any cut can be had from them.
select
    centre_id,
    day,
    stage,
    sum(orders)::bigint as orders,
    {{ exact_sum('probability') }} as probability,
    sum(late)::bigint as late,
    {{ exact_sum('brier') }} as brier,
    {{ exact_sum('predicted') }} as predicted,
    {{ exact_sum('actual') }} as actual,
    {{ exact_sum('squared_actual') }} as squared_actual,
    {{ exact_sum('error') }} as error,
    {{ exact_sum('absolute_error') }} as absolute_error,
    {{ exact_sum('squared_error') }} as squared_error,
    {{ exact_sum('absolute_percentage_error') }} as absolute_percentage_error,
    sum(above_zero)::bigint as above_zero,
    sum(inside_80)::bigint as inside_80,
    {{ exact_sum('width_80') }} as width_80,
    sum(by_fallback)::bigint as by_fallback,
    sum(late_by_fallback)::bigint as late_by_fallback,
    min(model_version) as model_version,
    min(late_version) as late_version
from {{ ref('monitoring__deliveries_calibration') }}
where {{ in_window() }}
group by centre_id, day, stage
