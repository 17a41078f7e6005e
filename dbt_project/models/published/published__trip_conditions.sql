-- What a trip model is told of each date at the place of the trips, from the calendar's begin to 30 days ahead:
-- the calendar, and the newest weather that is known of the date by now.
with places as (
    select distinct coalesce(place, centre_id) as place, timezone
    from {{ ref('centres') }}
    where flow = 'trips'
),

dates as (
    select
        places.place,
        places.timezone,
        calendar.day as date,
        calendar.holiday,
        calendar.is_public_holiday,
        calendar.is_bridge_day,
        calendar.is_school_holiday
    from places
    inner join {{ source('raw', 'calendar') }} as calendar
        on
            calendar.flow = 'trips'
            and places.place = calendar.centre_id
            and calendar.day <= (now() at time zone places.timezone)::date + 30
),

known_weather as (
    select distinct on (dates.place, dates.date)
        dates.place,
        dates.date,
        weather.temperature_mean,
        weather.precipitation_mm,
        weather.snowfall_cm,
        weather.wind_max_kmh
    from dates
    inner join {{ source('raw', 'weather') }} as weather
        on
            dates.place = weather.centre_id
            and dates.date = weather.target_day
            and weather.available_at <= now()
    order by dates.place, dates.date, weather.available_at desc
)

select
    dates.place,
    dates.timezone,
    dates.date,
    dates.holiday,
    dates.is_public_holiday,
    dates.is_bridge_day,
    dates.is_school_holiday,
    known_weather.temperature_mean,
    known_weather.precipitation_mm,
    known_weather.snowfall_cm,
    known_weather.wind_max_kmh
from dates
left join known_weather using (place, date)
