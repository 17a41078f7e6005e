"""What the flow `traffic` supplies to the platform."""

from datetime import timedelta

from flow_platform.flows.traffic.context import TrafficContext
from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.flows.traffic.stage import load_traffic, look_at_traffic
from flow_platform.ground.tables import Table
from flow_platform.parts import (
    DemoStep,
    DemoWindow,
    FlowParts,
    LiveSource,
    RawRows,
    Retention,
    daily_run,
    monthly_training,
)
from flow_platform.platform import places_of
from flow_platform.stages.hourly import hourly_series

COUNTERS = LiveSource(
    name="traffic",
    kinds=("mqtt", "http"),
    topic=None,
    # Hours are reported some minutes after they end; two of them missing is no chance any more.
    latest=timedelta(hours=2, minutes=15),
    description="The road counters themselves: messages over MQTT or the open-data portal",
)

PARTS = FlowParts(
    flow=TRAFFIC,
    places=places_of(TrafficContext),
    raw=RawRows(
        table=Table.of(
            "raw.traffic",
            """
                centre_id   text              The road counter.
                day
                counted_at  timestamptz       End of the hour, or moment of the reading.
                vehicles    double precision  Vehicles that passed; null: not reported.
                occupancy   double precision  Share of time occupied, in per cent.
                state       text              State that the counter reports.
                available_at
                event_id    text              Identity of a message, or of a row of the portal.
                source_file
                source_line
            """,
        ),
        load=load_traffic,
        look=look_at_traffic,
        description="Readings of road counters as the source gave them, several of one hour"
        " included; a share of an hour has the values of its hour. No volume is null.",
        empty_means="Counter-days without any reading: missing, not zero.",
        after=(COUNTERS.key,),
    ),
    models=hourly_series(TRAFFIC),
    schedules=(
        # Counters report some minutes after the hour.
        daily_run(
            "predict_traffic_hourly",
            "10 * * * *",
            "today's readings so far, the forecasts of this hour, all counters",
        ),
        monthly_training("train_traffic_monthly", "0 5 1 * *"),
    ),
    live=(COUNTERS,),
    # Counts of vehicles are of no person.
    retention=Retention(days={}, rules=()),
    demo=DemoWindow(
        loaded=DemoStep("four months of readings of road counters", days=120, seconds=7),
        predicted=DemoStep("forecasts of every hour, and how right they were", days=7, seconds=25),
    ),
)
