"""How long a taxi or delivery trip takes, predicted for its pickup."""

from flow_platform.flows.kinds import RecordFlow
from flow_platform.flows.trips.options import TripsSource

TRIPS = RecordFlow(
    name="trips",
    title="Trips",
    description="Minutes from pickup to drop-off, predicted for the moment of the pickup.",
    # The inputs of a model: the zones and the hour, or the distance of a planned route as well.
    measures=("default", "planned_distance"),
    candidates=("zone_pair_mean", "lightgbm", "gradient_boosting"),
    merged="merged.trips",
    owner="team:forecasting",
    centres_from="source",
    source=TripsSource,
    scores="ml.trips_scores",
    drift_columns=("minutes", "distance_km"),
    monitoring=("durations", "zone_pairs", "calibration"),
    has_api=True,
)
