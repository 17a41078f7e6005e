-- Sums over the orders placed on a day, to be added up by the reader: a key has several rows. Open orders at high risk
-- and incidents have rows of their own, which are read live: a resolution at the desk shows immediately.
select
    day, centre_id, shipper, category, segment, orders, delivered, late, scored, gap_days, abs_gap_days, high_risk,
    0::bigint as open_high_risk, 0::bigint as incidents, 0::bigint as incidents_resolved,
    0::double precision as resolve_hours, delivered_scored, month
from {{ ref('monitoring__deliveries_performance') }}
union all
select
    orders.day, orders.centre_id, orders.shipper, orders.category, {{ segment_when_placed('orders') }} as segment,
    0, 0, 0, 0, 0, 0, 0, 1 as open_high_risk, 0, 0, 0, 0, {{ month_of('orders.day') }} as month
from {{ ref('merged__deliveries') }} as orders
{{ join_newest_score('orders') }}
where
    orders.status in {{ open_statuses() }}
    and score.late_probability >= score.threshold
    and not {{ is_resolved_at_desk('orders') }}
union all
select
    incidents.day, incidents.centre_id, incidents.shipper, incidents.category,
    {{ segment_when_placed('incidents') }} as segment,
    0, 0, 0, 0, 0, 0, 0, 0, 1 as incidents, case when incidents.resolved_at is null then 0 else 1 end,
    coalesce(incidents.resolve_hours, 0), 0, {{ month_of('incidents.day') }} as month
from ({{ incidents() }}) as incidents
