"""Rows of a global model: what was known at an origin, and the value some steps later."""

from __future__ import annotations

import numpy as np
import pytest

from flow_platform.evaluation.direct_rows import rows_at, training_rows
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.made_panels import daily, weeks


def test_rows_do_not_depend_on_what_follows_their_origin() -> None:
    frame = weeks(series=3)
    later = frame["ds"] > frame["ds"].unique()[-11]
    changed = frame.assign(y=frame["y"].where(~later, 5 * frame["y"] + 1))
    first, second = (rows_at(daily(one), 10, 7, (7,)) for one in (frame, changed))
    assert np.array_equal(first.features, second.features, equal_nan=True)
    assert np.array_equal(first.anchors, second.anchors)
    assert np.array_equal(first.level, second.level)
    assert not np.array_equal(first.target, second.target)


def test_the_target_of_a_row_is_the_value_its_horizon_later() -> None:
    panel = daily(weeks(series=2))
    rows = rows_at(panel, 10, 7, (7,))
    assert rows.target.reshape(2, 7).tolist() == panel.values[:, -10:-3].tolist()
    after_the_end = rows_at(panel, 2, 7, (7,)).target.reshape(2, 7)
    assert np.isnan(after_the_end).sum(axis=1).tolist() == [5, 5]


def test_the_first_anchor_is_the_newest_value_of_the_same_phase() -> None:
    panel = daily(weeks(series=2))
    anchors = rows_at(panel, 7, 7, (7,)).anchors[:, 0].reshape(2, 7)
    assert anchors.tolist() == panel.values[:, -14:-7].tolist()


def test_rows_of_a_panel_of_other_units_are_the_same_but_for_the_units() -> None:
    frame = weeks(series=3)
    one, thousand = (rows_at(daily(frame.assign(y=frame["y"] * k)), 10, 7, (7,)) for k in (1, 1024))
    assert np.array_equal(one.features, thousand.features, equal_nan=True)
    assert np.array_equal(one.anchors * 1024, thousand.anchors)


def test_a_panel_without_enough_rows_or_steps_is_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match="8 steps more than a season"):
        panel = daily(weeks(series=30, steps=14))
        training_rows(panel, 1, panel.cycles, 1000)
    with pytest.raises(ModelError, match="at least 200 rows"):
        training_rows(daily(weeks(series=1, steps=30)), 7, (7,), 1000)
