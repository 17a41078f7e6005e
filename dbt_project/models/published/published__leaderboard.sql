-- The errors of each candidate over the rolling origins before its month, to compare with the others of that month.
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
