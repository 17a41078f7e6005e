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
union all
select
    'traffic'::text as flow,
    'vehicles'::text as measure,
    merged.centre_id,
    merged.target_at,
    (merged.target_at at time zone centres.timezone)::date as date,
    merged.vehicles as value
from {{ ref('merged__traffic') }} as merged
inner join {{ ref('centres') }} as centres
    on centres.flow = 'traffic' and merged.centre_id = centres.centre_id
where merged.vehicles is not null
