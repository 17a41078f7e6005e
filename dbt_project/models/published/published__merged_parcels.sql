select *
from {{ ref('merged__parcels') }}
