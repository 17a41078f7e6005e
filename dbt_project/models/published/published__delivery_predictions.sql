-- Every score of each order, by models trained before that moment, with the outcome.
select
    scores.order_id,
    scores.centre_id,
    scores.scored_at,
    scores.stage,
    scores.predicted_days,
    scores.lower_80,
    scores.upper_80,
    scores.late_probability,
    orders.days as actual_days,
    orders.was_late,
    scores.model_version,
    scores.day,
    scores.late_version,
    scores.threshold,
    scores.late_probability >= scores.threshold as is_high_risk
from {{ source('ml', 'deliveries_scores') }} as scores
inner join {{ ref('merged__deliveries') }} as orders on scores.order_id = orders.order_id
