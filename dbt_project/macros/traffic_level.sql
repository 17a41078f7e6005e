{#- Class of an hour by its occupancy in percent, as the city of Paris draws the lines (field etat_trafic):
    the same thresholds as in forecasting/hourly/levels.py; a test holds them together. -#}
{% macro traffic_level(occupancy) -%}
    case
        when {{ occupancy }} < 15 then 'fluid'
        when {{ occupancy }} < 30 then 'dense'
        when {{ occupancy }} < 50 then 'saturated'
        when {{ occupancy }} is not null then 'blocked'
    end
{%- endmacro %}
