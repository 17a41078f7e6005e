{#- Schemas are named as they are configured: `staging`, not `<target>_staging`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}

{#- True for rows of the build's partitions: the rectangle of centres and days that it was started for. -#}
{% macro in_window(centre='centre_id', day='day') -%}
    {{ centre }} = any(array[
        {%- for id in var('centres') %}'{{ id | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor -%}
    ]::text[])
    and {{ day }} between date '{{ var("from_day") }}' and date '{{ var("to_day") }}'
{%- endmacro %}

{#- The close of a partition day at a centre, when its forecasts are issued: the later of the end of
    the UTC day and of the centre's local day. -#}
{% macro close_of_day(day, timezone) -%}
    greatest(
        ({{ day }} + 1)::timestamp at time zone 'UTC',
        ({{ day }} + 1)::timestamp at time zone {{ timezone }}
    )
{%- endmacro %}

{#- `merged__parcels.sql` builds merged.parcels: the file's name gives the table, and the table's name the file. -#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {{ custom_alias_name if custom_alias_name else node.name.split('__')[-1] }}
{%- endmacro %}
