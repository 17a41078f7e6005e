"""Where forecasts are made: rolling origins, without the rows that follow each of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from utilsforecast.processing import backtest_splits

from flow_platform.evaluation.rolling_origins import origins_of
from flow_platform.evaluation.series_matrix import matrix_of
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.made_panels import daily, options, weeks


def test_the_cutoffs_and_what_is_seen_at_them_are_those_of_utilsforecast() -> None:
    """On series of different ends and with gaps, for the windows that are scored."""
    frame = weeks(series=3)
    days = frame["ds"].rank(method="dense")
    ended = (frame["unique_id"] == "S001") & (days > 120)
    missing = (frame["unique_id"] == "S002") & days.isin([30, 31, 125])
    frame = frame[~ended & ~missing].reset_index(drop=True)
    panel = daily(frame)
    origins = origins_of(panel, options(windows=3), held_out=False)
    theirs = list(
        backtest_splits(
            frame, n_windows=3, h=7, id_col="unique_id", time_col="ds", freq="D", step_size=7
        )
    )
    assert origins.cutoffs == (21, 14, 7)
    for cutoff, (ends, seen, after) in zip(origins.cutoffs, theirs, strict=True):
        history = panel.before(cutoff)
        assert (history.last == ends.set_index("unique_id")["cutoff"][panel.ids]).all()
        series, steps = np.nonzero(np.isfinite(history.values))
        assert len(series) == len(seen)
        assert history.values[series, steps].tolist() == seen["y"].tolist()
        following = panel.following(cutoff, 7)
        assert following[np.isfinite(following)].tolist() == after["y"].tolist()


def test_a_hold_out_is_scored_after_the_panels_end_and_has_earlier_origins_within_it() -> None:
    origins = origins_of(daily(weeks()), options(windows=1), held_out=True)
    assert origins.cutoffs == (0,)
    assert origins.earlier == (14, 7)


def test_short_series_have_no_earlier_origin_and_too_short_ones_are_refused() -> None:
    panel = daily(weeks(steps=20))
    assert origins_of(panel, options(windows=1), held_out=False).earlier == ()
    with pytest.raises(ModelError, match="No series has more than"):
        origins_of(panel, options(windows=3), held_out=False)


def test_series_that_begin_after_an_origin_are_unknown_there() -> None:
    late = pd.DataFrame({"unique_id": "late", "ds": pd.date_range("2024-05-10", periods=10)})
    panel = matrix_of(pd.concat([weeks(series=1), late.assign(y=1.0)]), "D", (7,))
    assert panel.before(14).lengths.tolist() == [126, 0]
