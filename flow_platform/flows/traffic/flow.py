"""Vehicles an hour past each road counter, one to 24 hours ahead."""

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.flows.traffic.options import TrafficSource

TRAFFIC = SeriesFlow(
    name="traffic",
    title="Road traffic",
    description="Vehicles that pass a road counter in an hour, forecast 1 to 24 hours ahead.",
    measures=("vehicles",),
    horizons=tuple(range(1, 25)),
    season=168,
    candidates=("seasonal_naive", "profile_ar", "lightgbm"),
    merged="merged.traffic",
    owner="team:forecasting",
    centres_from="source",
    source=TrafficSource,
    receivers={"mqtt": "mqtt-subscriber"},
    # The weather is that of its places, which are centres of the centres file.
    has_weather=False,
    has_trading_days=False,
    step="hour",
)
