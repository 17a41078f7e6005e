-- The errors of each model's scores, per borough and day; centre '*' is all boroughs together. bias = sum error / sum
-- actual. r2 is against the mean of the same trips: null where all of them took the same time. Those of several days
-- follow from trips, rmse, mean_actual and sd_actual.
select
    coalesce(centre_id, '*') as centre_id,
    day as date,
    model,
    sum(trips)::bigint as trips,
    sum(absolute_error) / sum(trips) as mae,
    sqrt(sum(squared_error) / sum(trips)) as rmse,
    1 - sum(squared_error)
    / nullif(greatest(sum(squared_actual) - sum(actual) ^ 2 / sum(trips), 0), 0) as r2,
    sum(error) / sum(actual) as bias,
    (sum(inside_80) / sum(trips))::double precision as coverage_80,
    sum(width_80) / sum(trips) as mean_width_80,
    sum(actual) / sum(trips) as mean_actual,
    sqrt(greatest(sum(squared_actual) / sum(trips) - (sum(actual) / sum(trips)) ^ 2, 0)) as sd_actual,
    sum(by_fallback)::bigint as by_fallback,
    min(model_version) as model_version
from {{ ref('monitoring__trips_accuracy') }}
group by grouping sets ((day, model, centre_id), (day, model))
