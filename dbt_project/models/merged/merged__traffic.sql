-- Only hash joins: before a table has its first statistics the planner assumes one row, and joins all hours of a
-- counter with each other.
{{ config(
    unique_key=['centre_id', 'day'],
    pre_hook=["set local enable_nestloop = off", "set local enable_mergejoin = off"]
) }}
-- One row per counter and hour of the UTC day, also for an hour without a reading: missing is null, not zero.
-- The hour is named by its end, as the counters do; its calendar is that of its local day. The weather is the
-- newest that was known at the end of the hour, at the place of the counter.
-- The raw tables are named for Dagster: the staging views have no partitions, so it would not know that the
-- readings and the weather of a day must be loaded before the day is merged.
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

-- Of several readings of an hour the one with a volume counts, then the one nearest the end of the hour, then
-- the one that was known first, so that a correction never changes a forecast issued before it was known; of
-- those that became known together the last line.
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
        -- A reading within the last hour of a day is one of the first hour of the next.
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
    {{ newest_known_weather(
        ref('staging__weather'), asked='places', keys=['place', 'target_at'], place='place',
        target_day='local_day', known_by='places.target_at'
    ) }}
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
    {{ holiday_columns('calendar') }},
    calendar.school_holiday,
    calendar.event,
    known_weather.weather_vintage,
    known_weather.weather_available_at,
    {{ columns_of('known_weather', weather_columns()) }},
    -- A reading is of one hour: the refused ones of a day leave its other hours whole.
    readings.source_rows is not null or {{ is_whole('traffic', 'hours') }} as is_whole
from hours
left join readings using (centre_id, target_at)
left join {{ ref('staging__calendar') }} as calendar
    on
        calendar.flow = 'traffic'
        and hours.place = calendar.centre_id
        and hours.local_begin::date = calendar.day
left join known_weather using (place, target_at)
