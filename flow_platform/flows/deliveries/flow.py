"""How long orders of a marketplace take, and which will be late."""

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.kinds import RecordFlow

DELIVERIES = RecordFlow(
    name="deliveries",
    title="Deliveries",
    description="Days from placing to delivery and the risk of being late, predicted when an"
    " order is approved and at every tracking event.",
    # Two models for two moments: what is known when approved, and on the way.
    measures=("delay", "late_risk", "delay_in_transit", "late_risk_in_transit"),
    candidates=("usual", "lightgbm", "mlp"),
    merged="merged.deliveries",
    owner="team:forecasting",
    centres_from="source",
    source=DeliveriesSource,
    receivers={"kafka": "kafka-consumer"},
    scores="ml.deliveries_scores",
    drift_columns=("days", "price", "distance_km"),
    monitoring=("performance", "calibration"),
    monitoring_of_history=("performance",),
    # Nine of ten orders have arrived after three weeks, and nearly all after seven.
    follow_days=49,
    raw_tables=("orders", "payments", "tracking", "incident_logs"),
    more_merged=("merged.deliveries_history",),
    has_api=True,
)
