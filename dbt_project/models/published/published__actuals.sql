-- What came. A day without a report has no row.
select
    'parcels'::text as flow,
    'parcels'::text as measure,
    centre_id,
    target_at,
    day as date,
    parcels as value
from {{ ref('merged__parcels') }}
where parcels is not null
