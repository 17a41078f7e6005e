{{ config(
    incremental_strategy='replace_window',
    post_hook="create index if not exists {{ this.name }}_by_day on {{ this }} (day)"
) }}
-- The orders placed on a day added up by who ships them, category and segment: how many came late, and how far
-- off the delay was that was said when they were approved. An order counts as high risk by what was said then.
-- What the desk changes is not in here; published.delivery_performance adds it live. day = UTC day of placing.
with said as (
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
    count(said.order_id) as scored,
    count(*) filter (where said.order_id is not null and orders.days is not null) as delivered_scored,
    coalesce({{ exact_sum('orders.days - said.predicted_days') }}, 0) as gap_days,
    coalesce({{ exact_sum('abs(orders.days - said.predicted_days)') }}, 0) as abs_gap_days,
    count(*) filter (where said.is_high_risk) as high_risk,
    max(orders.known_at) as known_at
from orders
left join said on orders.order_id = said.order_id
group by orders.centre_id, orders.day, orders.shipper, orders.category, orders.segment
