-- Errors over the newest 60 days that have counts, per centre and horizon; centre '*' is all of them
-- together. wape = sum |error| / sum actual; bias = sum error / sum actual; mape leaves out zeros.
with recent as (
    {% for flow in ['parcels', 'retail'] -%}
    select *
    from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
    where day > (select max(day) - 60 from {{ ref('monitoring__' ~ flow ~ '_accuracy') }})
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}
)

select
    flow,
    measure,
    coalesce(centre_id, '*') as centre_id,
    horizon,
    min(day) as first_date,
    max(day) as last_date,
    count(*)::integer as n,
    avg(absolute_error) as mae,
    sqrt(avg(squared_error)) as rmse,
    avg(absolute_percentage_error) as mape,
    sum(absolute_error) / nullif(sum(actual), 0) as wape,
    avg(scaled_error) as mase,
    sum(error) / nullif(sum(actual), 0) as bias,
    avg(covered_80::integer)::double precision as coverage_80,
    avg(covered_95::integer)::double precision as coverage_95,
    avg(actual) as mean_actual
from recent
group by grouping sets ((flow, measure, centre_id, horizon), (flow, measure, horizon))
