-- The mean customer of each segment. Figures of fewer than ten customers are hidden: they are personal data.
with profiles as (
    select
        *,
        sum(customers) over (partition by month) as all_customers,
        customers < 10 as is_hidden
    from {{ source('ml', 'segment_profiles') }}
)

select
    month,
    segment::integer as segment,
    name,
    {% for name in ['customers', 'share', 'recency_days', 'orders', 'value', 'late_share', 'mean_days'] -%}
    case when not is_hidden then {{ name if name != 'share' else 'customers / all_customers::double precision' }} end
        as {{ name }},
    {% endfor -%}
    stability,
    model_version,
    is_hidden
from profiles
