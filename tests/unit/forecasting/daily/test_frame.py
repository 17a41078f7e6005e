"""The feature frame: its rows, and that nothing known later reaches it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec, fingerprint
from flow_platform.forecasting.daily.frame import build_frame
from flow_platform.ground.errors import ModelError
from tests.unit.forecasting.daily.world import with_strikes

TARGET = ["y", "y_available_at"]


def issues_on(data: SeriesData, *days: str) -> pd.DataFrame:
    return data.issues[data.issues["issue"].isin(pd.to_datetime(list(days)))]


def test_the_frame_has_exactly_one_row_per_series_issue_and_horizon(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    issues = issues_on(panel_data, "2023-06-01", "2023-06-02", "2023-12-31")
    frame = build_frame(panel_data, issues.sample(frac=1, random_state=1), spec.horizons, spec)
    assert len(frame) == 3 * 3 * 14
    assert not frame.duplicated(["unique_id", "issue", "horizon"]).any()
    assert (frame["ds"] == frame["issue"] + pd.to_timedelta(frame["horizon"], "D")).all()
    assert (frame.groupby("horizon").size() == 9).all()


def test_an_issue_has_the_same_features_alone_as_among_others(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    alone = build_frame(panel_data, issues_on(panel_data, "2023-08-03"), spec.horizons, spec)
    among = build_frame(panel_data, panel_data.issues, spec.horizons, spec)
    among = among[among["issue"] == "2023-08-03"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, among, rtol=1e-9, atol=1e-9)


def later_changed(data: SeriesData, moment: pd.Timestamp, kind: str) -> SeriesData:
    """`data` with every fact of one kind that became known after `moment` altered."""
    generator = np.random.default_rng(3)
    frame = getattr(data, kind).copy()
    late = (frame["available_at"] > moment).to_numpy()
    assert late.any()
    columns = ["y"] if kind == "actuals" else list(frame.columns[4:])
    for column in columns:
        values = frame[column].to_numpy(dtype=float).copy()
        values[late] = generator.uniform(0, 1e6, int(late.sum()))
        frame[column] = values
    return replace(data, **{kind: frame})


@pytest.mark.parametrize("kind", ["actuals", "weather"])
def test_facts_known_after_the_issue_change_no_bit_of_its_features(
    panel_data: SeriesData, spec: SeriesSpec, kind: str
) -> None:
    issues = issues_on(panel_data, "2023-05-20", "2023-09-13")
    for moment in issues["issued_at"].drop_duplicates().sort_values():
        own = issues[issues["issued_at"] == moment]
        before = build_frame(panel_data, own, spec.horizons, spec).drop(columns=TARGET)
        changed = later_changed(panel_data, moment, kind)
        after = build_frame(changed, own, spec.horizons, spec).drop(columns=TARGET)
        pd.testing.assert_frame_equal(before, after, check_exact=True)


# Announced before, in the week of, and after the days of a strike; the last next to a sale.
STRIKES = (
    ("C0", "2023-06-05", "2023-06-06", "2023-05-02 00:00"),
    ("C0", "2023-09-15", "2023-09-16", "2023-09-13 09:00"),
    ("C1", "2023-08-30", "2023-08-30", "2023-09-12 09:00"),
    ("C2", "2023-04-08", "2023-04-09", "2023-04-07 09:00"),
)


@pytest.mark.parametrize(
    "day", ["2023-04-05", "2023-04-06", "2023-05-20", "2023-09-11", "2023-09-12", "2023-09-14"]
)
def test_an_event_is_unseen_by_issues_before_its_announcement(
    panel_data: SeriesData, spec: SeriesSpec, day: str
) -> None:
    issues = issues_on(panel_data, day)
    moment = issues["issued_at"].iloc[0]
    announced = [strike for strike in STRIKES if pd.Timestamp(strike[3], tz="UTC") <= moment]
    known = build_frame(with_strikes(panel_data, *announced), issues, spec.horizons, spec)
    all_of_them = build_frame(with_strikes(panel_data, *STRIKES), issues, spec.horizons, spec)
    pd.testing.assert_frame_equal(known, all_of_them, check_exact=True)


def test_an_event_is_seen_from_its_announcement_on(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    data = with_strikes(panel_data, *STRIKES)
    frame = build_frame(data, issues_on(data, "2023-09-12", "2023-09-13"), spec.horizons, spec)
    strike = frame[(frame["unique_id"] == "C0") & (frame["ds"] == "2023-09-15")]
    assert strike.set_index(strike["issue"].dt.day)["is_event"].to_dict() == {12: 0.0, 13: 1.0}
    # The first strike, of June, is what is known of the effect of the second.
    effects = strike.set_index(strike["issue"].dt.day)["event_effect"]
    assert effects[12] == 0
    assert effects[13] != 0


def test_an_event_announced_after_the_cutoff_changes_no_fingerprint(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp
) -> None:
    before = with_strikes(panel_data, STRIKES[0])
    after = with_strikes(panel_data, STRIKES[0], ("C0", "2023-10-02", "2023-10-03", "2023-10-01"))
    assert fingerprint(before, cutoff, spec) == fingerprint(after, cutoff, spec)
    later = cutoff + pd.Timedelta(days=1)
    assert fingerprint(before, later, spec) != fingerprint(after, later, spec)


def test_a_late_count_is_unseen_by_earlier_issues_and_seen_by_later_ones(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    actuals = panel_data.actuals.copy()
    day = (actuals["unique_id"] == "C0") & (actuals["ds"] == "2023-06-05")
    actuals.loc[day, "available_at"] = pd.Timestamp("2023-06-08 12:00", tz="UTC")
    late = replace(panel_data, actuals=actuals)
    louder = actuals.copy()
    louder.loc[day, "y"] *= 3
    loud = replace(panel_data, actuals=louder)
    issues = panel_data.issues[
        (panel_data.issues["unique_id"] == "C0")
        & panel_data.issues["issue"].between("2023-06-04", "2023-06-10")
    ]
    quiet_frame = build_frame(late, issues, spec.horizons, spec).drop(columns=TARGET)
    loud_frame = build_frame(loud, issues, spec.horizons, spec).drop(columns=TARGET)
    unaware = quiet_frame["issue"] <= pd.Timestamp("2023-06-07")
    pd.testing.assert_frame_equal(quiet_frame[unaware], loud_frame[unaware], check_exact=True)
    aware = quiet_frame["issue"] == pd.Timestamp("2023-06-08")
    assert not quiet_frame[aware].equals(loud_frame[aware])


def test_the_target_day_takes_the_newest_weather_known_by_the_issue(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    issue = issues_on(panel_data, "2023-07-10")
    frame = build_frame(panel_data, issue, spec.horizons, spec)
    moment = issue["issued_at"].iloc[0]
    known = panel_data.weather[panel_data.weather["available_at"] <= moment]
    newest = known.sort_values("available_at").groupby(["unique_id", "ds"]).last()
    row = frame[(frame["unique_id"] == "C1") & (frame["horizon"] == 2)].iloc[0]
    expected = newest.loc[("C1", row["ds"]), "precipitation_mm"]
    assert row["precipitation_mm"] == expected


def test_days_without_weather_or_calendar_still_have_rows(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    bare = replace(panel_data, calendar=pd.DataFrame(), weather=pd.DataFrame())
    frame = build_frame(bare, issues_on(bare, "2023-07-10"), spec.horizons, spec)
    assert len(frame) == 42
    assert np.isfinite(frame["effect"]).all()
    assert frame["precipitation_mm"].isna().all()


def test_repeated_rows_are_refused(panel_data: SeriesData) -> None:
    twice = pd.concat([panel_data.actuals, panel_data.actuals.head(1)])
    with pytest.raises(ModelError, match="repeated"):
        replace(panel_data, actuals=twice)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_the_fingerprint_does_not_depend_on_row_order(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp, seed: int
) -> None:
    mixed = SeriesData(
        *(
            getattr(panel_data, name).sample(frac=1, random_state=seed)
            for name in ("actuals", "calendar", "weather", "issues")
        )
    )
    assert fingerprint(mixed, cutoff, spec) == fingerprint(panel_data, cutoff, spec)


def test_the_fingerprint_turns_on_visible_facts_only(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp
) -> None:
    own = fingerprint(panel_data, cutoff, spec)
    for kind in ("actuals", "weather"):
        hidden = later_changed(panel_data, cutoff, kind)
        assert fingerprint(hidden, cutoff, spec) == own
        seen = later_changed(panel_data, cutoff - pd.Timedelta(days=9), kind)
        assert fingerprint(seen, cutoff, spec) != own
