"""The flows' own LSTM, trained as and with the other candidates.

That it is as-of, and forecasts alike alone and in a range, the tests of training show of every
candidate that can be trained (tests/unit/forecasting/test_forecasting_training.py).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.retail.flow import RETAIL
from flow_platform.forecasting.daily import lstm
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.forecasting.daily.lstm import LOOK_BACK, Network, Windows
from flow_platform.ground.errors import ModelError
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel
from tests.unit.forecasting.forecasting_world import make_world

CUTOFF = pd.Timestamp("2023-11-01", tz="UTC")
SPEC = SeriesSpec(backtest_days=42)
STEPS = 14


@pytest.fixture(scope="module", autouse=True)
def extra() -> None:
    if not lstm.is_installed():
        message = "neuralforecast is not installed: `make deep` sets it up and runs this test"
        (pytest.fail if os.environ.get("FLOW_DEEP") else pytest.skip)(message)


@pytest.fixture(scope="module")
def data() -> SeriesData:
    return make_world(centres=6, days=365, weather=False)[0]


@pytest.fixture(scope="module")
def models(data: SeriesData) -> dict[str, TrainedModel]:
    names = ("seasonal_naive", "sarima", "lightgbm", "lstm")
    assert set(names) <= set(ENGINE.trainable(RETAIL.candidates))
    prepared = ENGINE.prepare(data, CUTOFF, SPEC)
    return {name: ENGINE.train(name, prepared) for name in names}


def test_sarima_lightgbm_and_lstm_have_their_figures_on_the_same_origins(
    models: dict[str, TrainedModel],
) -> None:
    for name in ("sarima", "lightgbm", "lstm"):
        assert all(np.isfinite(models[name].metrics[figure]) for figure in ("rmse", "mae", "mape"))
    origins = ["unique_id", "issue", "horizon", "ds", "y"]
    for name in ("sarima", "lightgbm"):
        pd.testing.assert_frame_equal(
            models[name].backtest[origins], models["lstm"].backtest[origins]
        )


def test_the_lstm_betters_the_seasonal_naive(models: dict[str, TrainedModel]) -> None:
    assert models["lstm"].metrics["mase"] < models["seasonal_naive"].metrics["mase"]


def test_training_again_gives_the_same_bytes_whatever_the_row_order(
    data: SeriesData, models: dict[str, TrainedModel]
) -> None:
    frames = (data.actuals, data.calendar, data.issues)
    actuals, calendar, issues = (frame.sample(frac=1, random_state=5) for frame in frames)
    mixed = SeriesData(actuals, calendar, data.weather, issues)
    assert Trainer(ENGINE).train("lstm", mixed, CUTOFF, SPEC).artefacts == models["lstm"].artefacts


def test_its_network_is_json_and_no_other_fits(
    data: SeriesData, models: dict[str, TrainedModel]
) -> None:
    artefacts = models["lstm"].artefacts
    network = json.loads(artefacts["network.json"])
    assert network["look_back"] == LOOK_BACK
    issues = data.issues[data.issues["issue"] == "2023-11-05"]
    assert len(forecast(artefacts, data, issues, SPEC)) == 6 * STEPS
    other = json.dumps(network | {"hidden": 7}).encode()
    with pytest.raises(ModelError, match="network cannot be read"):
        forecast(artefacts | {"network.json": other}, data, issues, SPEC)


def test_a_network_that_went_through_json_forecasts_as_after_training() -> None:
    generator = np.random.default_rng(3)
    issues, days = 200, LOOK_BACK + STEPS
    windows = Windows(
        values=generator.normal(size=(issues, days)),
        seen=np.ones((issues, days)),
        ahead=generator.integers(0, 2, (issues, days, len(lstm.KNOWN_AHEAD))).astype(float),
        level=np.full(issues, 5.0),
        scatter=np.full(issues, 0.5),
    )
    network = lstm.fit(Network(), windows, generator.normal(5, 0.5, (issues, STEPS)), seed=1)
    restored = Network(**json.loads(json.dumps(asdict(network))))
    forecasts = lstm.forecast(network, windows)
    assert np.array_equal(forecasts, lstm.forecast(restored, windows))
    one = lstm.forecast(restored, windows.part(slice(7, 8)))
    assert np.array_equal(one[0], forecasts[7])


def test_training_leaves_the_process_as_it_was() -> None:
    import torch

    before = torch.get_num_threads(), np.random.get_state()[1].tolist()  # type: ignore[index]
    lstm.fit(Network(), *a_window(), seed=1)
    assert not torch.are_deterministic_algorithms_enabled()
    assert before == (torch.get_num_threads(), np.random.get_state()[1].tolist())  # type: ignore[index]


def a_window() -> tuple[Windows, np.ndarray]:
    days = LOOK_BACK + STEPS
    one = np.ones((1, days))
    calendar = np.zeros((1, days, len(lstm.KNOWN_AHEAD)))
    return Windows(one, one, calendar, np.ones(1), np.ones(1)), np.ones((1, STEPS))
