-- Over all days, from borough to borough; a drop-off in an unknown zone has no borough.
select
    centre_id,
    dropoff_centre_id,
    sum(trips)::bigint as trips,
    sum(minutes) / sum(trips) as mean_minutes,
    sum(distance_km) / sum(trips) as mean_distance_km
from {{ ref('monitoring__trips_durations') }}
group by centre_id, dropoff_centre_id
