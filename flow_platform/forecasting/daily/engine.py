"""The engine of daily series, as stages use it."""

from __future__ import annotations

from dataclasses import replace

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec, fingerprint
from flow_platform.forecasting.daily.explanation import EXPLANATION_COLUMNS
from flow_platform.forecasting.daily.forecasting import fallback_forecast, forecast
from flow_platform.forecasting.daily.preparation import Prepared
from flow_platform.forecasting.daily.recipe import BOOSTED, CANDIDATES, missing_requirement
from flow_platform.forecasting.daily.training import fit
from flow_platform.models.boosters import Boosting
from flow_platform.models.engine import SeriesEngine


def _with_boosting(spec: SeriesSpec, boosting: Boosting) -> SeriesSpec:
    return replace(spec, boosting=boosting)


ENGINE: SeriesEngine[SeriesData, SeriesSpec, Prepared] = SeriesEngine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    prepare=Prepared,
    fit=fit,
    missing_requirement=missing_requirement,
    tuned=BOOSTED,
    with_boosting=_with_boosting,
    forecast=forecast,
    fallback_forecast=fallback_forecast,
    covers_every_series=False,
    extra_columns=EXPLANATION_COLUMNS,
    frequency="D",
)
