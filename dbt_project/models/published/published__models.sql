select
    flow,
    measure,
    candidate,
    month,
    cutoff,
    model_version,
    is_champion,
    {{ vintage_metrics(['mae', 'rmse', 'mape', 'wape', 'mase', 'bias', 'coverage_80', 'coverage_95']) }},
    trained_rows,
    train_first,
    train_last,
    sha256,
    trained_at,
    artefact_path
from {{ source('ml', 'vintages') }}
