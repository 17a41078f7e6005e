-- How often the actual was inside the bands, over every forecast whose target day has its value: each issue counts
-- once for each of its target days, as in the accuracy tables. One row of a cut is one value of its key. Records have
-- no horizon and no 95 % band. mean_width_80 = mean width of the band / mean actual.
-- Each flow adds up its forecasts first, so that the cuts add up thousands of rows and not millions.
with summed as (
    {{ union_of_flows('coverage') | indent(4) }}
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
