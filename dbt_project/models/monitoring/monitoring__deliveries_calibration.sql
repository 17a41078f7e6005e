{{ config(incremental_strategy='replace_window') }}
-- What came of the orders of which the same risk was said, added up per centre, day of placing, stage and tenth
-- of probability. Each order that was delivered counts once a stage, by the first that was said of it there: a
-- parcel that is tracked often weighs no more. Sums are exact, so that they do not depend on the order in which
-- rows are read. Days of the last weeks hold only what came quickly.
with said as (
    select distinct on (order_id, stage) *
    from {{ source('ml', 'deliveries_scores') }}
    where {{ in_window() }}
    order by order_id, stage, scored_at
),

measured as (
    select
        said.*,
        orders.days as actual,
        orders.was_late::integer as was_late,
        said.predicted_days - orders.days as error,
        least(floor(said.late_probability * 10), 9)::integer as bucket
    from {{ ref('merged__deliveries') }} as orders
    inner join said on orders.order_id = said.order_id
    where {{ in_window('orders.centre_id', 'orders.day') }} and orders.days is not null
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
    {{ exact_sum('predicted_days') }} as predicted,
    {{ exact_sum('actual') }} as actual,
    {{ exact_sum('actual ^ 2') }} as squared_actual,
    {{ exact_sum('error') }} as error,
    {{ exact_sum('abs(error)') }} as absolute_error,
    {{ exact_sum('error ^ 2') }} as squared_error,
    {{ exact_sum('abs(error) / actual', 'actual > 0') }} as absolute_percentage_error,
    count(*) filter (where actual > 0) as above_zero,
    count(*) filter (where actual between lower_80 and upper_80) as inside_80,
    {{ exact_sum('upper_80 - lower_80') }} as width_80,
    count(*) filter (where model_version = 'fallback') as by_fallback,
    count(*) filter (where late_version = 'fallback') as late_by_fallback,
    min(model_version) as model_version,
    min(late_version) as late_version
from measured
group by centre_id, day, stage, bucket
