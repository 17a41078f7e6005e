-- Only hash joins: before a table has its first statistics the planner assumes one row, and looks up the zone, the
-- calendar and the weather of each of millions of trips.
{{ config(
    incremental_strategy='replace_window',
    pre_hook=["set local enable_nestloop = off", "set local enable_mergejoin = off"]
) }}
-- One row per trip, with what was known at its pickup, and with its duration and driven distance, which are
-- known when it is over. Calendar and clock are those of the local day of the pickup; the weather is the newest
-- that was known when the UTC day began, so that all trips of a partition share it.
-- The raw tables are named for Dagster: the staging views have no partitions, so it would not know that the trips
-- and the weather of a day must be loaded before the day is merged.
-- depends_on: {{ source('raw', 'trips') }}
-- depends_on: {{ source('raw', 'weather') }}
with trips as (
    select
        trips.*,
        coalesce(centres.place, centres.centre_id) as place,
        trips.pickup_at at time zone centres.timezone as local_pickup
    from {{ ref('staging__trips') }} as trips
    inner join {{ ref('centres') }} as centres
        on centres.flow = 'trips' and trips.centre_id = centres.centre_id
    where {{ in_window('trips.centre_id', 'trips.day') }}
),

places as (
    select distinct place, day, local_pickup::date as local_day
    from trips
),

known_weather as (
    {{ newest_known_weather(
        ref('staging__weather'), asked='places', keys=['place', 'day', 'local_day'], place='place',
        target_day='local_day', known_by="places.day::timestamp at time zone 'UTC'"
    ) }}
)

select
    trips.trip_id,
    trips.centre_id,
    trips.day,
    trips.pickup_at,
    trips.dropoff_at,
    trips.service,
    trips.pickup_zone,
    trips.dropoff_zone,
    zones.borough as dropoff_centre_id,
    trips.local_pickup::date as local_day,
    extract(hour from trips.local_pickup)::integer as local_hour,
    (extract(hour from trips.local_pickup) * 60 + extract(minute from trips.local_pickup))::integer
        as local_minute,
    (extract(isodow from trips.local_pickup) - 1)::integer as weekday,
    trips.minutes,
    trips.distance_km,
    trips.place,
    {{ holiday_columns('calendar') }},
    known_weather.weather_vintage,
    known_weather.weather_available_at,
    {{ columns_of('known_weather', weather_columns()) }},
    trips.available_at,
    {{ is_whole('trips', 'trips') }} as is_whole
from trips
left join {{ source('raw', 'trip_zones') }} as zones on trips.dropoff_zone = zones.zone_id
left join {{ ref('staging__calendar') }} as calendar
    on
        calendar.flow = 'trips'
        and trips.place = calendar.centre_id
        and trips.local_pickup::date = calendar.day
left join known_weather
    on
        trips.place = known_weather.place
        and trips.day = known_weather.day
        and trips.local_pickup::date = known_weather.local_day
