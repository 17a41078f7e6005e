-- Every vintage: a reader chooses by when it must have been known.
select
    centre_id,
    day,
    vintage,
    target_day,
    lead_days::integer as lead_days,
    available_at,
    temperature_mean,
    temperature_min,
    temperature_max,
    precipitation_mm,
    snowfall_cm,
    wind_max_kmh
from {{ source('raw', 'weather') }}
