{#- Keys that occur twice among the partitions of this build. History was tested when it was built;
    a daily run that read the whole table again would grow slower for ever. -#}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ in_window() }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
