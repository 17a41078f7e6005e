"""What the flow `parcels` supplies to the platform."""

from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.flows.parcels.stage import discover, load_parcels, parcels_calendar
from flow_platform.ground.tables import Table
from flow_platform.parts import DemoWindow, FlowParts, Places, RawRows, Retention, Schedule
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
        description="Parcel counts as the source gave them, one row per accepted source row.",
        empty_means="Partitions without any count: missing, not zero.",
    ),
    models=daily_series(PARCELS),
    schedules=(
        Schedule(
            name="predict_colis_daily",
            job="daily",
            cron="30 5 * * *",
            description="yesterday's counts, today's forecasts, all centres",
        ),
        Schedule(
            name="train_colis_monthly",
            job="models",
            cron="0 4 1 * *",
            description="vintages of the month that begins",
        ),
    ),
    live=(),
    # Counts of a centre and day are of no person.
    retention=Retention(days={}, rules=()),
    demo=DemoWindow(
        loaded_days=730,
        loaded="two years of counts and weather",
        loaded_seconds=12,
        predicted_days=60,
        predicted="models, forecasts, accuracy, drift",
        predicted_seconds=25,
    ),
)
