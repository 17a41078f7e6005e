select flow, centre_id, day, rows_refused, rows_without_day, rows_stored, reason
from {{ source('ops', 'days_not_whole') }}
