"""A candidate runs within its time; where it fails, the seasonal naive takes its place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation.candidates import PER_SERIES
from flow_platform.evaluation.naive_methods import seasonal_naive
from flow_platform.evaluation.per_series import forecast_each, seconds_needed
from tests.unit.evaluation.made_panels import daily, weeks


def test_series_not_reached_in_time_have_the_fallback_with_the_reason() -> None:
    made = forecast_each(next(c for c in PER_SERIES if c.name == "theta"), daily(weeks()), 7, -1.0)
    assert np.array_equal(made.values, seasonal_naive(daily(weeks()), 7))
    assert set(made.reasons.values()) == {"out of time after -1 s"}


def test_the_time_of_a_costly_candidate_is_estimated_from_a_few_series() -> None:
    theta = next(c for c in PER_SERIES if c.name == "theta")
    panel = daily(weeks(series=40))
    needed = seconds_needed(theta, panel, 7, 1)
    assert 0 < needed < 60
    assert seconds_needed(theta, daily(weeks(series=4)), 7, 1) == 0


@pytest.mark.parametrize("name", ["naive2", "phase_means", "theta", "mstl"])
def test_many_series_that_have_not_begun_leave_the_others_their_forecasts(name: str) -> None:
    """A whole chunk of 64 series without a value, as after an origin before they opened."""
    candidate = next(c for c in PER_SERIES if c.name == name)
    old = weeks(series=3)
    new = pd.DataFrame(
        {"unique_id": [f"A{n:03d}" for n in range(64)], "ds": old["ds"].max(), "y": 1.0}
    )
    made = forecast_each(candidate, daily(pd.concat([old, new])).before(7), 7, 60.0)
    alone = forecast_each(candidate, daily(old).before(7), 7, 60.0)
    assert np.array_equal(made.values[64:], alone.values)
    assert set(made.reasons) == set(new["unique_id"])
