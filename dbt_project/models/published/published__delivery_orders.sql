-- Every order with the newest that was said of it and what the desk did about it; what the desk does counts at
-- once. Columns that a query leaves out cost it nothing: segment and desk are looked up order by order.
select
    orders.order_id,
    orders.centre_id,
    orders.day,
    orders.placed_at,
    orders.approved_at,
    orders.handed_over_at,
    orders.delivered_at,
    orders.cancelled_at,
    orders.promised_at,
    orders.promised_now_at,
    orders.seller,
    orders.carrier,
    orders.shipper,
    orders.category,
    orders.price,
    orders.distance_km,
    orders.status,
    said.stage,
    said.scored_at,
    said.predicted_days,
    said.lower_80,
    said.upper_80,
    orders.placed_at + said.predicted_days * interval '1 day' as predicted_at,
    said.late_probability,
    said.threshold,
    said.late_probability >= said.threshold as is_high_risk,
    coalesce(said.reasons, '[]') as reasons,
    orders.days as actual_days,
    orders.was_late,
    {{ segment_when_placed('orders') }} as segment,
    said.model_version,
    said.late_version,
    {% for column, expression, which in [
        ('last_action', 'action', 'true'),
        ('last_note', 'note', 'desk.note is not null'),
        ('last_author', 'author', 'true'),
        ('last_acted_at', 'acted_at', 'true'),
    ] -%}
    (
        select desk.{{ expression }}
        from {{ source('ops', 'desk_actions') }} as desk
        where desk.order_id = orders.order_id and {{ which }}
        order by desk.acted_at desc, desk.action_id desc
        limit 1
    ) as {{ column }},
    {% endfor -%}
    {{ is_resolved_at_desk('orders') }} as is_resolved,
    (
        select count(*)
        from {{ source('ops', 'desk_actions') }} as desk
        where desk.order_id = orders.order_id
    ) as actions,
    orders.paid_at,
    orders.last_tracked_at,
    orders.last_tracked,
    orders.region,
    orders.paid_value,
    orders.known_at
from {{ ref('merged__deliveries') }} as orders
{{ join_newest_score('orders') }}
