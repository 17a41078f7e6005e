-- Sums, so that a reader can have the mean of any days and cut; the names are in trip_zones.
select
    centre_id, day as date, pickup_zone, dropoff_zone, trips, minutes, distance_km, scored, absolute_error
from {{ ref('monitoring__trips_zone_pairs') }}
