"""Metrics against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_platform.ground.errors import ModelError
from flow_platform.models import metrics

Y, F = [10.0, 20.0, 40.0], [12.0, 16.0, 40.0]


def test_point_metrics_equal_hand_computed_figures() -> None:
    assert metrics.mae(Y, F) == pytest.approx(2.0)
    assert metrics.rmse(Y, F) == pytest.approx(np.sqrt(20 / 3))
    assert metrics.mape(Y, F) == pytest.approx((0.2 + 0.2) / 3)
    assert metrics.wape(Y, F) == pytest.approx(6 / 70)
    assert metrics.bias(Y, F) == pytest.approx(-2 / 70)
    assert metrics.mase(Y, F, 4.0) == pytest.approx(0.5)
    assert metrics.r2(Y, F) == pytest.approx(1 - 20 / (1400 / 3))


def test_seasonal_scale_is_the_error_of_the_seasonal_naive_and_skips_missing_days() -> None:
    assert metrics.seasonal_scale([1, 2, 3, 5, np.nan, 9], 2) == pytest.approx((2 + 3 + 4) / 3)


def test_pinball_weighs_each_side_by_its_quantile() -> None:
    assert metrics.pinball([10.0, 10.0], [8.0, 13.0], 0.9) == pytest.approx((1.8 + 0.3) / 2)


def test_coverage_counts_the_bounds_as_inside() -> None:
    assert metrics.coverage([1, 2, 3, 4], [1, 0, 4, 4], [2, 1, 5, 4]) == pytest.approx(0.5)


def test_percentage_errors_leave_out_days_of_zero() -> None:
    assert metrics.mape([0.0, 10.0], [5.0, 11.0]) == pytest.approx(0.1)


def test_unequal_lengths_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match="one prediction per actual"):
        metrics.mae([1.0], [1.0, 2.0])


def test_summarise_gives_one_row_per_group() -> None:
    frame = pd.DataFrame(
        {"model": ["a", "a", "b"], "y": Y, "prediction": F, "scale": [2.0, 4.0, 4.0]}
    )
    table = metrics.summarise(frame, ["model"]).set_index("model")
    assert table.loc["a", "n"] == 2
    assert table.loc["a", "wape"] == pytest.approx(0.2)
    assert table.loc["a", "mase"] == pytest.approx(1.0)
    assert table.loc["b", "mae"] == 0


@given(st.lists(st.floats(0.1, 1e6), min_size=2, max_size=30))
def test_a_perfect_forecast_has_no_error(values: list[float]) -> None:
    assert metrics.wape(values, values) == 0
    assert metrics.rmse(values, values) == 0
