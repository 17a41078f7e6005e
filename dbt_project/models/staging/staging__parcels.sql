-- The rows of a centre and day added up; the sum is known when its last row is.
select
    centre_id,
    day,
    sum(parcels) as parcels,
    max(available_at) as available_at,
    count(*) as source_rows
from {{ source('raw', 'parcels') }}
group by centre_id, day
