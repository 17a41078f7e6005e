"""Parcels per sorting centre and day, one to fourteen days ahead."""

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.flows.parcels.options import ParcelsSource

PARCELS = SeriesFlow(
    name="parcels",
    title="Parcels",
    description="Parcels handled by a sorting centre on a day, forecast 1 to 14 days ahead.",
    measures=("parcels",),
    horizons=tuple(range(1, 15)),
    season=7,
    candidates=("seasonal_naive", "sarima", "effects", "lightgbm", "blend"),
    merged="merged.parcels",
    owner="team:forecasting",
    centres_from="file",
    source=ParcelsSource,
    has_weather=True,
    has_trading_days=False,
)
