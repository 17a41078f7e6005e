-- Leaves out centres that are no longer in use. A counter has the calendar of its place: thousands of them share
-- one.
with places as (
    select distinct flow, coalesce(place, centre_id) as centre_id
    from {{ ref('centres') }}
)

select
    calendar.flow,
    calendar.centre_id,
    calendar.day,
    calendar.weekday::integer as weekday,
    calendar.holiday,
    calendar.is_public_holiday,
    calendar.is_bridge_day,
    calendar.is_school_holiday,
    calendar.school_holiday,
    calendar.days_to_holiday::integer as days_to_holiday,
    calendar.days_since_holiday::integer as days_since_holiday,
    calendar.is_month_start,
    calendar.is_month_end,
    calendar.event,
    calendar.is_event,
    calendar.event_announced,
    calendar.shop_holiday
from {{ source('raw', 'calendar') }} as calendar
inner join places using (flow, centre_id)
