{{ config(unique_key=['centre_id', 'day']) }}
-- One row per centre and day, also where no count came: absent is null, not zero. The weather is the
-- newest vintage that was known at the close of the day, so the row never knows more than its reader.
-- The raw tables are named too: through the staging views, which have no partitions, Dagster would not
-- know that a day's counts and weather must land before the day is merged.
-- depends_on: {{ source('raw', 'parcels') }}
-- depends_on: {{ source('raw', 'weather') }}
with days as (
    select calendar.*, centres.timezone
    from {{ ref('staging__calendar') }} as calendar
    inner join {{ ref('centres') }} as centres using (flow, centre_id)
    where calendar.flow = 'parcels' and {{ in_window('calendar.centre_id', 'calendar.day') }}
),

known_weather as (
    select distinct on (days.centre_id, days.day)
        days.centre_id,
        days.day,
        weather.vintage as weather_vintage,
        weather.available_at as weather_available_at,
        weather.temperature_mean,
        weather.temperature_min,
        weather.temperature_max,
        weather.precipitation_mm,
        weather.snowfall_cm,
        weather.wind_max_kmh
    from days
    inner join {{ ref('staging__weather') }} as weather
        on
            days.centre_id = weather.centre_id
            and days.day = weather.target_day
            and weather.available_at <= {{ close_of_day('days.day', 'days.timezone') }}
    order by days.centre_id, days.day, weather.available_at desc
)

select
    days.centre_id,
    days.day,
    counts.parcels,
    counts.available_at,
    coalesce(counts.source_rows, 0) as source_rows,
    days.day::timestamp at time zone days.timezone as target_at,
    {{ close_of_day('days.day', 'days.timezone') }} as issued_at,
    days.weekday,
    days.holiday,
    days.is_public_holiday,
    days.is_bridge_day,
    days.is_school_holiday,
    days.school_holiday,
    days.days_to_holiday,
    days.days_since_holiday,
    days.is_month_start,
    days.is_month_end,
    days.event,
    days.is_event,
    known_weather.weather_vintage,
    known_weather.weather_available_at,
    known_weather.temperature_mean,
    known_weather.temperature_min,
    known_weather.temperature_max,
    known_weather.precipitation_mm,
    known_weather.snowfall_cm,
    known_weather.wind_max_kmh
from days
left join {{ ref('staging__parcels') }} as counts using (centre_id, day)
left join known_weather using (centre_id, day)
