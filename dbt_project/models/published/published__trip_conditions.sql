-- The inputs of a trip model for each date at the place of the trips, from the first day of the calendar to 30 days
-- ahead: the calendar, and the newest weather for the date that is known by now.
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
    {{ newest_known_weather(
        source('raw', 'weather'), asked='dates', keys=['place', 'date'], place='place', target_day='date',
        known_by='now()'
    ) }}
)

select
    dates.place,
    dates.timezone,
    dates.date,
    dates.holiday,
    dates.is_public_holiday,
    dates.is_bridge_day,
    dates.is_school_holiday,
    {{ columns_of('known_weather', weather_columns()) }}
from dates
left join known_weather using (place, date)
