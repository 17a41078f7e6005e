{{ config(unique_key=['centre_id', 'day']) }}
{{ daily_series_errors('parcels', ['parcels'], in_window('actuals.centre_id', 'actuals.day')) }}
