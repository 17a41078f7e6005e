-- Errors over the newest 60 days that have counts, per centre and horizon; centre '*' is all of them
-- together. wape = sum |error| / sum actual; bias = sum error / sum actual; mape leaves out zeros. mase is
-- the mean of errors over those of the seasonal naive, for hourly flows the quotient of their sums. Trips have
-- no naive and no 95 % band; their measure is the model, their horizon 0. So do deliveries, whose measure is the
-- delay said when approved or on the way, in days; a probability has no such errors (see delivery_accuracy).
with recent as (
    {% for flow in ['parcels', 'retail'] -%}
    select
        flow, measure, centre_id, day, horizon, 1 as forecasts, actual, error, absolute_error,
        squared_error, absolute_percentage_error,
        case when absolute_percentage_error is not null then 1 end as above_zero,
        scaled_error, case when scaled_error is not null then 1 end as naive_error,
        covered_80::integer as inside_80, covered_95::integer as inside_95,
        null::double precision as absolute_error_beside_persistence,
        null::double precision as persistence_error
    from {{ ref('monitoring__' ~ flow ~ '_accuracy') }}
    where day > (select max(day) - 60 from {{ ref('monitoring__' ~ flow ~ '_accuracy') }})
    union all
    {% endfor -%}
    select
        flow, measure, centre_id, day, horizon, forecasts, actual, error, absolute_error,
        squared_error, absolute_percentage_error, above_zero,
        absolute_error_beside_naive as scaled_error, naive_error, inside_80, inside_95,
        absolute_error_beside_persistence, persistence_error
    from {{ ref('monitoring__traffic_accuracy') }}
    where day > (select max(day) - 60 from {{ ref('monitoring__traffic_accuracy') }})
    union all
    select
        'trips'::text as flow, model as measure, centre_id, day, 0 as horizon, trips as forecasts, actual,
        error, absolute_error, squared_error, absolute_percentage_error, trips as above_zero,
        null::double precision as scaled_error, null::double precision as naive_error, inside_80,
        null::bigint as inside_95, null::double precision as absolute_error_beside_persistence,
        null::double precision as persistence_error
    from {{ ref('monitoring__trips_accuracy') }}
    where day > (select max(day) - 60 from {{ ref('monitoring__trips_accuracy') }})
    union all
    select
        'deliveries'::text as flow, {{ delay_measure('stage') }} as measure, centre_id, day, 0 as horizon,
        orders as forecasts, actual, error, absolute_error, squared_error, absolute_percentage_error, above_zero,
        null::double precision as scaled_error, null::double precision as naive_error, inside_80,
        null::bigint as inside_95, null::double precision as absolute_error_beside_persistence,
        null::double precision as persistence_error
    from {{ ref('monitoring__deliveries_accuracy') }}
    where day > (select max(day) - 60 from {{ ref('monitoring__deliveries_accuracy') }})
)

select
    flow,
    measure,
    coalesce(centre_id, '*') as centre_id,
    horizon,
    min(day) as first_date,
    max(day) as last_date,
    sum(forecasts)::integer as n,
    sum(absolute_error) / sum(forecasts) as mae,
    sqrt(sum(squared_error) / sum(forecasts)) as rmse,
    sum(absolute_percentage_error) / nullif(sum(above_zero), 0) as mape,
    sum(absolute_error) / nullif(sum(actual), 0) as wape,
    sum(scaled_error) / nullif(sum(naive_error), 0) as mase,
    sum(error) / nullif(sum(actual), 0) as bias,
    (sum(inside_80) / sum(forecasts))::double precision as coverage_80,
    (sum(inside_95) / sum(forecasts))::double precision as coverage_95,
    sum(actual) / sum(forecasts) as mean_actual,
    sum(absolute_error_beside_persistence) / nullif(sum(persistence_error), 0) as against_persistence
from recent
group by grouping sets ((flow, measure, centre_id, horizon), (flow, measure, horizon))
