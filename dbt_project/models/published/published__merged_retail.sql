select *
from {{ ref('merged__retail') }}
