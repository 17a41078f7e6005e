-- The errors of each candidate over the rolling origins before its month, to compare with the others of that month.
select
    flow,
    measure,
    month,
    candidate,
    {{ vintage_metrics(['rmse', 'mae', 'mape', 'mase', 'wape', 'coverage_80']) }},
    is_champion
from {{ source('ml', 'vintages') }}
