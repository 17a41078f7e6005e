"""Drift statistics against hand-computed figures, and their behaviour on noise and on a shift."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from flow_platform.monitoring.drift import (
    DriftSettings,
    effective_size,
    largest_gap,
    measure_drift,
    population_stability_index,
)


def test_psi_equals_the_hand_computed_figure() -> None:
    # Two bins at the reference's median: 2 and 2 rows against 1 and 3, half a row added to each.
    reference, current = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 3, 4])
    q, p = np.array([2.5, 2.5]) / 5, np.array([1.5, 3.5]) / 5
    expected = sum(float((a - b) * math.log(a / b)) for a, b in zip(p, q, strict=True))
    assert population_stability_index(reference, current, bins=2) == pytest.approx(expected)


def test_the_gap_is_scipys_ks_statistic() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(0.5, size=31)
    assert largest_gap(a, b) == pytest.approx(ks_2samp(a, b).statistic)


def test_days_like_their_neighbours_count_for_less() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(size=400)
    slow = np.zeros(400)
    for i in range(1, 400):
        slow[i] = 0.8 * slow[i - 1] + noise[i]
    assert effective_size(noise) > 300
    assert effective_size(slow) < 90


def _world(shift: float, season: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    days = pd.date_range("2022-01-01", periods=730)
    rng = np.random.default_rng(3)
    frames = []
    for centre in range(40):
        wave = season * np.sin(2 * np.pi * np.arange(730) / 365.25)
        values = wave + rng.normal(0, 2, 730)
        values[-28:] += shift
        frames.append(pd.DataFrame({"centre_id": str(centre), "day": days, "x": values}))
    history = pd.concat(frames)
    return history, history.loc[history["day"] == days[-1], ["centre_id", "day"]]


def test_a_season_alone_is_no_drift_and_a_shift_is() -> None:
    quiet = measure_drift(*_world(0.0, season=10.0), ["x"])
    moved = measure_drift(*_world(6.0), ["x"])
    assert (quiet["status"] == "drift").mean() <= 0.05
    assert (moved["status"] == "drift").mean() >= 0.9


def test_values_after_the_reading_change_nothing() -> None:
    history, _ = _world(0.0)
    readings = pd.DataFrame({"centre_id": ["0"], "day": [pd.Timestamp("2023-06-01")]})
    before = measure_drift(history, readings, ["x"])
    changed = history.assign(x=history["x"].where(history["day"] <= "2023-06-01", 1e6))
    pd.testing.assert_frame_equal(measure_drift(changed, readings, ["x"]), before)


def test_too_little_history_is_said_not_guessed() -> None:
    history, _ = _world(0.0)
    readings = pd.DataFrame({"centre_id": ["0"], "day": [pd.Timestamp("2022-03-01")]})
    assert measure_drift(history, readings, ["x"])["status"].tolist() == ["insufficient"]
    assert DriftSettings().minimum_rows == 20
