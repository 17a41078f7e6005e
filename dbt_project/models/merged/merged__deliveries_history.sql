{{ config(
    incremental_strategy='replace_window',
    post_hook="create index if not exists {{ this.name }}_by_order on {{ this }} (order_id)"
) }}
-- The versions of each order: what was known of it from when to when, the current version open. A correction that
-- became known after a later one makes a version only where it has an attribute that the later one does not. As
-- in merged.deliveries, nothing is known of an order before the order itself.
-- depends_on: {{ source('raw', 'orders') }}
with placed as (
    select *
    from {{ ref('staging__orders') }}
    where type = 'placed' and {{ in_window() }}
),

versions as (
    select
        placed.order_id,
        placed.centre_id,
        placed.day,
        moment.known_at as valid_from,
        {{ corrected_attributes('placed') | indent(4) }}
    from placed
    cross join lateral (
        select distinct greatest(available_at, placed.available_at) as known_at
        from {{ ref('staging__orders') }}
        where order_id = placed.order_id and type in ('placed', 'corrected')
    ) as moment
    {{ join_corrections('placed', 'moment.known_at', 'true') }}
),

compared as (
    select
        *,
        {% set attributes = single_attributes() + basket_attributes() -%}
        row({{ attributes | join(', ') }}) is distinct from lag(row({{ attributes | join(', ') }})) over life
            as is_new
    from versions
    window life as (partition by order_id order by valid_from)
)

select
    order_id,
    centre_id,
    day,
    valid_from,
    lead(valid_from) over (partition by order_id order by valid_from) as valid_to,
    {{ attributes | join(',
    ') }}
from compared
where is_new
