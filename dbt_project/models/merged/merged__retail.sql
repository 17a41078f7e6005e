{{ config(unique_key=['centre_id', 'day'], pre_hook="set local enable_nestloop = off") }}
-- One row per country and day. Missing is not zero: on a day on which the shop sold anything anywhere, a
-- country that has bought before and bought nothing has 0; on a day on which the shop was closed, or before
-- its first sale, a country has null.
-- The hook is for tables that have just been loaded and have no statistics yet: PostgreSQL takes them for small
-- and adds up the lines once for each row, and seconds become minutes.
-- The raw table is named for Dagster: the staging view has no partitions, so it would not know that the lines of a
-- day must be loaded before the day is merged.
-- depends_on: {{ source('raw', 'retail') }}
with days as (
    {{ calendar_days('retail', in_window('calendar.centre_id', 'calendar.day')) }}
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
    {% for name in ['quantity', 'invoices', 'customers', 'revenue', 'returned_quantity', 'returned_revenue'] -%}
    case when sums.counts then coalesce(sums.{{ name }}, 0)::double precision end as {{ name }},
    {% endfor -%}
    case when sums.counts then sums.available_at end as available_at,
    coalesce(sums.source_rows, 0) as source_rows,
    coalesce(sums.is_trading_day, false) as is_trading_day,
    days.target_at,
    days.issued_at,
    {{ columns_of('days', calendar_columns(without=['is_school_holiday', 'school_holiday'])) }},
    days.shop_holiday,
    {{ is_whole('retail', 'days') }} as is_whole
from days
left join sums using (centre_id, day)
