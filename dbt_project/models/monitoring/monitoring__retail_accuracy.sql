{{ config(unique_key=['centre_id', 'day']) }}
{{ daily_series_errors(
    'retail', ['quantity', 'invoices', 'revenue'], in_window('actuals.centre_id', 'actuals.day')
) }}
