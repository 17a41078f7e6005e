-- Every line of the files by class: what was counted as a sale, and what was not.
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
