"""Series that are mostly zero keep their errors to themselves, and get a mean, not a nothing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from flow_platform.forecasting.daily.intervals import Calibration, calibrate

DAYS, STEPS = 84, 7


def backtest(with_sparse: bool = True) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Log errors, their rows and the actuals of a steady series and of two sparse ones."""
    generator = np.random.default_rng(4)
    parts = []
    for name, share in (("steady", 0.0), ("now and then", 0.3), ("rare", 0.9)):
        if share and not with_sparse:
            continue
        for day in range(DAYS):
            zero = generator.random() < share
            actual = 0.0 if zero else 400 * np.exp(generator.normal(0, 0.3))
            predicted = np.log1p(0.0 if share > 0.5 else 400.0)
            parts += [(name, step, day, actual, predicted) for step in range(1, STEPS + 1)]
    table = pd.DataFrame(parts, columns=["unique_id", "horizon", "day", "y", "log_prediction"])
    rows = table.assign(spread=0.3, special=False)
    return (np.log1p(table["y"]) - table["log_prediction"]).to_numpy(), rows, table["y"].to_numpy()


@pytest.fixture(scope="module")
def calibrated() -> Calibration:
    error, rows, _ = backtest()
    # As it comes back from a vintage's artefacts.
    return Calibration.from_json(json.loads(json.dumps(calibrate(error, rows).as_json())))


def test_a_steady_series_has_the_bands_it_would_have_alone(calibrated: Calibration) -> None:
    error, rows, _ = backtest(with_sparse=False)
    alone = calibrate(error, rows).bounds(rows)
    _, everyone, _ = backtest()
    own = (everyone["unique_id"] == "steady").to_numpy()
    assert np.allclose(calibrated.bounds(everyone)[own], alone)


def test_bands_of_sparse_series_are_counts_and_cover(calibrated: Calibration) -> None:
    _, rows, y = backtest()
    edges = np.expm1(rows["log_prediction"].to_numpy()[:, None] + calibrated.bounds(rows))
    assert edges.max() < 4 * y.max()
    for name in ("now and then", "rare"):
        own = (rows["unique_id"] == name).to_numpy()
        assert (edges[own] >= -1e-9).all()
        inside = (y[own] >= edges[own, 1] - 1e-9) & (y[own] <= edges[own, 2] + 1e-9)
        assert inside.mean() >= 0.76


def test_a_forecast_of_nothing_becomes_the_mean(calibrated: Calibration) -> None:
    _, rows, y = backtest()
    predicted = np.expm1(calibrated.point(rows))
    rare = (rows["unique_id"] == "rare").to_numpy()
    assert predicted[rare].mean() == pytest.approx(y[rare].mean(), rel=0.25)
    assert np.allclose(predicted[~rare], 400.0)


def test_wider_bands_are_wider_in_counts_too(calibrated: Calibration) -> None:
    _, rows, _ = backtest()
    rows = rows[rows["unique_id"] == "now and then"]
    plain, wide = calibrated.bounds(rows), calibrated.bounds(rows, np.full(len(rows), 1.5))
    log = rows["log_prediction"].to_numpy()
    upper = [np.expm1(log + offsets[:, 2]) - np.expm1(log) for offsets in (plain, wide)]
    assert np.allclose(upper[1], 1.5 * upper[0])
