-- Sums, so that a reader can compute the mean of any days and zones; the names of zones are in trip_zones.
select
    centre_id, day as date, pickup_zone, dropoff_zone, trips, minutes, distance_km, scored, absolute_error
from {{ ref('monitoring__trips_zone_pairs') }}
