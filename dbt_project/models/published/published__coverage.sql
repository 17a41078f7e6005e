-- How often what came lay inside the bands, over every forecast whose day has its count: each issue counts
-- once for each day it spoke of, as in the accuracy tables. One row of a cut is one value of its key.
-- Trips and deliveries have no horizon and no 95 % band. mean_width_80 = mean band width / mean actual; a forecast that was withdrawn since has no width.
-- depends_on: {{ source('ml', 'retail_forecasts') }}
-- depends_on: {{ source('ml', 'traffic_forecasts') }}
with measured as (
    {% for flow in ['parcels', 'retail'] -%}
    select flow, measure, centre_id, day, issued_on, horizon, actual, covered_80, covered_95
    from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}
),

-- Summed once at the finest grain, so that the cuts add up thousands of rows and not millions.
summed as (
    select
        measured.flow,
        measured.measure,
        measured.centre_id,
        measured.horizon,
        extract(isodow from measured.day)::integer as weekday,
        count(*) as forecasts,
        count(*) filter (where measured.covered_80) as inside_80,
        count(*) filter (where measured.covered_95) as inside_95,
        sum(measured.actual) as actual,
        sum(forecasts.upper_80 - forecasts.lower_80) as width_80,
        count(forecasts.upper_80) as widths,
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
    group by
        measured.flow, measured.measure, measured.centre_id, measured.horizon,
        extract(isodow from measured.day)
    union all
    select
        flow, measure, centre_id, horizon, extract(isodow from day)::integer as weekday,
        sum(forecasts) as forecasts, sum(inside_80) as inside_80, sum(inside_95) as inside_95,
        sum(actual) as actual, sum(width_80) as width_80, sum(forecasts) as widths,
        min(day) as first_day, max(day) as last_day
    from {{ ref('monitoring__traffic_accuracy') }}
    group by flow, measure, centre_id, horizon, extract(isodow from day)
    union all
    select
        'trips'::text as flow, model as measure, centre_id, null::integer as horizon,
        extract(isodow from day)::integer as weekday, sum(trips) as forecasts,
        sum(inside_80) as inside_80, null::numeric as inside_95, sum(actual) as actual,
        sum(width_80) as width_80, sum(trips) as widths, min(day) as first_day, max(day) as last_day
    from {{ ref('monitoring__trips_accuracy') }}
    group by model, centre_id, extract(isodow from day)
    union all
    select
        'deliveries'::text as flow, {{ delay_measure('stage') }} as measure, centre_id,
        null::integer as horizon, extract(isodow from day)::integer as weekday, sum(orders) as forecasts,
        sum(inside_80) as inside_80, null::numeric as inside_95, sum(actual) as actual,
        sum(width_80) as width_80, sum(orders) as widths, min(day) as first_day, max(day) as last_day
    from {{ ref('monitoring__deliveries_accuracy') }}
    group by stage, centre_id, extract(isodow from day)
)

select
    summed.flow,
    summed.measure,
    cuts.cut,
    cuts.key,
    sum(summed.forecasts)::bigint as forecasts,
    (sum(summed.inside_80) / sum(summed.forecasts))::double precision as coverage_80,
    (sum(summed.inside_95) / sum(summed.forecasts))::double precision as coverage_95,
    0.80::double precision as expected_80,
    case when sum(summed.inside_95) is not null then 0.95 end::double precision as expected_95,
    (sum(summed.width_80) / sum(summed.widths)::double precision)
    / nullif(sum(summed.actual) / sum(summed.forecasts)::double precision, 0) as mean_width_80,
    min(summed.first_day) as first_day,
    max(summed.last_day) as last_day
from summed
cross join lateral (
    values
    ('overall', ''),
    ('horizon', summed.horizon::text),
    ('weekday', summed.weekday::text),
    ('centre', summed.centre_id)
) as cuts (cut, key)
where cuts.key is not null
group by summed.flow, summed.measure, cuts.cut, cuts.key
