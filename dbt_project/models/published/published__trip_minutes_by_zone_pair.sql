-- Over all days. The names are joined to the sums, not to the rows of each day.
with pairs as (
    select
        centre_id,
        pickup_zone,
        dropoff_zone,
        {{ trip_means() }}
    from {{ ref('monitoring__trips_zone_pairs') }}
    group by centre_id, pickup_zone, dropoff_zone
)

select
    pairs.centre_id,
    pairs.pickup_zone,
    pairs.dropoff_zone,
    pickup.zone as pickup_zone_name,
    dropoff.zone as dropoff_zone_name,
    pairs.trips,
    pairs.mean_minutes,
    pairs.mean_distance_km
from pairs
left join {{ source('raw', 'trip_zones') }} as pickup on pairs.pickup_zone = pickup.zone_id
left join {{ source('raw', 'trip_zones') }} as dropoff on pairs.dropoff_zone = dropoff.zone_id
