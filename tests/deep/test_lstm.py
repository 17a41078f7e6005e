"""The LSTM of the extra `deep`, evaluated with the other candidates. `make deep` sets it up."""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation.evaluation import evaluate
from flow_platform.evaluation.options import Options
from flow_platform.evaluation.series_matrix import SeriesMatrix, matrix_of

INSTALLED = importlib.util.find_spec("neuralforecast") is not None


@pytest.fixture(scope="module")
def panel() -> SeriesMatrix:
    generator = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=200)
    week = np.array([120.0, 110, 100, 100, 105, 60, 20])[days.day_of_week]
    return matrix_of(
        pd.concat(
            pd.DataFrame(
                {
                    "unique_id": f"S{n}",
                    "ds": days,
                    "y": (1 + n) * week * generator.lognormal(0, 0.1, 200),
                }
            )
            for n in range(8)
        ),
        "D",
        (7,),
    )


def test_without_the_extra_the_lstm_is_left_out_with_what_it_needs(panel: SeriesMatrix) -> None:
    if INSTALLED:
        pytest.skip("the extra deep is installed here")
    result = evaluate(panel, Options(horizon=7, candidates=("seasonal_naive", "lstm"), workers=1))
    assert "make deep-install" in result.metrics["left_out"]["lstm"]


def test_the_lstm_learns_a_week_and_is_scored_like_the_others(panel: SeriesMatrix) -> None:
    if not INSTALLED:
        message = "neuralforecast is not installed: `make deep` sets it up and runs this test"
        (pytest.fail if os.environ.get("FLOW_DEEP") else pytest.skip)(message)
    result = evaluate(panel, Options(horizon=7, candidates=("seasonal_naive", "lstm"), workers=1))
    figures = {name: part["overall"] for name, part in result.metrics["candidates"].items()}
    assert result.metrics["left_out"] == {}
    assert figures["lstm"]["mase"] < figures["seasonal_naive"]["mase"]
    rows = result.forecasts[result.forecasts["candidate"] == "lstm"]
    assert len(rows) == 8 * 7 and (rows["prediction"] >= 0).all()
