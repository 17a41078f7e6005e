-- depends_on: {{ source('ml', 'retail_forecasts') }}
-- depends_on: {{ source('ml', 'traffic_forecasts') }}
-- By the data itself: a backfill of an old day makes nothing fresh. The score of a trip is said as it begins.
-- The orders of deliveries are facts from the day of placing on; newest_at is when the newest event came.
select
    'parcels'::text as flow,
    'actuals'::text as dataset,
    max(day) as newest_day,
    max(available_at) as newest_at,
    count(*) as rows
from {{ ref('merged__parcels') }}
where parcels is not null
union all
select
    'retail'::text as flow,
    'actuals'::text as dataset,
    max(day) as newest_day,
    max(available_at) as newest_at,
    count(*) as rows
from {{ ref('merged__retail') }}
where quantity is not null
union all
select
    'traffic'::text as flow,
    'actuals'::text as dataset,
    max(day) as newest_day,
    max(available_at) as newest_at,
    count(*) as rows
from {{ ref('merged__traffic') }}
where vehicles is not null
union all
select
    'trips'::text as flow,
    'actuals'::text as dataset,
    max(day) as newest_day,
    max(available_at) as newest_at,
    sum(trips)::bigint as rows
from {{ ref('monitoring__trips_durations') }}
union all
select
    'trips'::text as flow,
    'predictions'::text as dataset,
    max(day) as newest_day,
    max(pickup_at) as newest_at,
    count(*) as rows
from {{ source('ml', 'trips_scores') }}
union all
select
    'deliveries'::text as flow,
    'actuals'::text as dataset,
    max(day) as newest_day,
    max(known_at) as newest_at,
    sum(orders)::bigint as rows
from {{ ref('monitoring__deliveries_performance') }}
union all
select
    'deliveries'::text as flow,
    'predictions'::text as dataset,
    max(day) as newest_day,
    max(scored_at) as newest_at,
    count(*) as rows
from {{ source('ml', 'deliveries_scores') }}
union all
select
    flow,
    'predictions'::text as dataset,
    max(day) as newest_day,
    max(issued_at) as newest_at,
    count(*) as rows
from {{ source('ml', 'forecasts') }}
group by flow
