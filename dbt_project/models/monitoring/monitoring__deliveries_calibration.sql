{{ config(incremental_strategy='replace_window') }}
-- Predictions and outcomes of the orders of a day, added up per centre, day of placing, stage and tenth of the
-- predicted probability. Each delivered order counts once a stage, by its first score there, so that a parcel
-- that is tracked often weighs no more. The last weeks are not complete: orders that are still on the way are
-- missing.
with first_scores as (
    select distinct on (order_id, stage) *
    from {{ source('ml', 'deliveries_scores') }}
    where {{ in_window() }}
    order by order_id, stage, scored_at
),

measured as (
    select
        first_scores.*,
        first_scores.predicted_days as predicted,
        orders.days as actual,
        orders.was_late::integer as was_late,
        least(floor(first_scores.late_probability * 10), 9)::integer as bucket
    from {{ ref('merged__deliveries') }} as orders
    inner join first_scores on orders.order_id = first_scores.order_id
    where
        {{ in_window('orders.centre_id', 'orders.day') }}
        and orders.days is not null
        and {{ is_counted('deliveries', 'orders') }}
)

select
    centre_id,
    day,
    stage,
    bucket,
    count(*) as orders,
    {{ exact_sum('late_probability') }} as probability,
    sum(was_late)::bigint as late,
    {{ exact_sum('(late_probability - was_late) ^ 2') }} as brier,
    {{ error_sums() }},
    count(*) filter (where actual > 0) as above_zero,
    {{ band_sums() }},
    count(*) filter (where late_version = 'fallback') as late_by_fallback,
    min(model_version) as model_version,
    min(late_version) as late_version
from measured
group by centre_id, day, stage, bucket
