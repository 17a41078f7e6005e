{{ config(incremental_strategy='replace_window') }}
-- The errors of the scores of a day's trips, added up per borough, day and model. Sums, so that a reader can add up
-- any days and boroughs: R2 = 1 - squared_error / (squared_actual - actual ^ 2 / trips).
{{ sums_over_steps(
    ref('monitoring__trips_calibration'),
    keys=['centre_id', 'day', 'model'],
    columns=[
        'trips', 'actual', 'squared_actual', 'error', 'absolute_error', 'squared_error',
        'absolute_percentage_error', 'inside_80', 'width_80', 'by_fallback', 'model_version',
    ],
    counts=['trips', 'inside_80', 'by_fallback'],
    versions=['model_version'],
    window=in_window()
) }}
