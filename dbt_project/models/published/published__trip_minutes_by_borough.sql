-- Over all days, from borough to borough; a drop-off in an unknown zone has no borough.
select
    centre_id,
    dropoff_centre_id,
    {{ trip_means() }}
from {{ ref('monitoring__trips_durations') }}
group by centre_id, dropoff_centre_id
