{#- Fails for records of the build's partitions whose versions overlap, leave a gap, or do not end with one current
    version. -#}
{% test versions_follow(model, record) %}
with versions as (
    select
        {{ record }} as record,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by {{ record }} order by valid_from) as next_from
    from {{ model }}
    where {{ in_window() }}
)

select record, valid_from
from versions
where valid_to is distinct from next_from or valid_to <= valid_from
{% endtest %}
