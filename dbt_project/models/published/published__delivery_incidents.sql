-- Each incident once. Read live: a resolution at the desk shows immediately.
select incident_id, order_id, centre_id, day, kind, opened_at, resolved_at, resolve_hours, resolved_by, shipper
from ({{ incidents() }}) as incidents
