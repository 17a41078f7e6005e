-- Every issue of every forecast is kept.
select
    flow, measure, centre_id, target_at, date, horizon::integer as horizon, prediction,
    lower_80, upper_80, lower_95, upper_95, issued_at, day as issued_on, model_version,
    level
from {{ source('ml', 'forecasts') }}
