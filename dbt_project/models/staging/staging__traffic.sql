-- Every reading, with the hour it stands for: the one it ends in. Which of several counts is chosen in
-- merged.traffic.
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
