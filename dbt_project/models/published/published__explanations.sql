-- The parts of each forecast: usual + by_calendar + by_weather + by_events + by_recent_level + by_trend is the
-- prediction. Forecasts of the fallback have no parts and are left out.
select
    flow, measure, centre_id, target_at, date, horizon::integer as horizon, issued_at, day as issued_on,
    model_version, prediction, usual, by_calendar, by_weather, by_events, by_recent_level, by_trend
from {{ source('ml', 'forecasts') }}
where usual is not null
