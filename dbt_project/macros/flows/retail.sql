{#- What retail adds to the views that all flows share; macros/flows.sql describes each part. -#}
{% macro retail_actuals() %}{{ daily_series_actuals('retail', ['quantity', 'invoices', 'revenue']) }}{% endmacro %}
{% macro retail_accuracy_daily() %}{{ daily_series_accuracy_daily('retail') }}{% endmacro %}
{% macro retail_accuracy() %}{{ daily_series_accuracy('retail') }}{% endmacro %}
{% macro retail_coverage() %}{{ daily_series_coverage('retail') }}{% endmacro %}
{% macro retail_freshness() %}{{ series_freshness('retail', 'quantity') }}{% endmacro %}
{% macro retail_model_use() %}{{ series_model_use('retail') }}{% endmacro %}
