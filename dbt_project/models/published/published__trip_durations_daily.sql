-- Sums, so that a reader can compute the mean of any days and boroughs.
select
    centre_id, day as date, weekday, local_hour, dropoff_centre_id, trips, minutes, distance_km
from {{ ref('monitoring__trips_durations') }}
