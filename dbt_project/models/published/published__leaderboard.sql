-- How each candidate did over the rolling origins before its month, against those of the same month.
-- depends_on: {{ source('ml', 'retail_vintages') }}
-- depends_on: {{ source('ml', 'traffic_vintages') }}
-- depends_on: {{ source('ml', 'trips_vintages') }}
-- depends_on: {{ source('ml', 'deliveries_vintages') }}
select
    flow,
    measure,
    month,
    candidate,
    (metrics ->> 'rmse')::double precision as rmse,
    (metrics ->> 'mae')::double precision as mae,
    (metrics ->> 'mape')::double precision as mape,
    (metrics ->> 'mase')::double precision as mase,
    (metrics ->> 'wape')::double precision as wape,
    (metrics ->> 'coverage_80')::double precision as coverage_80,
    is_champion
from {{ source('ml', 'vintages') }}
