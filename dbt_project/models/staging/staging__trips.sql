-- Every trip that passed the checks, with its duration.
select
    trip_id,
    centre_id,
    day,
    service,
    pickup_at,
    dropoff_at,
    pickup_zone,
    dropoff_zone,
    (extract(epoch from dropoff_at - pickup_at) / 60)::double precision as minutes,
    distance_km,
    available_at
from {{ source('raw', 'trips') }}
