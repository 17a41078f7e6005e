-- Hash joins alone: before the first statistics of a table the planner sees one row, and joins all hours of
-- a counter with each other.
{{ config(
    unique_key=['centre_id', 'day'],
    pre_hook=["set local enable_nestloop = off", "set local enable_mergejoin = off"]
) }}
-- One row per counter and hour of the UTC day, also where no reading came: absent is null, not zero. The
-- hour is named by its end, as the counters stamp it; its calendar is that of the local day it lies in.
-- The weather is the newest vintage that was known at the hour's end, at the place of the counter.
-- The raw tables are named too: through the staging views, which have no partitions, Dagster would not
-- know that a day's readings must land before the day is merged.
-- depends_on: {{ source('raw', 'traffic') }}
-- depends_on: {{ source('raw', 'weather') }}
with counters as (
    select centre_id, place, timezone
    from {{ ref('centres') }}
    where flow = 'traffic' and {{ in_window('centre_id', "date '" ~ var('from_day') ~ "'") }}
),

hours as (
    select
        counters.centre_id,
        counters.place,
        counters.timezone,
        target_at,
        (target_at at time zone 'UTC')::date as day,
        ((target_at - interval '1 hour') at time zone counters.timezone) as local_begin
    from counters
    cross join generate_series(
        date '{{ var("from_day") }}'::timestamp at time zone 'UTC',
        least(
            (date '{{ var("to_day") }}' + 1)::timestamp at time zone 'UTC' - interval '1 hour', now()
        ),
        interval '1 hour'
    ) as target_at
),

-- Of several readings of an hour the one that has a volume counts, then the one nearest the hour's end,
-- then the one that was known first, so that a correction never changes what was said before it came; of
-- those known at once the last line.
readings as (
    select distinct on (centre_id, target_at)
        centre_id,
        target_at,
        vehicles,
        occupancy,
        state,
        greatest(available_at, target_at) as available_at,
        count(*) over (partition by centre_id, target_at) as source_rows
    from {{ ref('staging__traffic') }}
    where
        centre_id in (select centre_id from counters)
        -- A reading within the last hour of a day stands for the first of the next.
        and day between date '{{ var("from_day") }}' - 1 and date '{{ var("to_day") }}'
    order by
        centre_id, target_at, vehicles is not null desc, counted_at desc, available_at,
        source_file desc, source_line desc
),

places as (
    select distinct place, target_at, local_begin::date as local_day
    from hours
),

known_weather as (
    select distinct on (places.place, places.target_at)
        places.place,
        places.target_at,
        weather.vintage as weather_vintage,
        weather.available_at as weather_available_at,
        weather.temperature_mean,
        weather.precipitation_mm,
        weather.snowfall_cm,
        weather.wind_max_kmh
    from places
    inner join {{ ref('staging__weather') }} as weather
        on
            places.place = weather.centre_id
            and places.local_day = weather.target_day
            and weather.available_at <= places.target_at
    order by places.place, places.target_at, weather.available_at desc
)

select
    hours.centre_id,
    hours.day,
    hours.target_at,
    hours.local_begin::date as local_day,
    extract(hour from hours.local_begin)::integer as local_hour,
    readings.vehicles,
    readings.occupancy,
    {{ traffic_level('readings.occupancy') }} as level,
    readings.state,
    readings.available_at,
    coalesce(readings.source_rows, 0) as source_rows,
    hours.place,
    (extract(isodow from hours.local_begin) - 1)::integer as weekday,
    calendar.holiday,
    coalesce(calendar.is_public_holiday, false) as is_public_holiday,
    coalesce(calendar.is_bridge_day, false) as is_bridge_day,
    coalesce(calendar.is_school_holiday, false) as is_school_holiday,
    calendar.school_holiday,
    calendar.event,
    known_weather.weather_vintage,
    known_weather.weather_available_at,
    known_weather.temperature_mean,
    known_weather.precipitation_mm,
    known_weather.snowfall_cm,
    known_weather.wind_max_kmh
from hours
left join readings using (centre_id, target_at)
left join {{ ref('staging__calendar') }} as calendar
    on
        calendar.flow = 'traffic'
        and hours.place = calendar.centre_id
        and hours.local_begin::date = calendar.day
left join known_weather using (place, target_at)
