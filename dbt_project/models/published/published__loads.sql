select
    flow, load_id, loaded_at, file, first_day, last_day, rows_in_file, rows_read, rows_stored,
    rows_quarantined, rows_left, error, rows_repeated, encoding,
    days_not_whole, dates
from {{ source('ops', 'loads') }}
