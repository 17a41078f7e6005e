{#- What trips add to the views that all flows share; macros/flows.sql describes each part. Their measure is the model
    that made the score. -#}

{#- No rows: a trip is a record, not a value of a series. -#}
{% macro trips_actuals() %}{% endmacro %}

{#- No rows: trips are scored one by one and have no horizon; see published.trip_accuracy. -#}
{% macro trips_accuracy_daily() %}{% endmacro %}

{% macro trips_accuracy() %}{{ record_accuracy('trips', 'model', 'trips', above_zero='trips') }}{% endmacro %}

{% macro trips_coverage() %}{{ record_coverage('trips', 'model', 'trips') }}{% endmacro %}

{#- A trip is scored as it begins. -#}
{% macro trips_freshness() -%}
{{ record_freshness(
    ref('monitoring__trips_durations'), 'trips', 'available_at', source('ml', 'trips_scores'), 'pickup_at'
) }}
{%- endmacro %}

{#- Read from the sums of the day, not from its trips. -#}
{% macro trips_model_use() -%}
{%- set sums = ref('monitoring__trips_accuracy') -%}
select model as measure, model_version, day as newest_day, sum(trips)::bigint as predictions
from {{ sums }}
where day = (select max(day) from {{ sums }})
group by model, model_version, day
{%- endmacro %}
