{{ config(incremental_strategy='replace_window') }}
{{ daily_series_errors(
    'retail', ['quantity', 'invoices', 'revenue'], in_window('actuals.centre_id', 'actuals.day')
) }}
