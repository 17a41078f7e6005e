"""The tables of the flow `deliveries` that Python writes, with their columns."""

from __future__ import annotations

from flow_platform.ground.tables import AVAILABLE_AT, DAY, Column, Table

REGION = Column("centre_id", "text", "Region that the order goes to.")

RAW_ORDERS = Table(
    "raw.orders",
    (
        Column("event_id", "text", "Identity of the event."),
        Column("type", "text", "Kind of event: placed, approved, corrected, cancelled."),
        Column("order_id", "text", "The order."),
        Column("occurred_at", "timestamptz", "When the event took place."),
        AVAILABLE_AT,
        REGION,
        DAY,
        Column("customer", "text", "Pseudonym of the customer."),
        Column("region", "text", "Region as the event names it."),
        Column("postal_area", "text", "First digits of the postal code."),
        Column("promised_at", "timestamptz", "Promised moment of delivery."),
        Column("seller", "text", "The seller; of several the one with the most items."),
        Column("sellers", "smallint", "Number of sellers."),
        Column("carrier", "text", "The carrier."),
        Column("category", "text", "Category of the goods."),
        Column("items", "smallint", "Number of items."),
        Column("price", "double precision", "Price of the items."),
        Column("freight", "double precision", "Cost of the transport."),
        Column("weight_kg", "double precision", "Weight of the items, kg."),
        Column("volume_l", "double precision", "Volume of the items, litres."),
        Column("distance_km", "double precision", "From seller to customer, km."),
        Column("source", "text", "File, simulator or topic that has the event."),
        Column("source_position", "bigint", "Line of the file or offset of the topic."),
    ),
)

SCORES = Table(
    "ml.deliveries_scores",
    (
        Column("order_id", "text", "The order."),
        REGION,
        DAY,
        Column("stage", "text", "Kind of moment: approved, or in_transit."),
        Column("scored_at", "timestamptz", "The moment for which it was scored, UTC."),
        Column("predicted_days", "double precision", "Predicted days from placing to delivery."),
        Column("lower_80", "double precision", "Lower bound of the 80 % interval."),
        Column("upper_80", "double precision", "Upper bound of the 80 % interval."),
        Column("model_version", "text", "The vintage of the delay; `fallback`: none."),
        Column("late_probability", "double precision", "Probability of being late."),
        Column("threshold", "double precision", "Probability from which on the risk is high."),
        Column("reasons", "jsonb", "What raises and lowers the risk most."),
        Column("late_version", "text", "The vintage of the risk; `fallback`: none."),
    ),
)

CUSTOMER_SEGMENTS = Table(
    "ml.customer_segments",
    (
        Column("month", "date", "Month at whose first moment the segment holds."),
        Column("customer", "text", "Pseudonym of the customer."),
        REGION,
        Column("segment", "smallint", "Number of the segment."),
        Column("name", "text", "Name of the segment."),
        Column("recency_days", "double precision", "Days since the last order."),
        Column("orders", "integer", "Number of orders."),
        Column("value", "double precision", "Value of the orders."),
        Column("late_share", "double precision", "Share of deliveries that were late."),
        Column("mean_days", "double precision", "Mean days to delivery."),
        Column("model_version", "text", "The vintage."),
    ),
)
