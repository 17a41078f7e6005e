-- Each incident once; what the desk resolves counts at once.
select incident_id, order_id, centre_id, day, kind, opened_at, resolved_at, resolve_hours, resolved_by, shipper
from ({{ incidents() }}) as incidents
