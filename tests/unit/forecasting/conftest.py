"""Fixtures of the forecasting tests: one small world, trained once for all of them."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

_WORLD = Path(__file__).with_name("world.py")
_module = importlib.util.spec_from_file_location("forecasting_world", _WORLD)
assert _module is not None and _module.loader is not None
world = importlib.util.module_from_spec(_module)
sys.modules["forecasting_world"] = world
_module.loader.exec_module(world)

from flow_platform.forecasting.data import SeriesData, SeriesSpec  # noqa: E402
from flow_platform.forecasting.training import CANDIDATES, TrainedModel, train  # noqa: E402

CUTOFF = pd.Timestamp("2023-10-01", tz="UTC")


@pytest.fixture(scope="session")
def spec() -> SeriesSpec:
    return SeriesSpec(tuning_trials=2, backtest_days=42)


@pytest.fixture(scope="session")
def panel_data() -> SeriesData:
    """Three centres over a year, weather included."""
    return world.make_world(centres=3, days=365)[0]


@pytest.fixture(scope="session")
def cutoff() -> pd.Timestamp:
    return CUTOFF


@pytest.fixture(scope="session")
def models(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp
) -> dict[str, TrainedModel]:
    return {name: train(name, panel_data, cutoff, spec) for name in CANDIDATES}
