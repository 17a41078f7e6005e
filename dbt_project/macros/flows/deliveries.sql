{#- What deliveries add to the views that all flows share; macros/flows.sql describes each part. Their measure is the
    delay in days, predicted at approval or on the way. The errors of a probability are of another kind: see
    published.delivery_accuracy. -#}

{#- No rows: an order is a record, not a value of a series. -#}
{% macro deliveries_actuals() %}{% endmacro %}

{#- No rows: orders are scored one by one and have no horizon; see published.delivery_accuracy. -#}
{% macro deliveries_accuracy_daily() %}{% endmacro %}

{% macro deliveries_accuracy() -%}
{{ record_accuracy('deliveries', measure_at_stage("'delay'", 'stage'), 'orders', above_zero='above_zero') }}
{%- endmacro %}

{% macro deliveries_coverage() -%}
{{ record_coverage('deliveries', measure_at_stage("'delay'", 'stage'), 'orders') }}
{%- endmacro %}

{#- An order counts as an actual from its day of placing on; newest_at is when the newest event of any became known. -#}
{% macro deliveries_freshness() -%}
{{ record_freshness(
    ref('monitoring__deliveries_performance'), 'orders', 'known_at', source('ml', 'deliveries_scores'), 'scored_at'
) }}
{%- endmacro %}

{#- Of the newest 7 days of placing, because an order is scored again on its way, by other models than at its approval.
    Two models make each score, one for the delay and one for the late risk. -#}
{% macro deliveries_model_use() -%}
{%- set scores = source('ml', 'deliveries_scores') -%}
select
    {{ measure_at_stage('models.measure', 'scores.stage') }} as measure,
    models.model_version,
    newest.day as newest_day,
    count(*) as predictions
from (select max(day) as day from {{ scores }}) as newest
inner join {{ scores }} as scores on scores.day > newest.day - 7
cross join lateral (
    values ('delay', scores.model_version), ('late_risk', scores.late_version)
) as models (measure, model_version)
group by {{ measure_at_stage('models.measure', 'scores.stage') }}, models.model_version, newest.day
{%- endmacro %}
