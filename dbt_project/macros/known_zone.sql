{#- Fails for rows of the build's partitions whose zone is not in the source's table of zones. -#}
{% test known_zone(model, column_name) %}
select rows.{{ column_name }}
from {{ model }} as rows
left join {{ source('raw', 'trip_zones') }} as zones on rows.{{ column_name }} = zones.zone_id
where {{ in_window('rows.centre_id', 'rows.day') }} and zones.zone_id is null
{% endtest %}
