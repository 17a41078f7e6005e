{{ config(unique_key=['centre_id', 'day']) }}
{{ accuracy_of(
    'parcels', ['parcels'], ref('merged__parcels'), source('ml', 'forecasts'),
    in_window('actuals.centre_id', 'actuals.day')
) }}
