-- depends_on: {{ source('ml', 'retail_vintages') }}
-- depends_on: {{ source('ml', 'traffic_vintages') }}
-- depends_on: {{ source('ml', 'trips_vintages') }}
-- depends_on: {{ source('ml', 'deliveries_vintages') }}
select
    flow,
    measure,
    candidate,
    month,
    cutoff,
    model_version,
    is_champion,
    (metrics ->> 'mae')::double precision as mae,
    (metrics ->> 'rmse')::double precision as rmse,
    (metrics ->> 'mape')::double precision as mape,
    (metrics ->> 'wape')::double precision as wape,
    (metrics ->> 'mase')::double precision as mase,
    (metrics ->> 'bias')::double precision as bias,
    (metrics ->> 'coverage_80')::double precision as coverage_80,
    (metrics ->> 'coverage_95')::double precision as coverage_95,
    trained_rows,
    train_first,
    train_last,
    sha256,
    trained_at,
    artefact_path
from {{ source('ml', 'vintages') }}
