-- The newest issue for each target. Reads the table, not the view `predictions`: replacing that would drop this view
-- for a moment.
select distinct on (flow, measure, centre_id, target_at)
    flow, measure, centre_id, target_at, date, horizon::integer as horizon, prediction,
    lower_80, upper_80, lower_95, upper_95, issued_at, day as issued_on, model_version,
    level
from {{ source('ml', 'forecasts') }}
order by flow, measure, centre_id, target_at, issued_at desc
