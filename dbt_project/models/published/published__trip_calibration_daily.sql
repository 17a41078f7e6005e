-- Sums, so that a reader can compute the mean of any days and boroughs.
select
    centre_id, day as date, model, from_minutes, trips, predicted, actual, inside_80
from {{ ref('monitoring__trips_calibration') }}
