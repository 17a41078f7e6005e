{#- Days some of whose rows were refused: `ops.days_not_whole` has them, written with each load (see
    flow_platform/sources/whole_days.py). -#}

{#- Whether no row of the day was refused that its value lacks. `rows` has centre_id and day of the merged rows. -#}
{% macro is_whole(flow, rows) -%}
    ({{ rows }}.centre_id, {{ rows }}.day) not in (
        select lacking.centre_id, lacking.day
        from {{ source('ops', 'days_not_whole') }} as lacking
        where lacking.flow = '{{ flow }}' and {{ in_window('lacking.centre_id', 'lacking.day') }}
    )
{%- endmacro %}

{#- Whether a merged row counts for accuracy: that of a whole day, or any where sources.toml has
    partial_days = "use" for the flow. `rows` are the merged rows. -#}
{% macro is_counted(flow, rows) -%}
    {{ 'true' if flow in var('partial_days_used') else rows ~ '.is_whole' }}
{%- endmacro %}
