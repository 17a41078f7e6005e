"""The naive methods repeat what their definitions say."""

from __future__ import annotations

import numpy as np

from flow_platform.evaluation.naive_methods import naive, naive2_of, seasonal_naive
from flow_platform.evaluation.series_matrix import matrix_of
from tests.unit.evaluation.made_panels import rows


def test_naive_repeats_the_last_value_and_seasonal_naive_the_last_season() -> None:
    panel = matrix_of(rows(a=[1, 2, 3, 4, 5, 6]), "h", (3,))
    assert naive(panel, 4).tolist() == [[6, 6, 6, 6]]
    assert seasonal_naive(panel, 4).tolist() == [[4, 5, 6, 4]]


def test_naive2_adjusts_a_seasonal_series_and_leaves_a_plain_one_alone() -> None:
    season = np.array([0.5, 1.0, 1.5, 1.0])
    seasonal = np.tile(season, 12) * 100
    assert np.allclose(naive2_of(seasonal, 4, 6), np.tile(season, 2)[:6] * 100)
    plain = np.random.default_rng(1).normal(100, 1, 48)
    assert np.allclose(naive2_of(plain, 4, 3), plain[-1])
