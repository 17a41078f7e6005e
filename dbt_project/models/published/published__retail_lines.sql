-- Every line of the files by class: those that count as a sale, and those that do not.
select
    centre_id,
    day,
    line_class,
    count(*) as lines,
    count(*) filter (where has_customer) as lines_with_customer,
    sum(quantity::numeric)::double precision as quantity,
    sum(quantity::numeric * price::numeric)::double precision as revenue
from {{ source('raw', 'retail') }}
group by centre_id, day, line_class
