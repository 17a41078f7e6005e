{#- What parcels add to the views that all flows share; macros/flows.sql describes each part. -#}
{% macro parcels_actuals() %}{{ daily_series_actuals('parcels', ['parcels']) }}{% endmacro %}
{% macro parcels_accuracy_daily() %}{{ daily_series_accuracy_daily('parcels') }}{% endmacro %}
{% macro parcels_accuracy() %}{{ daily_series_accuracy('parcels') }}{% endmacro %}
{% macro parcels_coverage() %}{{ daily_series_coverage('parcels') }}{% endmacro %}
{% macro parcels_freshness() %}{{ series_freshness('parcels', 'parcels') }}{% endmacro %}
{% macro parcels_model_use() %}{{ series_model_use('parcels') }}{% endmacro %}
