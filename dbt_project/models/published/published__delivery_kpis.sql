-- The figures of the deliveries desk by month of placing: of all orders, and by each value of a dimension. Each
-- dimension is a query of its own, so that a reader of one does not pay for all. late_rate = late / delivered;
-- gaps are actual - predicted at approval, over orders that were delivered and scored; high_risk_share is over scored
-- orders.
{% for dimension, value in [
    ('all', "'*'::text"), ('centre', 'centre_id'), ('shipper', 'shipper'), ('category', 'category'),
    ('segment', 'segment'),
] -%}
select
    '{{ dimension }}'::text as dimension,
    value,
    month,
    sum(orders)::bigint as orders,
    sum(delivered)::bigint as delivered,
    sum(late) / nullif(sum(delivered), 0)::double precision as late_rate,
    sum(gap_days) / nullif(sum(delivered_scored), 0)::double precision as mean_gap_days,
    sum(abs_gap_days) / nullif(sum(delivered_scored), 0)::double precision as mean_abs_gap_days,
    sum(high_risk) / nullif(sum(scored), 0)::double precision as high_risk_share,
    sum(resolve_hours) / nullif(sum(incidents_resolved), 0)::double precision as mean_resolve_hours
from (
    select
        {{ value }} as value, month, orders, delivered, late, scored, delivered_scored, gap_days,
        abs_gap_days, high_risk, 0 as incidents_resolved, 0 as resolve_hours
    from {{ ref('monitoring__deliveries_performance') }}
    union all
    select
        {{ value if value != 'segment' else segment_when_placed('incidents') }} as value,
        {{ month_of('day') }} as month, 0, 0, 0, 0, 0, 0, 0, 0, 1, resolve_hours
    from ({{ incidents() }}) as incidents
    where resolved_at is not null
) as parts
group by value, month
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
