select
    event_id,
    order_id,
    occurred_at,
    available_at,
    method,
    installments::integer as installments,
    value
from {{ source('raw', 'payments') }}
