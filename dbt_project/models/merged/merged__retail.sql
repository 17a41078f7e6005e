{{ config(unique_key=['centre_id', 'day'], pre_hook="set local enable_nestloop = off") }}
-- One row per country and day. Absent is not zero: on a day on which the shop sold anything anywhere, a
-- country that has sold before and sold nothing has 0; on a day the shop was closed, or before its first
-- sale, a country has null.
-- Tables that have just been loaded have no statistics yet: without the hook PostgreSQL takes them for
-- small, adds the lines up once for each row, and seconds become minutes.
-- The raw tables are named too: through the staging views, which have no partitions, Dagster would not
-- know that a day's lines must land before the day is merged.
-- depends_on: {{ source('raw', 'retail') }}
with days as (
    select calendar.*, centres.timezone
    from {{ ref('staging__calendar') }} as calendar
    inner join {{ ref('centres') }} as centres using (flow, centre_id)
    where calendar.flow = 'retail' and {{ in_window('calendar.centre_id', 'calendar.day') }}
),

lines as (
    select *
    from {{ ref('staging__retail') }}
    where {{ in_window() }}
),

sums as (
    select
        shop.centre_id,
        shop.day,
        shop.shop_sale_lines > 0 as is_trading_day,
        shop.shop_sale_lines > 0 and (shop.seen_before or lines.invoices > 0) as counts,
        lines.quantity,
        lines.invoices,
        lines.customers,
        lines.revenue,
        lines.returned_quantity,
        lines.returned_revenue,
        lines.source_rows,
        greatest(shop.available_at, lines.available_at) as available_at
    from {{ source('raw', 'retail_days') }} as shop
    left join lines using (centre_id, day)
    where {{ in_window('shop.centre_id', 'shop.day') }}
)

select
    days.centre_id,
    days.day,
    case when sums.counts then coalesce(sums.quantity, 0)::double precision end as quantity,
    case when sums.counts then coalesce(sums.invoices, 0)::double precision end as invoices,
    case when sums.counts then coalesce(sums.customers, 0)::double precision end as customers,
    case when sums.counts then coalesce(sums.revenue, 0)::double precision end as revenue,
    case when sums.counts then coalesce(sums.returned_quantity, 0)::double precision end as returned_quantity,
    case when sums.counts then coalesce(sums.returned_revenue, 0)::double precision end as returned_revenue,
    case when sums.counts then sums.available_at end as available_at,
    coalesce(sums.source_rows, 0) as source_rows,
    coalesce(sums.is_trading_day, false) as is_trading_day,
    days.day::timestamp at time zone days.timezone as target_at,
    {{ close_of_day('days.day', 'days.timezone') }} as issued_at,
    days.weekday,
    days.holiday,
    days.is_public_holiday,
    days.is_bridge_day,
    days.days_to_holiday,
    days.days_since_holiday,
    days.is_month_start,
    days.is_month_end,
    days.event,
    days.is_event,
    days.shop_holiday
from days
left join sums using (centre_id, day)
