"""Fixtures of the forecasting tests: one small world, trained once for all of them."""

from __future__ import annotations

import pandas as pd
import pytest
from forecasting_world import make_world

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.models.vintage import TrainedModel
from tests.stored import as_stored


@pytest.fixture(scope="session")
def spec() -> SeriesSpec:
    return SeriesSpec(backtest_days=42)


@pytest.fixture(scope="session")
def made_data() -> SeriesData:
    """Three centres over a year, weather included, as frames made in memory."""
    return make_world(centres=3, days=365)[0]


@pytest.fixture(scope="session", params=["made in memory", "read from the warehouse"])
def panel_data(request: pytest.FixtureRequest, made_data: SeriesData) -> SeriesData:
    """The same panel, once as it was made and once as the warehouse gives it back."""
    return made_data if request.param == "made in memory" else as_stored(made_data)


@pytest.fixture(scope="session")
def cutoff() -> pd.Timestamp:
    return pd.Timestamp("2023-10-01", tz="UTC")


@pytest.fixture(scope="session")
def models(
    made_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp
) -> dict[str, TrainedModel]:
    prepared = ENGINE.prepare(made_data, cutoff, spec)
    return {name: ENGINE.train(name, prepared) for name in ENGINE.trainable()}
