{#- What every series flow, daily or hourly, adds to the views that all flows share (see flows.sql). -#}

{#- `measure` is a column that has a value whenever any measure has one. A flow without forecasts has no row for
    them. -#}
{% macro series_freshness(flow, measure) -%}
select
    'actuals'::text as dataset, max(day) as newest_day, max(available_at) as newest_at, count(*) as rows
from {{ ref('merged__' ~ flow) }}
where {{ measure }} is not null
union all
select
    'predictions'::text as dataset, max(day) as newest_day, max(issued_at) as newest_at, count(*) as rows
from {{ source('ml', 'forecasts') }}
where flow = '{{ flow }}'
having count(*) > 0
{%- endmacro %}

{#- Looks up the newest forecast of each centre by index: an hourly flow issues hundreds per centre and day, and reading
    them all would take seconds. So each centre counts once, whatever its number of horizons. -#}
{% macro series_model_use(flow) -%}
select measure, model_version, day as newest_day, count(*) as predictions
from (
    select measures.measure, newest.model_version, newest.day, max(newest.day) over () as newest_day
    from (select distinct measure from {{ source('ml', 'vintages') }} where flow = '{{ flow }}') as measures
    cross join (select centre_id from {{ ref('centres') }} where flow = '{{ flow }}') as centres
    cross join lateral (
        select forecasts.model_version, forecasts.day
        from {{ source('ml', 'forecasts') }} as forecasts
        where
            forecasts.flow = '{{ flow }}'
            and forecasts.measure = measures.measure
            and forecasts.centre_id = centres.centre_id
        order by forecasts.day desc, forecasts.issued_at desc, forecasts.horizon desc
        limit 1
    ) as newest
) as newest_forecasts
where day = newest_day
group by measure, model_version, day
{%- endmacro %}
