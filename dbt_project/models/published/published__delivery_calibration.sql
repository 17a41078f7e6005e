-- Predicted and actual late orders per tenth of the predicted probability: sums, all centres together.
select
    stage,
    {{ month_of('day') }} as month,
    bucket,
    sum(orders)::bigint as orders,
    sum(probability) as probability,
    sum(late)::bigint as late
from {{ ref('monitoring__deliveries_calibration') }}
group by stage, {{ month_of('day') }}, bucket
