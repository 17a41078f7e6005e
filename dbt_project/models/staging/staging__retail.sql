-- The lines of a country and day added up by class. An exact copy of a line has class duplicate and is no sale; a
-- copy of a return has class return and is left out by its occurrence. Sums are of decimals: those of binary
-- fractions depend on the order of the rows.
with lines as (
    select
        *,
        line_class = 'sale' as is_sale,
        line_class in ('return', 'cancellation') and occurrence = 1 as is_return,
        quantity::numeric as pieces,
        quantity::numeric * price::numeric as amount
    from {{ source('raw', 'retail') }}
)

select
    centre_id,
    day,
    coalesce(sum(pieces) filter (where is_sale), 0)::double precision as quantity,
    count(distinct invoice) filter (where is_sale) as invoices,
    count(distinct customer) filter (where is_sale) as customers,
    coalesce(sum(amount) filter (where is_sale), 0)::double precision as revenue,
    coalesce(sum(-pieces) filter (where is_return), 0)::double precision as returned_quantity,
    coalesce(sum(-amount) filter (where is_return), 0)::double precision as returned_revenue,
    max(available_at) as available_at,
    count(*) as source_rows
from lines
group by centre_id, day
