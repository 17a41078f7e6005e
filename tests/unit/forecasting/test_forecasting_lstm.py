"""What the LSTM may know of a window, and the error where its extra is not installed.

That it learns is shown in tests/deep; that it is as-of and repeatable, with the other candidates.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forecasting_world import make_world, with_strikes

from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.flows.retail.flow import RETAIL
from flow_platform.forecasting.daily import lstm
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.forecasting.daily.lstm import (
    KNOWN_AHEAD,
    LOOK_BACK,
    Network,
    Windows,
    build_windows,
)
from flow_platform.forecasting.daily.panel import build_panel
from flow_platform.ground.errors import ModelError
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel

DAY = "2023-06-30"  # a Friday
STEPS = 14


@pytest.fixture(scope="module")
def world() -> SeriesData:
    return make_world(centres=2, days=200, weather=False)[0]


def windows_of(data: SeriesData, day: str = DAY) -> Windows:
    issues = data.issues[data.issues["issue"] == day]
    return build_windows(build_panel(data, issues, SeriesSpec()), issues, STEPS, Network())


def place(day: str) -> int:
    """The place of a day in a window of the issue of `DAY`."""
    return LOOK_BACK - 1 + (pd.Timestamp(day) - pd.Timestamp(DAY)).days


def test_a_window_ends_with_the_issue_and_then_looks_ahead_without_counts(
    world: SeriesData,
) -> None:
    windows = windows_of(world)
    assert windows.values.shape == windows.seen.shape == (2, LOOK_BACK + STEPS)
    assert (windows.seen[:, :LOOK_BACK] == 1).all() and (windows.seen[:, LOOK_BACK:] == 0).all()
    counts = np.expm1(windows.values * windows.scatter[:, None] + windows.level[:, None])
    own = world.actuals.set_index(["unique_id", "ds"])["y"]
    assert counts[0, place(DAY)] == pytest.approx(own["C0", DAY])
    # Days ahead have the newest count of their weekday: the second Friday too.
    assert np.allclose(counts[:, place("2023-07-14")], counts[:, place(DAY)])


def test_counts_known_after_the_issue_change_nothing(world: SeriesData) -> None:
    late = world.actuals["available_at"] > pd.Timestamp(DAY, tz="UTC") + pd.Timedelta(days=1)
    changed = replace(world, actuals=world.actuals.assign(y=world.actuals["y"].where(~late, 1e6)))
    for name, part in vars(windows_of(world)).items():
        assert np.array_equal(part, getattr(windows_of(changed), name)), name


def test_a_day_not_reported_in_time_has_the_value_of_its_weekday_before(world: SeriesData) -> None:
    ds, known = world.actuals["ds"], world.actuals["available_at"]
    corrected = known.where(ds != "2023-06-28", known + pd.Timedelta(days=30))
    windows = windows_of(replace(world, actuals=world.actuals.assign(available_at=corrected)))
    gap, before = place("2023-06-28"), place("2023-06-21")
    assert (windows.seen[:, gap] == 0).all()
    assert np.array_equal(windows.values[:, gap], windows.values[:, before])


def test_holidays_are_known_ahead_and_an_event_from_its_announcement_on(world: SeriesData) -> None:
    holiday, event = KNOWN_AHEAD.index("is_holiday"), KNOWN_AHEAD.index("is_event")
    assert (windows_of(world).ahead[:, place("2023-07-14"), holiday] == 1).all()
    for announced, known in (("2023-06-29 12:00", 1.0), ("2023-07-02 12:00", 0.0)):
        struck = with_strikes(world, ("C0", "2023-07-05", "2023-07-05", announced))
        at = windows_of(struck).ahead[:, place("2023-07-05"), event]
        assert at.tolist() == [known, 0.0]


def test_a_series_of_which_nothing_is_known_has_no_level(world: SeriesData) -> None:
    without = replace(world, actuals=world.actuals[world.actuals["unique_id"] != "C1"])
    windows = windows_of(without)
    assert np.isfinite(windows.level[0]) and np.isnan(windows.level[1])
    assert np.isfinite(windows.values).all()


def test_without_the_extra_training_and_forecasting_say_what_to_install(
    panel_data: SeriesData,
    spec: SeriesSpec,
    cutoff: pd.Timestamp,
    models: dict[str, TrainedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lstm, "is_installed", lambda: False)
    assert "lstm" in RETAIL.candidates
    assert ENGINE.trainable(RETAIL.candidates) == PARCELS.candidates
    with pytest.raises(ModelError, match="make deep-install"):
        Trainer(ENGINE).train("lstm", panel_data, cutoff, spec)
    plain = models["effects"].artefacts
    vintage = plain | {
        "training.json": plain["training.json"].replace(b'"effects"', b'"lstm"'),
        "network.json": b'{"weights":{}}',
    }
    issues = panel_data.issues[panel_data.issues["issue"] == "2023-10-02"]
    with pytest.raises(ModelError, match="make deep-install"):
        forecast(vintage, panel_data, issues, spec)
