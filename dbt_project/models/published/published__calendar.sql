select
    calendar.centre_id,
    calendar.day,
    calendar.holiday,
    calendar.is_public_holiday,
    calendar.is_bridge_day,
    calendar.is_school_holiday,
    calendar.school_holiday,
    calendar.event,
    calendar.is_event,
    calendar.flow
from {{ source('raw', 'calendar') }} as calendar
inner join (
    select distinct flow, coalesce(place, centre_id) as centre_id
    from {{ ref('centres') }}
) as places using (flow, centre_id)
