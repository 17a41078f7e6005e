select
    event_id,
    incident_id,
    order_id,
    type,
    kind,
    occurred_at,
    available_at
from {{ source('raw', 'incident_logs') }}
