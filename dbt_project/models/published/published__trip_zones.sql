select
    zone_id,
    zone,
    borough as centre_id,
    latitude,
    longitude
from {{ source('raw', 'trip_zones') }}
