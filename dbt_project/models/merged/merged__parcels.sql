{{ config(unique_key=['centre_id', 'day']) }}
-- One row per centre and day, also for a day without a count: missing is null, not zero. The weather is the
-- newest that was known at the close of the day, when the forecasts are issued.
-- The raw tables are named for Dagster: the staging views have no partitions, so it would not know that the
-- counts and the weather of a day must be loaded before the day is merged.
-- depends_on: {{ source('raw', 'parcels') }}
-- depends_on: {{ source('raw', 'weather') }}
{%- set weather = [
    'temperature_mean', 'temperature_min', 'temperature_max', 'precipitation_mm', 'snowfall_cm', 'wind_max_kmh'
] %}
with days as (
    {{ calendar_days('parcels', in_window('calendar.centre_id', 'calendar.day')) }}
),

known_weather as (
    {{ newest_known_weather(
        ref('staging__weather'), asked='days', keys=['centre_id', 'day'], place='centre_id', target_day='day',
        known_by='days.issued_at', columns=weather
    ) }}
)

select
    days.centre_id,
    days.day,
    counts.parcels,
    counts.available_at,
    coalesce(counts.source_rows, 0) as source_rows,
    days.target_at,
    days.issued_at,
    {{ columns_of('days', calendar_columns()) }},
    known_weather.weather_vintage,
    known_weather.weather_available_at,
    {{ columns_of('known_weather', weather) }},
    {{ is_whole('parcels', 'days') }} as is_whole
from days
left join {{ ref('staging__parcels') }} as counts using (centre_id, day)
left join known_weather using (centre_id, day)
