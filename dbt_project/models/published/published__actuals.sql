-- What came. A day without a report, or on which the shop was closed, has no row.
select
    'parcels'::text as flow,
    'parcels'::text as measure,
    centre_id,
    target_at,
    day as date,
    parcels as value
from {{ ref('merged__parcels') }}
where parcels is not null
{% for measure in ['quantity', 'invoices', 'revenue'] -%}
union all
select
    'retail'::text as flow,
    '{{ measure }}'::text as measure,
    centre_id,
    target_at,
    day as date,
    {{ measure }} as value
from {{ ref('merged__retail') }}
where {{ measure }} is not null
{% endfor %}
