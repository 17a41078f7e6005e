"""The tables of the flow `deliveries` that Python writes, with their columns."""

from __future__ import annotations

from flow_platform.ground.tables import Table

RAW_ORDERS = Table.of(
    "raw.orders",
    """
        event_id         text              Identity of the event.
        type             text              Kind of event: placed, approved, corrected, cancelled.
        order_id         text              The order.
        occurred_at      timestamptz       When the event took place.
        available_at
        centre_id        text              Region that the order goes to.
        day
        customer         text              Pseudonym of the customer.
        region           text              Region as the event names it.
        postal_area      text              First digits of the postal code.
        promised_at      timestamptz       Promised moment of delivery.
        seller           text              The seller; of several the one with the most items.
        sellers          smallint          Number of sellers.
        carrier          text              The carrier.
        category         text              Category of the goods.
        items            smallint          Number of items.
        price            double precision  Price of the items.
        freight          double precision  Cost of the transport.
        weight_kg        double precision  Weight of the items, kg.
        volume_l         double precision  Volume of the items, litres.
        distance_km      double precision  From seller to customer, km.
        source           text              File, simulator or topic that has the event.
        source_position  bigint            Line of the file or offset of the topic.
    """,
)

SCORES = Table.of(
    "ml.deliveries_scores",
    """
        order_id          text              The order.
        centre_id         text              Region that the order goes to.
        day
        stage             text              Kind of moment: approved, or in_transit.
        scored_at         timestamptz       The moment for which it was scored, UTC.
        predicted_days    double precision  Predicted days from placing to delivery.
        lower_80          double precision  Lower bound of the 80 % interval.
        upper_80          double precision  Upper bound of the 80 % interval.
        model_version     text              The vintage of the delay; `fallback`: none.
        late_probability  double precision  Probability of being late.
        threshold         double precision  Probability from which on the risk is high.
        reasons           jsonb             What raises and lowers the risk most.
        late_version      text              The vintage of the risk; `fallback`: none.
    """,
)

CUSTOMER_SEGMENTS = Table.of(
    "ml.customer_segments",
    """
        month          date              Month at whose first moment the segment holds.
        customer       text              Pseudonym of the customer.
        centre_id      text              Region that the order goes to.
        segment        smallint          Number of the segment.
        name           text              Name of the segment.
        recency_days   double precision  Days since the last order.
        orders         integer           Number of orders.
        value          double precision  Value of the orders.
        late_share     double precision  Share of deliveries that were late.
        mean_days      double precision  Mean days to delivery.
        model_version  text              The vintage.
    """,
)
