-- Every order with its newest score and the newest actions of the desk, which show immediately. Segment and desk are
-- looked up order by order: a query that leaves their columns out does not pay for them.
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
    score.stage,
    score.scored_at,
    score.predicted_days,
    score.lower_80,
    score.upper_80,
    orders.placed_at + score.predicted_days * interval '1 day' as predicted_at,
    score.late_probability,
    score.threshold,
    score.late_probability >= score.threshold as is_high_risk,
    coalesce(score.reasons, '[]') as reasons,
    orders.days as actual_days,
    orders.was_late,
    {{ segment_when_placed('orders') }} as segment,
    score.model_version,
    score.late_version,
    {% for column, expression, condition in [
        ('last_action', 'action', 'true'),
        ('last_note', 'note', 'desk.note is not null'),
        ('last_author', 'author', 'true'),
        ('last_acted_at', 'acted_at', 'true'),
    ] -%}
    (
        select desk.{{ expression }}
        from {{ source('ops', 'desk_actions') }} as desk
        where desk.order_id = orders.order_id and {{ condition }}
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
