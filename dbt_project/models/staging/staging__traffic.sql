-- Every reading, with the hour in which it ends. merged.traffic chooses which of several readings of an hour
-- counts.
select
    centre_id,
    day,
    date_trunc('hour', counted_at + interval '59 minutes 59.999999 seconds', 'UTC') as target_at,
    counted_at,
    vehicles,
    occupancy,
    state,
    available_at,
    source_file,
    source_line
from {{ source('raw', 'traffic') }}
