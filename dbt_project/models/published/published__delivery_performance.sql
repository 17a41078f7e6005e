-- Sums over the orders placed on a day, so that a reader adds up what a cut needs: a key has several rows. What is
-- at risk now and the incidents stand in rows of their own, counted live: what the desk resolves counts at once.
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
    and said.late_probability >= said.threshold
    and not {{ is_resolved_at_desk('orders') }}
union all
select
    incidents.day, incidents.centre_id, incidents.shipper, incidents.category,
    {{ segment_when_placed('incidents') }} as segment,
    0, 0, 0, 0, 0, 0, 0, 0, 1 as incidents, case when incidents.resolved_at is null then 0 else 1 end,
    coalesce(incidents.resolve_hours, 0), 0, {{ month_of('incidents.day') }} as month
from ({{ incidents() }}) as incidents
