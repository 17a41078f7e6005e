{#- The attributes of an order, columns of `merged.deliveries`: those of its items, which are corrected together, and
    those that are corrected one by one. -#}
{% macro basket_attributes() -%}
    {{ return(['seller', 'sellers', 'category', 'items', 'price', 'freight', 'weight_kg', 'volume_l']) }}
{%- endmacro %}

{% macro single_attributes() -%}
    {{ return(['region', 'postal_area', 'carrier', 'distance_km', 'promised_at']) }}
{%- endmacro %}

{#- Joins `basket` and `change` to `placed`: its corrections that were known at `known_at`, all of them where that is
    null. The correction with the latest time of its own counts, whenever it became known. A correction of the
    items replaces the whole basket: an attribute that it leaves out becomes unknown. `if_any` is a condition that
    spares orders without corrections the search. -#}
{% macro join_corrections(placed, known_at, if_any) -%}
{%- set newest = 'order by occurred_at desc, available_at desc, event_id desc' -%}
{%- set known -%}
order_id = {{ placed }}.order_id
            and type = 'corrected'
            and ({{ known_at }} is null or available_at <= {{ known_at }})
            and {{ if_any }}
{%- endset -%}
left join lateral (
        select {{ basket_attributes() | join(', ') }}
        from {{ ref('staging__orders') }}
        where
            {{ known }}
            and items is not null
        {{ newest }}
        limit 1
    ) as basket on true
    left join lateral (
        select
            {% for name in single_attributes() -%}
            (array_agg({{ name }} {{ newest }}) filter (where {{ name }} is not null))[1] as {{ name }}
            {{- "," if not loop.last }}
            {% endfor -%}
        from {{ ref('staging__orders') }}
        where
            {{ known }}
    ) as change on true
{%- endmacro %}

{#- The attributes of `placed`, replaced by `basket` and `change` of join_corrections where those have a value. -#}
{% macro corrected_attributes(placed) -%}
    {% for name in single_attributes() -%}
    coalesce(change.{{ name }}, {{ placed }}.{{ name }}) as {{ name }},
    {% endfor -%}
    {% for name in basket_attributes() -%}
    case when basket.items is null then {{ placed }}.{{ name }} else basket.{{ name }} end as {{ name }}
    {{- "," if not loop.last }}
    {% endfor %}
{%- endmacro %}
