{{ config(unique_key=['centre_id', 'day']) }}
{{ accuracy_of(
    'retail', ['quantity', 'invoices', 'revenue'], ref('merged__retail'),
    source('ml', 'retail_forecasts'), in_window('actuals.centre_id', 'actuals.day')
) }}
