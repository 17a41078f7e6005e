-- Of the orders of which a risk of so many tenths was said, how many came late: sums, all centres together.
select
    stage,
    {{ month_of('day') }} as month,
    bucket,
    sum(orders)::bigint as orders,
    sum(probability) as probability,
    sum(late)::bigint as late
from {{ ref('monitoring__deliveries_calibration') }}
group by stage, {{ month_of('day') }}, bucket
