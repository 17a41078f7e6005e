-- Only hashing, as in monitoring__trips_calibration.
{{ config(
    incremental_strategy='replace_window',
    pre_hook=["set local enable_sort = off", "set local work_mem = '32MB'"]
) }}
-- The trips of a day added up by local weekday and hour of the pickup and by borough of the drop-off, so that means
-- over months read thousands of rows and not millions. day = UTC day of the pickup.
select
    centre_id,
    day,
    weekday,
    local_hour,
    dropoff_centre_id,
    count(*) as trips,
    {{ exact_sum('minutes') }} as minutes,
    {{ exact_sum('distance_km') }} as distance_km,
    max(available_at) as available_at
from {{ ref('merged__trips') }}
where {{ in_window() }}
group by centre_id, day, weekday, local_hour, dropoff_centre_id
