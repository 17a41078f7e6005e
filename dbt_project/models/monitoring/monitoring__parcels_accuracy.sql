{{ config(incremental_strategy='replace_window') }}
{{ daily_series_errors('parcels', ['parcels'], in_window('actuals.centre_id', 'actuals.day')) }}
