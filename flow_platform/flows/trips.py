"""How long a taxi or delivery trip takes, said when it is asked for."""

from flow_platform.flows.record import RecordFlow

TRIPS = RecordFlow(
    name="trips",
    title="Trips",
    description="Minutes from pickup to drop-off, said when the trip is asked for.",
    # What a model is told: the zones and the hour, or the distance of a planned route as well.
    measures=("default", "planned_distance"),
    candidates=("zone_pair_mean", "lightgbm", "gradient_boosting"),
    merged="merged.trips",
    owner="team:forecasting",
    centres_from="source",
    scores="ml.trips_scores",
    watched=("minutes", "distance_km"),
    measured=("durations", "zone_pairs", "calibration"),
)
