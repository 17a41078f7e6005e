"""What the flow `deliveries` supplies to the platform."""

from datetime import timedelta

from flow_platform.flows.deliveries.assets import segment_assets, segment_jobs
from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.events import TOPICS
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.loading import load_deliveries
from flow_platform.flows.deliveries.looking import look_at_deliveries
from flow_platform.flows.deliveries.models.engine import ENGINE
from flow_platform.flows.deliveries.retention import RETENTION
from flow_platform.flows.deliveries.scoring import (
    compare_orders,
    delivery_spec,
    read_for_months,
    score_deliveries,
)
from flow_platform.flows.deliveries.sensors import touched_sensors
from flow_platform.flows.deliveries.tables import RAW_ORDERS, SCORES
from flow_platform.parts import (
    DemoMonths,
    DemoStep,
    DemoWindow,
    FlowParts,
    LiveSource,
    ModelParts,
    MoreParts,
    Predictions,
    RawRows,
    Schedule,
    daily_run,
    monthly_training,
)
from flow_platform.platform import places_of
from flow_platform.stages.drift import record_features

LIVE_TOPICS = tuple(
    LiveSource(
        name=topic,
        kinds=("kafka",),
        topic=topic,
        # A small shop sells nothing at night; nobody sells nothing for half a day.
        latest=timedelta(hours=12),
        description=f"The shop's topic {topic}",
    )
    for topic in TOPICS
)

MODELS = ModelParts(
    engine=ENGINE,
    spec=delivery_spec,
    read_for_training=read_for_months,
    # All models are of the same orders.
    shares_history=True,
    # The holidays ahead, and where each order was when.
    training_views=("calendar", "tracking"),
    predictions=Predictions(
        asset="deliveries_scores",
        table=SCORES,
        unit="days",
        counted="scores",
        description="Deliveries: predicted days to delivery, with an 80 % interval, and the"
        " risk of being late, of every order when approved and at every tracking event, by a"
        " vintage that was trained before.",
        complete="Every approved order has a score at each of its moments.",
        make=score_deliveries,
    ),
    compare=compare_orders,
    drift=record_features(DELIVERIES),
)

PARTS = FlowParts(
    flow=DELIVERIES,
    places=places_of(DeliveriesContext),
    raw=RawRows(
        table=RAW_ORDERS,
        load=load_deliveries,
        look=look_at_deliveries,
        description="Events of orders, by the region and the UTC day of placing: raw.orders, and"
        " with it raw.payments, raw.tracking and raw.incident_logs. Customers are pseudonyms.",
        empty_means="Regions and days on which no order was placed.",
        after=tuple(source.key for source in LIVE_TOPICS),
        # An order is rejected with all its rows.
        most_rejected=0.2,
    ),
    models=MODELS,
    schedules=(
        daily_run(
            "score_deliveries_daily",
            "0 7 * * *",
            "orders placed in the last seven weeks, their scores since, all regions",
        ),
        monthly_training("train_deliveries_monthly", "0 6 1 * *"),
        Schedule(
            name="segment_customers_monthly",
            job="segments",
            cron="30 6 1 * *",
            description="the customers' segments, by what was known as the month began",
        ),
    ),
    live=LIVE_TOPICS,
    retention=RETENTION,
    demo=DemoWindow(
        loaded=DemoStep("five months of orders", days=150, seconds=28),
        predicted=DemoStep("delays and late risk, and how right they were", days=28, seconds=50),
        months=DemoMonths("customers' segments", "segments", seconds=11),
    ),
    more=MoreParts(assets=segment_assets, jobs=segment_jobs, sensors=touched_sensors),
)
