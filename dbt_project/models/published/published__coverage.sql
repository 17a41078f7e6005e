-- How often what came lay inside the bands, over every forecast whose day has its count: each issue counts
-- once for each day it spoke of, as in the accuracy tables. One row of a cut is one value of its key.
-- mean_width_80 = mean band width / mean actual; a forecast that was withdrawn since has no width.
-- depends_on: {{ source('ml', 'retail_forecasts') }}
with measured as (
    {% for flow in ['parcels', 'retail'] -%}
    select flow, measure, centre_id, day, issued_on, horizon, actual, covered_80, covered_95
    from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}
)

select
    measured.flow,
    measured.measure,
    cuts.cut,
    cuts.key,
    count(*) as forecasts,
    avg(measured.covered_80::integer)::double precision as coverage_80,
    avg(measured.covered_95::integer)::double precision as coverage_95,
    0.80::double precision as expected_80,
    0.95::double precision as expected_95,
    avg(forecasts.upper_80 - forecasts.lower_80) / nullif(avg(measured.actual), 0) as mean_width_80,
    min(measured.day) as first_day,
    max(measured.day) as last_day
from measured
left join {{ source('ml', 'forecasts') }} as forecasts
    on
        measured.flow = forecasts.flow
        and measured.measure = forecasts.measure
        and measured.centre_id = forecasts.centre_id
        and measured.issued_on = forecasts.day
        and measured.horizon = forecasts.horizon
cross join lateral (
    values
    ('overall', ''),
    ('horizon', measured.horizon::text),
    ('weekday', extract(isodow from measured.day)::integer::text),
    ('centre', measured.centre_id)
) as cuts (cut, key)
group by measured.flow, measured.measure, cuts.cut, cuts.key
