select
    centre_id, name, latitude, longitude, country, subdivision, school_zone, timezone, daily_capacity,
    flow, area, place
from {{ ref('centres') }}
