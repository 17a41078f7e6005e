-- Errors over the newest 60 days that have values, per centre and horizon; centre '*' is all centres together.
-- wape = sum |error| / sum actual; bias = sum error / sum actual; mape leaves out zeros. mase is the mean of errors
-- over those of the seasonal naive forecast, in hourly flows the quotient of their sums. Records have no naive
-- forecast, no 95 % band, and horizon 0.
with recent as (
    {{ union_of_flows('accuracy') | indent(4) }}
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
    sum(compared_error) / nullif(sum(persistence_error), 0) as against_persistence
from recent
group by grouping sets ((flow, measure, centre_id, horizon), (flow, measure, horizon))
