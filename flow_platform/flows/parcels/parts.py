"""What the flow `parcels` supplies to the platform."""

from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.flows.parcels.stage import (
    discover,
    load_parcels,
    look_at_parcels,
    parcels_calendar,
)
from flow_platform.ground.tables import Table
from flow_platform.parts import (
    DemoStep,
    DemoWindow,
    FlowParts,
    Places,
    RawRows,
    Retention,
    daily_run,
    monthly_training,
)
from flow_platform.stages.daily import daily_series

PARTS = FlowParts(
    flow=PARCELS,
    places=Places(
        centres=lambda platform: platform.centres,
        calendar=parcels_calendar,
        discover=discover,
    ),
    raw=RawRows(
        table=Table.of(
            "raw.parcels",
            """
                centre_id
                day
                parcels  double precision  Parcels of the row.
                available_at
                source_file
                source_line
            """,
        ),
        load=load_parcels,
        look=look_at_parcels,
        description="Parcel counts as the source gave them, one row per accepted source row.",
        empty_means="Partitions without any count: missing, not zero.",
    ),
    models=daily_series(PARCELS),
    schedules=(
        daily_run(
            "predict_colis_daily",
            "30 5 * * *",
            "yesterday's counts, today's forecasts, all centres",
        ),
        monthly_training("train_colis_monthly", "0 4 1 * *"),
    ),
    live=(),
    # Counts of a centre and day are of no person.
    retention=Retention(days={}, rules=()),
    demo=DemoWindow(
        loaded=DemoStep("two years of counts and weather", days=730, seconds=22),
        predicted=DemoStep("models, forecasts, accuracy, drift", days=60, seconds=27),
    ),
)
