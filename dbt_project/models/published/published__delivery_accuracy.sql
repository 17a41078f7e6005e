-- Sums over the delivered orders of a day, so that a reader can add up any days and centres.
select
    centre_id, day, stage, orders, actual, predicted, error, absolute_error as abs_error, squared_error, inside_80,
    width_80, brier, probability, late, by_fallback, late_by_fallback, squared_actual, model_version, late_version
from {{ ref('monitoring__deliveries_accuracy') }}
