{#- Class of an hour by its occupancy in percent, with the thresholds of the city of Paris (field etat_trafic):
    the same as in forecasting/hourly/levels.py; a test compares them. -#}
{% macro traffic_level(occupancy) -%}
    case
        when {{ occupancy }} < 15 then 'fluid'
        when {{ occupancy }} < 30 then 'dense'
        when {{ occupancy }} < 50 then 'saturated'
        when {{ occupancy }} is not null then 'blocked'
    end
{%- endmacro %}
