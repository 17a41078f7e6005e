{{ config(
    incremental_strategy='replace_window',
    post_hook="create index if not exists {{ this.name }}_by_day on {{ this }} (day)"
) }}
-- The orders placed on a day added up by shipper, category and segment: how many were late, and how far the delay
-- predicted at their approval was off. The risk of an order is that predicted at its approval. Actions of the desk
-- are not counted here; published.delivery_performance adds them live. day = UTC day of placing.
with at_approval as (
    select distinct on (order_id)
        order_id, predicted_days, late_probability >= threshold as is_high_risk
    from {{ source('ml', 'deliveries_scores') }}
    where stage = 'approved' and {{ in_window() }}
    order by order_id, scored_at
),

orders as (
    select
        orders.*,
        {{ segment_when_placed('orders') }} as segment
    from {{ ref('merged__deliveries') }} as orders
    where {{ in_window('orders.centre_id', 'orders.day') }}
)

select
    orders.centre_id,
    orders.day,
    {{ month_of('orders.day') }} as month,
    orders.shipper,
    orders.category,
    orders.segment,
    count(*) as orders,
    count(orders.delivered_at) as delivered,
    count(*) filter (where orders.was_late) as late,
    count(at_approval.order_id) as scored,
    count(*) filter (where at_approval.order_id is not null and orders.days is not null) as delivered_scored,
    coalesce({{ exact_sum('orders.days - at_approval.predicted_days') }}, 0) as gap_days,
    coalesce({{ exact_sum('abs(orders.days - at_approval.predicted_days)') }}, 0) as abs_gap_days,
    count(*) filter (where at_approval.is_high_risk) as high_risk,
    max(orders.known_at) as known_at
from orders
left join at_approval on orders.order_id = at_approval.order_id
group by orders.centre_id, orders.day, orders.shipper, orders.category, orders.segment
