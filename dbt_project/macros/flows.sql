{#- The views that all flows share, and what each flow adds to them.

    The flows are listed once, in `flows` of dbt_project.yml. A shared view asks every flow for its rows:
    `union_of_flows('actuals')` calls `parcels_actuals()`, `retail_actuals()` and so on, and puts the name of
    the flow before the columns. A flow answers in one file, `macros/flows/<flow>.sql`, with a macro for each
    part below. A macro that is missing stops dbt and names the flow, the macro and the file. A flow that
    has no rows in a view says so: its macro is empty, and a comment gives the reason.

    What is the same in several flows is in `daily_series.sql`, `series.sql` and `records.sql`: the file of a
    daily series flow is that of parcels with another name and other measures.

    Each part is named after its view. The columns follow below, in their order.

    actuals         One row per measure, centre and target that has a value. `date` is the local day.
    accuracy_daily  One row per forecast whose target day has its value.
    accuracy        Sums over the newest 60 days that have values, as finely as they are kept: one row per
                    forecast, or per day. `forecasts` counts what was added up. mape and mase are quotients of
                    sums: absolute_percentage_error / above_zero, scaled_error / naive_error, and so is the error
                    against that of the reading at the issue: compared_error / persistence_error. Null where
                    the flow has no such figure. Records have horizon 0.
    coverage        Sums over all days per measure, centre, horizon and ISO weekday (1 = Monday).
                    `widths` counts the forecasts in width_80. horizon is null for records, inside_95 where there
                    is no 95 % band.
    freshness       One row per data set, `actuals` and `predictions`, by the data itself.
    model_use       How many predictions of the newest day each model version made. Of series the newest of each
                    centre is enough; records that are scored again later need more days than one. -#}
{% macro columns_of_parts() -%}
    {{ return({
        'actuals': ['measure', 'centre_id', 'target_at', 'date', 'value', 'is_whole'],
        'accuracy_daily': [
            'measure', 'centre_id', 'date', 'horizon', 'prediction', 'actual', 'error', 'absolute_error',
            'squared_error', 'absolute_percentage_error', 'scaled_error', 'covered_80', 'covered_95',
            'model_version',
        ],
        'accuracy': [
            'measure', 'centre_id', 'day', 'horizon', 'forecasts', 'actual', 'error', 'absolute_error',
            'squared_error', 'absolute_percentage_error', 'above_zero', 'scaled_error', 'naive_error',
            'inside_80', 'inside_95', 'compared_error', 'persistence_error',
        ],
        'coverage': [
            'measure', 'centre_id', 'horizon', 'weekday', 'forecasts', 'inside_80', 'inside_95', 'actual',
            'width_80', 'widths', 'first_day', 'last_day',
        ],
        'freshness': ['dataset', 'newest_day', 'newest_at', 'rows'],
        'model_use': ['measure', 'model_version', 'newest_day', 'predictions'],
    }) }}
{%- endmacro %}

{#- The rows of every flow for one part, with its columns in the order above after `flow`. -#}
{% macro union_of_flows(part) -%}
    {%- set selects = [] -%}
    {%- for flow in var('flows') -%}
        {%- set rows = part_of_flow(flow, part) | trim -%}
        {%- set select -%}
select '{{ flow }}'::text as flow, {{ columns_of_parts()[part] | join(', ') }}
from (
    {{ rows | indent(4) }}
) as part
        {%- endset -%}
        {%- if rows -%}
            {%- do selects.append(select) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ selects | join('\nunion all\n') }}
{%- endmacro %}

{% macro part_of_flow(flow, part) -%}
    {%- set name = flow ~ '_' ~ part -%}
    {%- if name not in context -%}
        {{ exceptions.raise_compiler_error(
            "The flow " ~ flow ~ " has no macro " ~ name ~ "(). Write it in dbt_project/macros/flows/" ~ flow
            ~ ".sql; dbt_project/macros/flows.sql lists the columns it must give. Leave it empty, with a"
            ~ " comment that says why, if the flow has no such rows."
        ) }}
    {%- endif -%}
    {{ context[name]() }}
{%- endmacro %}

{#- Rows of the newest 60 days of a table of monitoring that have values. -#}
{% macro in_newest_days(table) -%}
    day > (select max(day) - 60 from {{ table }})
{%- endmacro %}
