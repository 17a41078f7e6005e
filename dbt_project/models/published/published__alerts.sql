-- Features whose newest measurement of drift is out of bounds.
with newest as (
    select distinct on (flow, centre_id, feature) *
    from {{ source('monitoring', 'drift') }}
    order by flow, centre_id, feature, day desc
)

select
    flow,
    centre_id,
    day as date,
    'drift'::text as kind,
    feature as subject,
    'alerting'::text as state,
    'PSI ' || round(psi::numeric, 2) || ' against the critical value '
    || round(psi_critical::numeric, 2) as detail
from newest
where status = 'drift'
