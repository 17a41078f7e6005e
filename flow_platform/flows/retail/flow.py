"""Retail sales per country and day, one to fourteen days ahead: pieces, invoices and revenue."""

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.flows.retail.options import RetailSource

RETAIL = SeriesFlow(
    name="retail",
    title="Retail",
    description="Pieces, invoices and revenue that a web shop sells to a country on a day, forecast"
    " 1 to 14 days ahead.",
    measures=("quantity", "invoices", "revenue"),
    horizons=tuple(range(1, 15)),
    season=7,
    candidates=("seasonal_naive", "sarima", "effects", "lightgbm", "blend", "lstm"),
    merged="merged.retail",
    owner="team:forecasting",
    centres_from="source",
    source=RetailSource,
    has_weather=False,
    has_trading_days=True,
)
