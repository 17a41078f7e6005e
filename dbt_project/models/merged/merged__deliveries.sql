{{ config(
    incremental_strategy='replace_window',
    post_hook=[
        "create index if not exists {{ this.name }}_by_order on {{ this }} (order_id)",
        "create index if not exists {{ this.name }}_by_day on {{ this }} (day)",
        "create index if not exists {{ this.name }}_open on {{ this }} (centre_id, day)"
        ~ " where status in ('placed', 'approved', 'in_transit')",
    ]
) }}
-- One row per order that was placed, however late or out of order its events arrive. Its attributes are those
-- that were known when its approval became known, so that a model could have used them; later corrections are
-- in merged.deliveries_history. Of several events of one type the one that became known first counts: what was
-- once known does not change. An event that became known before the order itself counts as known with the order.
-- Every order looks up its own events by index, so that a window costs what its orders cost, with or without
-- statistics.
-- The raw table is named for Dagster: the staging views have no partitions, so it would not know that the orders of
-- a day must be loaded before the day is merged.
-- depends_on: {{ source('raw', 'orders') }}
{%- set first_known = 'order by available_at, occurred_at, event_id' %}
{%- set at_approval = 'known.approved_known_at is null or available_at <= known.approved_known_at' %}
with placed as (
    select *
    from {{ ref('staging__orders') }}
    where type = 'placed' and {{ in_window() }}
),

known as (
    select
        placed.*,
        placed.occurred_at as placed_at,
        life.approved_at,
        case when life.approved_at is not null then greatest(life.approval_available_at, placed.available_at) end
            as approved_known_at,
        life.cancelled_at,
        case when life.cancelled_at is not null then greatest(life.cancellation_available_at, placed.available_at) end
            as cancelled_known_at,
        life.corrections,
        coalesce(life.promised_now_at, placed.promised_at) as promised_now_at,
        life.known_at as orders_known_at
    from placed
    cross join lateral (
        select
            (array_agg(occurred_at {{ first_known }}) filter (where type = 'approved'))[1] as approved_at,
            min(available_at) filter (where type = 'approved') as approval_available_at,
            (array_agg(occurred_at {{ first_known }}) filter (where type = 'cancelled'))[1] as cancelled_at,
            min(available_at) filter (where type = 'cancelled') as cancellation_available_at,
            (count(*) filter (where type = 'corrected'))::integer as corrections,
            (array_agg(promised_at order by occurred_at desc, available_at desc, event_id desc)
                filter (where type = 'corrected' and promised_at is not null))[1] as promised_now_at,
            max(available_at) as known_at
        from {{ ref('staging__orders') }}
        where order_id = placed.order_id
    ) as life
)

select
    known.order_id,
    known.centre_id,
    known.day,
    known.customer,
    known.placed_at,
    payments.paid_at,
    payments.paid_known_at,
    known.approved_at,
    known.approved_known_at,
    tracked.handed_over_at,
    tracked.handed_over_known_at,
    tracked.last_tracked_at,
    tracked.last_tracked,
    tracked.delivered_at,
    tracked.delivered_known_at,
    known.cancelled_at,
    known.cancelled_known_at,
    {{ corrected_attributes('known') | indent(4) }},
    coalesce(
        coalesce(change.carrier, known.carrier),
        case when basket.items is null then known.seller else basket.seller end
    ) as shipper,
    payments.payment_method,
    payments.installments,
    payments.paid_value,
    known.corrections,
    known.promised_now_at,
    case
        when tracked.returned_at is not null then 'returned'
        when tracked.delivered_at is not null then 'delivered'
        when known.cancelled_at is not null then 'cancelled'
        when tracked.last_tracked_at is not null then 'in_transit'
        when known.approved_at is not null then 'approved'
        else 'placed'
    end as status,
    (extract(epoch from tracked.delivered_at - known.placed_at) / 86400)::double precision as days,
    tracked.delivered_at > coalesce(change.promised_at, known.promised_at) as was_late,
    greatest(known.orders_known_at, payments.known_at, tracked.known_at) as known_at,
    {{ is_whole('deliveries', 'known') }} as is_whole
from known
{{ join_corrections('known', 'known.approved_known_at', 'known.corrections > 0') }}
cross join lateral (
    select
        min(occurred_at) as paid_at,
        case when count(*) > 0 then greatest(min(available_at), known.available_at) end as paid_known_at,
        (array_agg(method order by value desc, occurred_at, event_id) filter (where {{ at_approval }}))[1]
            as payment_method,
        max(installments) filter (where {{ at_approval }}) as installments,
        {{ exact_sum('value') }} as paid_value,
        max(available_at) as known_at
    from {{ ref('staging__payments') }}
    where order_id = known.order_id
) as payments
cross join lateral (
    select
        (array_agg(occurred_at {{ first_known }}) filter (where type = 'handed_over'))[1] as handed_over_at,
        min(available_at) filter (where type = 'handed_over') as handed_over_known_at,
        (array_agg(occurred_at {{ first_known }}) filter (where type = 'delivered'))[1] as delivered_at,
        min(available_at) filter (where type = 'delivered') as delivered_known_at,
        min(occurred_at) filter (where type = 'returned') as returned_at,
        max(occurred_at) as last_tracked_at,
        (array_agg(type order by occurred_at desc, array_position(
            array['returned', 'delivered', 'out_for_delivery', 'in_transit', 'handed_over'], type
        )))[1] as last_tracked,
        max(available_at) as known_at
    from {{ ref('staging__tracking') }}
    where order_id = known.order_id
) as tracked
