{#- Columns of the weather that every flow with weather uses. -#}
{% macro weather_columns() -%}
    {{ return(['temperature_mean', 'precipitation_mm', 'snowfall_cm', 'wind_max_kmh']) }}
{%- endmacro %}

{#- The newest weather of `target_day` at `place` that was known at `known_by`, one row per `keys`. All of these are
    columns of `asked`. The vintage that became known last counts, be it a forecast or an observation; one that became
    known after `known_by` is not used. -#}
{% macro newest_known_weather(weather, asked, keys, place, target_day, known_by, columns=weather_columns()) -%}
    {%- set of_asked = columns_of(asked, keys) -%}
    select distinct on ({{ of_asked }})
        {{ of_asked }},
        weather.vintage as weather_vintage,
        weather.available_at as weather_available_at,
        {{ columns_of('weather', columns) }}
    from {{ asked }}
    inner join {{ weather }} as weather
        on
            {{ asked }}.{{ place }} = weather.centre_id
            and {{ asked }}.{{ target_day }} = weather.target_day
            and weather.available_at <= {{ known_by }}
    order by {{ of_asked }}, weather.available_at desc
{%- endmacro %}

{#- Columns of a table, each after its name: `days.holiday, days.event`. -#}
{% macro columns_of(table, names) -%}
    {% for name in names %}{{ table }}.{{ name }}{{ ", " if not loop.last }}{% endfor %}
{%- endmacro %}
