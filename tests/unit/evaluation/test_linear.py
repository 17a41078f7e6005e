"""The global linear model learns one set of weights for all series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation.linear import GlobalLinear
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.made_panels import daily, weeks


def test_a_linear_model_finds_a_pattern_it_shares_between_series() -> None:
    frame = weeks(series=20, noise=0.0)
    cutoff = frame["ds"].max() - pd.Timedelta(days=7)
    panel = daily(frame[frame["ds"] <= cutoff])
    model = GlobalLinear(0, 1)
    model.fit(panel, 7)
    made, _ = model.forecast(panel, 7)
    actual = frame[frame["ds"] > cutoff]["y"].to_numpy().reshape(20, 7)
    assert np.abs(made - actual).mean() < 0.02 * actual.mean()
    with pytest.raises(ModelError, match="300 windows"):
        model.fit(daily(weeks(series=2, steps=60)), 7)
