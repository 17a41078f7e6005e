-- The days on which the shop traded, and the reason on the others, each learned from the days before it. A weekday
-- is closed when the shop traded on none of the 8 such days before. A future day is expected to be closed when its
-- weekday is, or on a holiday on which the shop was closed the last time.
with known as (
    select
        day,
        min(weekday) as weekday,
        bool_or(is_trading_day) as traded,
        min(shop_holiday) as holiday
    from {{ ref('merged__retail') }}
    group by day
),

bounds as (
    select
        min(day) filter (where traded) as first_day,
        max(day) filter (where traded) as last_day
    from known
),

days as (
    select known.*, true as is_known
    from known
    cross join bounds
    where known.day between bounds.first_day and bounds.last_day
    union all
    select
        calendar.day,
        min(calendar.weekday)::integer as weekday,
        null::boolean as traded,
        min(calendar.shop_holiday) as holiday,
        false as is_known
    from {{ source('raw', 'calendar') }} as calendar
    cross join bounds
    where
        calendar.flow = 'retail'
        and calendar.day between bounds.last_day + 1 and bounds.last_day + 28
    group by calendar.day
),

learned as (
    select
        days.*,
        before.weeks,
        before.traded_weeks,
        last_time.traded as traded_last_time
    from days
    cross join bounds
    cross join lateral (
        select
            count(*) as weeks,
            count(*) filter (where known.traded) as traded_weeks
        from known
        where
            known.weekday = days.weekday
            and known.day between bounds.first_day and bounds.last_day
            and known.day between
            least(days.day, bounds.last_day + 1) - 56 and least(days.day, bounds.last_day + 1) - 1
    ) as before
    left join lateral (
        select known.traded
        from known
        where known.holiday = days.holiday and known.day < days.day
        order by known.day desc
        limit 1
    ) as last_time on not days.is_known and days.holiday is not null
),

judged as (
    select
        *,
        weeks = 8 and traded_weeks = 0 as weekday_is_closed,
        (array['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])
        [weekday + 1] as weekday_name
    from learned
)

select
    day,
    weekday,
    coalesce(
        traded, not weekday_is_closed and not (holiday is not null and traded_last_time is false)
    ) as is_trading_day,
    case
        when traded then null
        when weekday_is_closed then 'closed weekday (' || weekday_name || ', traded 0 of 8 weeks)'
        when holiday is not null and coalesce(not traded, not traded_last_time)
            then 'holiday: ' || holiday
        when is_known then 'no sales recorded'
    end as reason,
    is_known
from judged
