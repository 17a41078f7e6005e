{#- Fails for keys that occur twice in the build's partitions. Earlier partitions were tested when they were built: a
    daily run that read the whole table would become slower with every day. -#}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ in_window() }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
