-- Over all days; centre '*' is all boroughs together.
select
    coalesce(centre_id, '*') as centre_id,
    local_hour,
    sum(trips)::bigint as trips,
    sum(minutes) / sum(trips) as mean_minutes,
    sum(distance_km) / sum(trips) as mean_distance_km
from {{ ref('monitoring__trips_durations') }}
group by grouping sets ((local_hour, centre_id), (local_hour))
