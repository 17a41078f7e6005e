{#- What flows of records have in common: the sums of their errors, and their part of the views that all flows share
    (see flows.sql). Their scores have an 80 % band, no 95 % band, and no horizon. -#}

{#- Sums over scored records with the columns predicted, actual, lower_80, upper_80 and model_version. Exact, so that
    they do not depend on the order in which rows are read. -#}
{% macro error_sums() -%}
    {{ exact_sum('predicted') }} as predicted,
    {{ exact_sum('actual') }} as actual,
    {{ exact_sum('actual ^ 2') }} as squared_actual,
    {{ exact_sum('predicted - actual') }} as error,
    {{ exact_sum('abs(predicted - actual)') }} as absolute_error,
    {{ exact_sum('(predicted - actual) ^ 2') }} as squared_error,
    {{ exact_sum('abs(predicted - actual) / actual', 'actual > 0') }} as absolute_percentage_error
{%- endmacro %}

{% macro band_sums() -%}
    count(*) filter (where actual between lower_80 and upper_80) as inside_80,
    {{ exact_sum('upper_80 - lower_80') }} as width_80,
    count(*) filter (where model_version = 'fallback') as by_fallback
{%- endmacro %}

{#- The rows of a table of calibration added up per key. `columns` are those of the result after the keys: `counts` are
    whole numbers, `versions` keep the name of one of the models, all others are sums. `window` confines the rows to
    the partitions of the build. -#}
{% macro sums_over_steps(calibration, keys, columns, counts, versions, window) -%}
select
    {{ keys | join(', ') }},
    {% for name in columns -%}
    {%- if name in counts -%}
    sum({{ name }})::bigint as {{ name }}
    {%- elif name in versions -%}
    min({{ name }}) as {{ name }}
    {%- else -%}
    {{ exact_sum(name) }} as {{ name }}
    {%- endif -%}
    {{ "," if not loop.last }}
    {% endfor -%}
from {{ calibration }}
where {{ window }}
group by {{ keys | join(', ') }}
{%- endmacro %}

{#- `measure` is an expression, `records` the column that counts the scored records, `above_zero` the column that counts
    those with an actual above zero. -#}
{% macro record_accuracy(flow, measure, records, above_zero) -%}
{%- set sums = ref('monitoring__' ~ flow ~ '_accuracy') -%}
select
    {{ measure }} as measure, centre_id, day, 0 as horizon, {{ records }} as forecasts, actual, error,
    absolute_error, squared_error, absolute_percentage_error, {{ above_zero }} as above_zero,
    null::double precision as scaled_error, null::double precision as naive_error, inside_80,
    null::bigint as inside_95, null::double precision as compared_error,
    null::double precision as persistence_error
from {{ sums }}
where {{ in_newest_days(sums) }}
{%- endmacro %}

{% macro record_coverage(flow, measure, records) -%}
select
    {{ measure }} as measure, centre_id, null::integer as horizon,
    extract(isodow from day)::integer as weekday, sum({{ records }}) as forecasts,
    sum(inside_80) as inside_80, null::numeric as inside_95, sum(actual) as actual,
    sum(width_80) as width_80, sum({{ records }}) as widths, min(day) as first_day, max(day) as last_day
from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
group by {{ measure }}, centre_id, extract(isodow from day)
{%- endmacro %}

{#- Records are counted in `daily`, a table of monitoring with sums per day, because there may be millions: `records` is
    its count, `known_at` when the newest of them became known. `scored_at` is the moment of a score. -#}
{% macro record_freshness(daily, records, known_at, scores, scored_at) -%}
select
    'actuals'::text as dataset, max(day) as newest_day, max({{ known_at }}) as newest_at,
    sum({{ records }})::bigint as rows
from {{ daily }}
union all
select
    'predictions'::text as dataset, max(day) as newest_day, max({{ scored_at }}) as newest_at,
    count(*) as rows
from {{ scores }}
{%- endmacro %}
