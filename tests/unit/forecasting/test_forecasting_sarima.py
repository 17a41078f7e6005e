"""SARIMA forecasts from filtered states against statsmodels' own."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX

from flow_platform.forecasting.daily import sarima
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.panel import NEVER
from flow_platform.forecasting.daily.sarima import SeriesSarima, fit_series, forecast_series
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import DAY_NS
from flow_platform.models.vintage import TrainedModel

FITTED = SeriesSarima((1, 0, 1), (0, 1, 1, 7), (0.7, 0.2, -0.8, 0.01))
STEPS = np.arange(1, 15)


def a_series(days: int = 150) -> np.ndarray:
    generator = np.random.default_rng(2)
    week = np.tile([0.1, 0.2, 0.1, 0.0, 0.0, -0.5, -1.0], days // 7 + 1)[:days]
    values = 8 + week + 0.05 * generator.normal(size=days).cumsum()
    values[[20, 21, 90, 133]] = np.nan
    return values


def statsmodels_forecast(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SARIMAX(values, order=FITTED.order, seasonal_order=FITTED.seasonal_order)
        return np.asarray(model.filter(np.array(FITTED.params)).forecast(14))


def known(values: np.ndarray) -> np.ndarray:
    moments = (np.arange(len(values)) + 1) * DAY_NS
    return np.where(np.isfinite(values), moments, NEVER)


@pytest.mark.parametrize("day", [60, 91, 149])
def test_forecasts_from_states_equal_those_of_statsmodels(day: int) -> None:
    values = a_series()
    issued = np.array([(day + 1) * DAY_NS])
    fast = forecast_series(values, known(values), np.array([day]), issued, STEPS, FITTED)[0]
    assert fast == pytest.approx(statsmodels_forecast(values[: day + 1]), abs=1e-6)


def test_late_counts_are_filtered_as_missing_exactly() -> None:
    values = a_series()
    available = known(values)
    available[[100, 118, 120]] += 30 * DAY_NS
    day = 120
    issued = np.array([(day + 1) * DAY_NS])
    fast = forecast_series(values, available, np.array([day]), issued, STEPS, FITTED)[0]
    hidden = values[: day + 1].copy()
    hidden[[100, 118, 120]] = np.nan
    assert fast == pytest.approx(statsmodels_forecast(hidden), abs=1e-6)


def test_short_and_constant_series_have_no_parameters() -> None:
    spec = SeriesSpec()
    assert fit_series(a_series()[:40], spec) is None
    assert fit_series(np.full(200, 3.0), spec) is None


def test_a_panel_of_many_series_is_left_to_the_other_candidates(
    panel_data: SeriesData,
    spec: SeriesSpec,
    cutoff: pd.Timestamp,
    models: dict[str, TrainedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sarima, "MOST_SERIES", 2)
    prepared = ENGINE.prepare(panel_data, cutoff, spec)
    with pytest.raises(ModelError, match="may have 2 series"):
        ENGINE.train("sarima", prepared)
    blend = ENGINE.train("blend", prepared)
    assert json.loads(blend.artefacts["parameters.json"])["sarima"] == {}
    assert np.isfinite(blend.metrics["mase"])
    assert blend.metrics["mase"] < models["seasonal_naive"].metrics["mase"]
