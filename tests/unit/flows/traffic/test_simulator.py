"""The simulated counters: any slice is always the same, and its structure is that of real roads."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.traffic.counters import COUNTERS
from flow_platform.flows.traffic.readings import occupancy_of, state_of, vehicles_of
from flow_platform.flows.traffic.simulator import (
    COLUMNS,
    SHARED,
    expected,
    floor_mae,
    messages,
    simulated_readings,
)

SEED = 7
# The city's own classes by occupancy in percent: fluid, dense, saturated and, above, blocked.
LEVELS = (15.0, 30.0, 50.0)
IDS = [counter.centre_id for counter in COUNTERS]
YEAR = (date(2023, 1, 1), date(2023, 12, 31))


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return simulated_readings(SEED, IDS, *YEAR)


def test_there_are_twelve_counters_around_paris() -> None:
    assert len(set(IDS)) == 12
    assert all(
        abs((counter.latitude or 0) - 48.86) < 0.1 and abs((counter.longitude or 0) - 2.34) < 0.15
        for counter in COUNTERS
    )
    assert all(counter.district for counter in COUNTERS)


def test_a_day_made_alone_is_the_one_of_a_longer_slice(year: pd.DataFrame) -> None:
    for day, counter in itertools.product((date(2023, 3, 26), date(2023, 10, 29)), ("101", "107")):
        alone = simulated_readings(SEED, [counter], day, day)
        inside = year["counted_at"].dt.date.eq(day) & year["centre_id"].eq(counter)
        pd.testing.assert_frame_equal(alone, year[inside].reset_index(drop=True))


def test_the_order_of_counters_and_other_counters_change_nothing() -> None:
    span = (date(2024, 5, 6), date(2024, 5, 8))
    together = simulated_readings(SEED, ["103", "101"], *span)
    for counter in ("101", "103"):
        alone = simulated_readings(SEED, [counter], *span)
        part = together[together["centre_id"] == counter].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, part)


def test_another_seed_is_another_world_and_an_unknown_counter_none() -> None:
    span = (date(2024, 5, 6), date(2024, 5, 6))
    one, other = simulated_readings(1, IDS, *span), simulated_readings(2, IDS, *span)
    assert not one["vehicles"].equals(other["vehicles"])
    nothing = simulated_readings(1, ["4264"], *span)
    assert nothing.empty and tuple(nothing.columns) == COLUMNS


def test_every_reading_is_one_that_a_source_may_bring(year: pd.DataFrame) -> None:
    for name, judge in (("vehicles", vehicles_of), ("occupancy", occupancy_of)):
        assert not any(judge(value)[1] for value in year[name].unique())
    assert not any(state_of(state)[1] for state in year["state"].unique())


def test_stamps_are_the_ends_of_the_hours_of_utc_days() -> None:
    made = simulated_readings(SEED, ["101"], date(2024, 5, 6), date(2024, 5, 7))
    hours = pd.date_range("2024-05-06", periods=48, freq="h", tz="UTC")
    assert made["counted_at"].isin(hours).all() and len(made) > 36


def test_the_week_has_peaks_in_local_time_summer_and_winter(year: pd.DataFrame) -> None:
    for month in (2, 6):
        one = year[(year["centre_id"] == "101") & (year["counted_at"].dt.month == month)]
        # The morning's busiest hour ends at 9 o'clock in Paris, whatever the clock in UTC.
        local = one["counted_at"].dt.tz_convert("Europe/Paris")
        weekdays = one[local.dt.day_of_week < 5]
        by_hour = weekdays.groupby(local.dt.hour)["vehicles"].mean()
        assert by_hour.loc[5:12].idxmax() == 9
        assert by_hour.loc[4] < by_hour.loc[9] / 4


def test_a_public_holiday_is_like_a_sunday() -> None:
    span = (date(2024, 5, 1), date(2024, 5, 12))
    mean = expected(["104"], *span).set_index("counted_at")["vehicles"]
    labour_day, sunday = mean.loc["2024-05-01 10:00+00:00"], mean.loc["2024-05-12 10:00+00:00"]
    assert labour_day == pytest.approx(sunday, rel=0.1)
    usual = expected(["104"], *span, holidays={}).set_index("counted_at")["vehicles"]
    assert usual.loc["2024-05-01 08:00+00:00"] > 1.5 * mean.loc["2024-05-01 08:00+00:00"]


def test_august_is_quiet_and_a_road_grows_slowly(year: pd.DataFrame) -> None:
    monthly = year.groupby(year["counted_at"].dt.month)["vehicles"].mean()
    assert monthly.loc[8] < 0.85 * monthly.loc[6]
    june = [
        expected(["109"], date(number, 6, 17), date(number, 6, 23))["vehicles"].mean()
        for number in (2019, 2024)
    ]
    assert 1.01 < june[1] / june[0] < 1.06


def test_the_mean_is_the_mean_and_the_floor_is_what_lies_around_it(year: pd.DataFrame) -> None:
    both = year.merge(expected(IDS, *YEAR), on=["centre_id", "counted_at"], suffixes=("", "_mean"))
    both = both[both["vehicles"].notna() & both["state"].eq("open")]
    assert both["vehicles"].sum() / both["vehicles_mean"].sum() == pytest.approx(1, abs=0.02)
    floor = floor_mae(SEED, IDS, *YEAR)
    assert floor == pytest.approx((both["vehicles"] - both["vehicles_mean"]).abs().mean())
    assert 0.05 < floor / both["vehicles"].mean() < 0.1
    with pytest.raises(ValueError, match="at least one hour"):
        floor_mae(SEED, ["4264"], *YEAR)


def test_all_counters_share_a_disturbance_that_lasts_for_hours(year: pd.DataFrame) -> None:
    mean = expected(IDS, *YEAR)
    both = year.merge(mean, on=["centre_id", "counted_at"], suffixes=("", "_mean"))
    both = both[both["vehicles"].gt(100) & both["state"].eq("open")]
    both["error"] = np.log(both["vehicles"] / both["vehicles_mean"])
    table = both.pivot(index="counted_at", columns="centre_id", values="error")
    common = table.median(axis=1)
    assert common.std() == pytest.approx(SHARED, rel=0.25)
    assert common.autocorr(1) > 0.7
    assert abs(common.autocorr(72)) < 0.1
    assert table["101"].corr(table["108"]) > 0.3


def test_failures_leave_missing_hours_and_empty_values(year: pd.DataFrame) -> None:
    hours = len(IDS) * 365 * 24
    assert 0.001 < 1 - len(year) / hours < 0.01
    silent = year["vehicles"].isna()
    assert 0.001 < silent.mean() < 0.01
    assert (year["state"].eq("invalid") == silent).mean() > 0.999
    barred = year[year["state"] == "barred"]
    assert len(barred) and barred["vehicles"].max() < 300


def test_an_incident_has_less_flow_and_more_occupancy(year: pd.DataFrame) -> None:
    both = year.merge(expected(IDS, *YEAR), on=["centre_id", "counted_at"], suffixes=("", "_mean"))
    both = both[both["state"].eq("open") & both["vehicles"].notna()]
    low = both["vehicles"] < 0.7 * both["vehicles_mean"]
    assert 0.001 < low.mean() < 0.02
    assert (both.loc[low, "occupancy"] >= LEVELS[0]).mean() > 0.8


def test_all_levels_of_traffic_occur_and_fluid_is_the_usual_one(year: pd.DataFrame) -> None:
    open_hours = year.loc[year["state"] == "open", "occupancy"]
    shares = np.histogram(open_hours, [0, *LEVELS, 101])[0] / len(open_hours)
    assert shares[0] > 0.8
    assert (shares[1:] > 0.0005).all()


def test_messages_say_what_the_readings_say_with_an_id_of_their_own() -> None:
    span = (date(2024, 10, 26), date(2024, 10, 27))
    sent = list(messages(SEED, ["102", "101"], *span))
    made = simulated_readings(SEED, ["101", "102"], *span)
    assert len(sent) == len(made) == len({one["event_id"] for one in sent})
    assert list(sent[0]) == ["event_id", "counter", "counted_at", "vehicles", "occupancy", "state"]
    stamps = [datetime.fromisoformat(one["counted_at"]) for one in sent]
    assert stamps == sorted(stamps)
    assert {stamp.utcoffset() for stamp in stamps} == {timedelta(hours=1), timedelta(hours=2)}
    counts = {(one["counter"], at): one["vehicles"] for one, at in zip(sent, stamps, strict=True)}
    for row in made.to_dict("records"):
        count = counts[(row["centre_id"], row["counted_at"])]
        assert count == row["vehicles"] or (count is None and np.isnan(row["vehicles"]))
    assert sent == list(messages(SEED, ["101", "102"], *span))
