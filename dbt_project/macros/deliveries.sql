{#- Segment of an order's customer when it was placed: by what was known before the month of placing, or before the
    newest earlier month that has segments. Null for a customer without earlier orders. -#}
{% macro segment_when_placed(orders) -%}
    (
        select segments.name
        from {{ source('ml', 'customer_segments') }} as segments
        where
            segments.customer = {{ orders }}.customer
            and segments.month <= {{ month_of(orders ~ '.day') }}
        order by segments.month desc
        limit 1
    )
{%- endmacro %}

{#- Statuses of orders that can still be acted upon. -#}
{% macro open_statuses() -%}
    ('placed', 'approved', 'in_transit')
{%- endmacro %}

{#- Joins `score` to orders: the newest score of each, null columns for orders without any. -#}
{% macro join_newest_score(orders) -%}
left join lateral (
        select scores.*
        from {{ source('ml', 'deliveries_scores') }} as scores
        where scores.order_id = {{ orders }}.order_id
        -- If both stages have a score of one moment, in_transit counts: it is last in the alphabet.
        order by scores.scored_at desc, scores.stage desc
        limit 1
    ) as score on true
{%- endmacro %}

{#- Whether the desk resolved an order and did not reopen it since. -#}
{% macro is_resolved_at_desk(orders) -%}
    coalesce((
        select desk.action = 'resolve'
        from {{ source('ops', 'desk_actions') }} as desk
        where desk.order_id = {{ orders }}.order_id and desk.action in ('resolve', 'reopen')
        order by desk.acted_at desc, desk.action_id desc
        limit 1
    ), false)
{%- endmacro %}

{#- Incidents of orders, each once. An incident is opened by its first `opened` event. It is resolved by its first
    `resolved` event or, if that was earlier, by the first resolution of its order at the desk since it was
    opened that was not followed by a reopening. A resolution before the opening is a clock that runs slow: it counts
    as zero hours. -#}
{% macro incidents() -%}
    select
        opened.incident_id,
        orders.order_id,
        orders.centre_id,
        orders.day,
        orders.shipper,
        orders.category,
        orders.customer,
        opened.kind,
        opened.occurred_at as opened_at,
        least(log.resolved_at, desk.resolved_at) as resolved_at,
        (extract(epoch from least(log.resolved_at, desk.resolved_at) - opened.occurred_at) / 3600)::double precision
            as resolve_hours,
        case
            when log.resolved_at <= coalesce(desk.resolved_at, 'infinity') then 'log'
            when desk.resolved_at is not null then 'desk'
        end as resolved_by
    from {{ ref('merged__deliveries') }} as orders
    inner join {{ source('raw', 'incident_logs') }} as opened
        on orders.order_id = opened.order_id and opened.type = 'opened'
    left join lateral (
        select greatest(min(logs.occurred_at), opened.occurred_at) as resolved_at
        from {{ source('raw', 'incident_logs') }} as logs
        where
            logs.order_id = opened.order_id
            and logs.incident_id = opened.incident_id
            and logs.type = 'resolved'
        having count(*) > 0
    ) as log on true
    left join lateral (
        select min(actions.acted_at) as resolved_at
        from {{ source('ops', 'desk_actions') }} as actions
        where
            actions.order_id = opened.order_id
            and actions.action = 'resolve'
            and actions.acted_at >= opened.occurred_at
            and not exists (
                select 1
                from {{ source('ops', 'desk_actions') }} as later
                where
                    later.order_id = actions.order_id
                    and later.action = 'reopen'
                    and (later.acted_at, later.action_id) > (actions.acted_at, actions.action_id)
            )
    ) as desk on true
    where
        not exists (
            select 1
            from {{ source('raw', 'incident_logs') }} as earlier
            where
                earlier.order_id = opened.order_id
                and earlier.incident_id = opened.incident_id
                and earlier.type = 'opened'
                and (earlier.occurred_at, earlier.event_id) < (opened.occurred_at, opened.event_id)
        )
{%- endmacro %}

{#- First day of the month of a day, whatever the time zone of the session. -#}
{% macro month_of(day) -%}
    date_trunc('month', {{ day }}::timestamp)::date
{%- endmacro %}

{#- The name of a measure (an SQL expression) at a stage: orders that were approved and orders on the way have models of
    their own. -#}
{% macro measure_at_stage(measure, stage) -%}
    {{ measure }} || case {{ stage }} when 'approved' then '' when 'in_transit' then '_in_transit' end
{%- endmacro %}
