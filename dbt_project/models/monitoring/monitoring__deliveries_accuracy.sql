{{ config(incremental_strategy='replace_window') }}
-- The errors of the predictions for a day's orders, added up per centre, day of placing and stage: the tenths of
-- monitoring.deliveries_calibration together. Sums, so that a reader can add up any days and centres.
{{ sums_over_steps(
    ref('monitoring__deliveries_calibration'),
    keys=['centre_id', 'day', 'stage'],
    columns=[
        'orders', 'probability', 'late', 'brier', 'predicted', 'actual', 'squared_actual', 'error',
        'absolute_error', 'squared_error', 'absolute_percentage_error', 'above_zero', 'inside_80', 'width_80',
        'by_fallback', 'late_by_fallback', 'model_version', 'late_version',
    ],
    counts=['orders', 'late', 'above_zero', 'inside_80', 'by_fallback', 'late_by_fallback'],
    versions=['model_version', 'late_version'],
    window=in_window()
) }}
