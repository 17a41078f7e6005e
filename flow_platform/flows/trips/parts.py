"""What the flow `trips` supplies to the platform."""

from flow_platform.flows.trips.assets import ZONES, zone_assets
from flow_platform.flows.trips.context import TripsContext
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.flows.trips.loading import load_trips, look_at_trips
from flow_platform.flows.trips.scoring import SCORING
from flow_platform.flows.trips.stand_in_zones import stand_in_zones
from flow_platform.ground.tables import Table
from flow_platform.parts import (
    DemoStep,
    DemoWindow,
    FlowParts,
    MoreParts,
    Predictions,
    RawRows,
    Retention,
    RetentionRule,
    daily_run,
    monthly_training,
)
from flow_platform.platform import places_of
from flow_platform.stages.drift import record_features
from flow_platform.stages.records import record_models

MODELS = record_models(
    SCORING,
    drift=record_features(TRIPS),
    predictions=Predictions(
        asset="trips_scores",
        table=Table.of(
            TRIPS.scores,
            """
                trip_id            text              The trip.
                centre_id          text              Borough of the pickup.
                day
                pickup_at          timestamptz       When the trip began.
                model              text              The model: with or without a planned distance.
                predicted_minutes  double precision  Predicted minutes.
                lower_80           double precision  Lower bound of the 80 % interval.
                upper_80           double precision  Upper bound of the 80 % interval.
                model_version      text              The vintage; `fallback`: none.
            """,
        ),
        unit="minutes",
        counted="scores",
        description="Trips: predicted minutes of every trip by each model, with an 80 %"
        " interval, by a vintage that was trained before the trip began.",
        complete="Every trip has a score of every model.",
        make=SCORING.predict,
    ),
)

PARTS = FlowParts(
    flow=TRIPS,
    places=places_of(TripsContext),
    raw=RawRows(
        table=Table.of(
            "raw.trips",
            """
                trip_id       text              Identity of the trip.
                centre_id     text              Borough of the pickup.
                day
                service       text              Taxi service: green or yellow.
                pickup_at     timestamptz       When the trip began.
                dropoff_at    timestamptz       When the trip ended.
                pickup_zone   integer           Zone in which it began.
                dropoff_zone  integer           Zone in which it ended.
                distance_km   double precision  Distance travelled, km.
                passengers    smallint          Number of passengers.
                total_amount  double precision  Amount paid.
                available_at
                source_file
                source_line
            """,
        ),
        load=load_trips,
        look=look_at_trips,
        stand_ins=stand_in_zones,
        description="Trips that passed the checks, by the borough and the UTC day of the pickup.",
        empty_means="Partitions of days on which no trip began anywhere: missing, not zero.",
        after=(ZONES,),
        # Official files have six in a hundred: at three times as many it is another kind of file.
        most_rejected=0.2,
    ),
    models=MODELS,
    schedules=(
        daily_run(
            "score_trips_daily",
            "30 6 * * *",
            "yesterday's trips, the scores of both models, all boroughs",
        ),
        monthly_training("train_trips_monthly", "30 5 1 * *"),
    ),
    live=(),
    retention=Retention(
        days={"trips": None},
        rules=tuple(
            RetentionRule("trips", table, "day")
            for table in ("raw.trips", "merged.trips", "ml.trips_scores")
        ),
    ),
    demo=DemoWindow(
        loaded=DemoStep("two months of trips", days=60, seconds=3),
        predicted=DemoStep("arrival times, and how right they were", days=14, seconds=15),
    ),
    more=MoreParts(
        assets=zone_assets,
        static=(ZONES,),
        made_from=lambda platform: platform.kept(TripsContext).zones,
    ),
)
