{% macro trip_means() -%}
  {#- Number, mean minutes and mean distance of groups of trips, from their sums. -#}
  sum(trips)::bigint as trips,
  sum(minutes) / sum(trips) as mean_minutes,
  sum(distance_km) / sum(trips) as mean_distance_km
{%- endmacro %}


{% macro trip_means_by(column) -%}
  {#- Means of trips by a column, over all days, for each borough and (centre '*') all of them together. -#}
select
    coalesce(centre_id, '*') as centre_id,
    {{ column }},
    {{ trip_means() }}
from {{ ref('monitoring__trips_durations') }}
group by grouping sets (({{ column }}, centre_id), ({{ column }}))
{%- endmacro %}
