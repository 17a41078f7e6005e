select *
from {{ ref('merged__traffic') }}
