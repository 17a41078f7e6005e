"""The engine of hourly series, as stages use it."""

from __future__ import annotations

from flow_platform.forecasting.hourly.candidates import CANDIDATES
from flow_platform.forecasting.hourly.data import HourlyData, HourlySpec, fingerprint
from flow_platform.forecasting.hourly.forecasting import (
    EXTRA_COLUMNS,
    fallback_forecast,
    forecast,
)
from flow_platform.forecasting.hourly.preparation import Prepared
from flow_platform.forecasting.hourly.training import fit
from flow_platform.models.engine import SeriesEngine

ENGINE: SeriesEngine[HourlyData, HourlySpec, Prepared] = SeriesEngine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    prepare=Prepared,
    fit=fit,
    forecast=forecast,
    fallback_forecast=fallback_forecast,
    covers_every_series=True,
    extra_columns=EXTRA_COLUMNS,
    frequency="h",
)
