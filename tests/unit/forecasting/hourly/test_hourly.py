"""Hourly forecasts use what was known at the issue, come always, and can be replayed to the bit."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flow_platform.forecasting.hourly import adaptation
from flow_platform.forecasting.hourly.candidates import CANDIDATES
from flow_platform.forecasting.hourly.data import (
    LOOKBACK_DAYS,
    HourlyData,
    HourlySpec,
    fingerprint,
)
from flow_platform.forecasting.hourly.engine import ENGINE
from flow_platform.forecasting.hourly.forecasting import fallback_forecast, forecast
from flow_platform.forecasting.hourly.levels import LEVELS, THRESHOLDS
from flow_platform.forecasting.hourly.panel import build_panel
from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.models.engine import FORECAST_COLUMNS
from flow_platform.models.moments import utc
from flow_platform.models.promotion import backtest_scores, trained_until
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel
from flow_platform.settings import PROJECT_ROOT
from tests.stored import as_stored
from tests.unit.forecasting.hourly.world import SPEC, calendar, hourly_world, issues

CUTOFF = pd.Timestamp("2024-04-01", tz="UTC")


@pytest.fixture(scope="module")
def made() -> HourlyData:
    return hourly_world()


@pytest.fixture(scope="module", params=["made in memory", "read from the warehouse"])
def world(request: pytest.FixtureRequest, made: HourlyData) -> HourlyData:
    return made if request.param == "made in memory" else as_stored(made)


@pytest.fixture(scope="module")
def vintages(made: HourlyData) -> dict[str, TrainedModel]:
    prepared = ENGINE.prepare(made, CUTOFF, SPEC)
    return {name: ENGINE.train(name, prepared) for name in CANDIDATES}


def changed_after(world: HourlyData, moment: pd.Timestamp) -> HourlyData:
    """The same past, and another future."""
    actuals = world.actuals.copy()
    later = actuals["available_at"] > moment
    actuals.loc[later, "y"] = 5 * actuals.loc[later, "y"] + 100
    actuals.loc[later, "occupancy"] = 90.0
    return HourlyData(actuals, world.places, world.calendar, world.weather)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_nothing_after_the_issue_touches_a_forecast(
    world: HourlyData, vintages: dict[str, TrainedModel], candidate: str
) -> None:
    wanted = issues("2024-04-09 13:00", "2024-04-09 13:00")
    other = changed_after(world, utc(wanted["issued_at"].iloc[0]))
    artefacts = vintages[candidate].artefacts
    pd.testing.assert_frame_equal(
        forecast(artefacts, world, wanted, SPEC), forecast(artefacts, other, wanted, SPEC)
    )


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_nothing_after_the_cut_off_touches_a_vintage(
    world: HourlyData, vintages: dict[str, TrainedModel], candidate: str
) -> None:
    # What is known at the cut-off itself is not known before it.
    other = changed_after(world, CUTOFF - pd.Timedelta(seconds=1))
    again = Trainer(ENGINE).train(candidate, other, CUTOFF, SPEC)
    assert again.artefacts == vintages[candidate].artefacts
    assert fingerprint(other, CUTOFF, SPEC) == fingerprint(world, CUTOFF, SPEC)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_an_hour_forecast_alone_equals_the_same_hour_within_days(
    world: HourlyData, vintages: dict[str, TrainedModel], candidate: str
) -> None:
    artefacts = vintages[candidate].artefacts
    days = forecast(artefacts, world, issues("2024-04-08", "2024-04-10 23:00"), SPEC)
    alone = forecast(artefacts, world, issues("2024-04-10 07:00", "2024-04-10 07:00"), SPEC)
    same = days[days["issue"] == pd.Timestamp("2024-04-10 07:00")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


@pytest.mark.parametrize("candidate", ["profile_ar", "lightgbm", "fallback"])
def test_an_hour_of_one_series_is_the_same_however_much_else_is_forecast_and_known(
    candidate: str,
) -> None:
    """Bands once hung on the first hour of the block, and on the other series in it."""
    world = hourly_world(330)
    day = pd.Timestamp("2024-11-20")
    trained = None
    if candidate != "fallback":
        cutoff = pd.Timestamp("2024-11-01", tz="UTC")
        spec = replace(SPEC, training_days=120)
        trained = Trainer(ENGINE).train(candidate, world, cutoff, spec).artefacts

    def forecasts_from(first: pd.Timestamp, names: tuple[str, ...]) -> pd.DataFrame:
        known = world.actuals["ds"] >= first - pd.Timedelta(days=LOOKBACK_DAYS)
        data = replace(world, actuals=world.actuals[known])
        asked = issues(str(first), str(day + pd.Timedelta(hours=23)), names)
        made = forecast(trained, data, asked, SPEC) if trained else None
        made = fallback_forecast(data, asked, SPEC) if made is None else made
        made = made[(made["unique_id"] == "b") & (made["issue"] >= day)]
        return made.reset_index(drop=True)

    alone = forecasts_from(day, ("b",))
    assert len(alone) == 24 * 24
    together = forecasts_from(day - pd.Timedelta(days=40), ("a", "b", "c"))
    pd.testing.assert_frame_equal(alone, together, check_exact=True)


def test_a_late_reading_is_not_known_before(
    world: HourlyData, vintages: dict[str, TrainedModel]
) -> None:
    actuals = world.actuals.copy()
    late = actuals["ds"].between("2024-04-09 06:00", "2024-04-09 12:00")
    actuals.loc[late, "available_at"] = pd.Timestamp("2024-04-09 18:30", tz="UTC")
    held_up = HourlyData(actuals, world.places, world.calendar, world.weather)
    gone = HourlyData(actuals[~late.to_numpy()], world.places, world.calendar, world.weather)
    before, after = (
        issues("2024-04-09 13:00", "2024-04-09 18:00"),
        issues("2024-04-09 19:00", "2024-04-09 19:00"),
    )
    for trained in vintages.values():
        rows = forecast(trained.artefacts, held_up, before, SPEC)
        pd.testing.assert_frame_equal(rows, forecast(trained.artefacts, gone, before, SPEC))
    artefacts = vintages["lightgbm"].artefacts
    known = forecast(artefacts, held_up, after, SPEC)["prediction"]
    assert not known.equals(forecast(artefacts, gone, after, SPEC)["prediction"])


def test_an_event_counts_from_the_moment_it_was_announced(world: HourlyData) -> None:
    days = calendar()
    days["is_event"] = days["day"] == "2024-04-10"
    days["event_known_at"] = pd.NaT
    days["event_known_at"] = pd.to_datetime(days["event_known_at"], utc=True)
    days.loc[days["is_event"], "event_known_at"] = pd.Timestamp("2024-04-09 12:00", tz="UTC")
    from flow_platform.forecasting.hourly.frame import build_frame

    other = HourlyData(world.actuals, world.places, days, world.weather)
    panel = build_panel(other, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-12"), SPEC)
    hours = panel.hour_index(pd.DatetimeIndex(["2024-04-09 11:00", "2024-04-09 13:00"]))
    frame = build_frame(panel, np.zeros(2, dtype=int), hours, np.full(2, 20), SPEC)
    assert frame.features[:, frame.names.index("event")].tolist() == [0.0, 1.0]


def test_the_weather_is_the_vintage_that_was_known(world: HourlyData) -> None:
    from flow_platform.forecasting.hourly.frame import build_frame

    spec = HourlySpec(weather=("precipitation_mm",))
    weather = pd.DataFrame(
        {
            "place": "paris",
            "day": pd.Timestamp("2024-04-10"),
            "available_at": pd.to_datetime(
                ["2024-04-09 06:00", "2024-04-10 06:00", "2024-04-11 00:00"], utc=True
            ),
            "precipitation_mm": [1.0, 2.0, 3.0],
        }
    )
    other = HourlyData(world.actuals, world.places, world.calendar, weather)
    panel = build_panel(other, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-12"), spec)
    hours = panel.hour_index(
        pd.DatetimeIndex(["2024-04-09 05:00", "2024-04-09 06:00", "2024-04-10 12:00"])
    )
    horizon = panel.hour_index(pd.DatetimeIndex(["2024-04-10 04:00"]))[0] - hours
    horizon[2] = 5
    frame = build_frame(panel, np.zeros(3, dtype=int), hours, horizon, spec)
    rain = frame.features[:, frame.names.index("precipitation_mm")]
    np.testing.assert_array_equal(rain, [np.nan, 1.0, 2.0])


def test_a_vintage_that_knew_the_weather_forecasts_without_it(world: HourlyData) -> None:
    spec = replace(SPEC, weather=("precipitation_mm",))
    days = pd.date_range("2024-01-01", "2024-04-30")
    weather = pd.DataFrame(
        {
            "place": "paris",
            "day": days,
            "available_at": days.tz_localize("UTC"),
            "precipitation_mm": 1.0,
        }
    )
    other = HourlyData(world.actuals, world.places, world.calendar, weather)
    artefacts = Trainer(ENGINE).train("lightgbm", other, CUTOFF, spec).artefacts
    wanted = issues("2024-04-02 08:00", "2024-04-02 08:00")
    assert len(forecast(artefacts, other, wanted, spec)) == 72
    assert len(forecast(artefacts, world, wanted, spec)) == 72


def test_equal_facts_give_equal_bytes_in_any_order(
    world: HourlyData, vintages: dict[str, TrainedModel]
) -> None:
    shuffled = HourlyData(
        world.actuals.sample(frac=1, random_state=3),
        world.places.iloc[::-1],
        world.calendar.sample(frac=1, random_state=3),
        world.weather,
    )
    assert fingerprint(shuffled, CUTOFF, SPEC) == fingerprint(world, CUTOFF, SPEC)
    again = Trainer(ENGINE).train("profile_ar", shuffled, CUTOFF, SPEC)
    assert again.artefacts == vintages["profile_ar"].artefacts


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_forecasts_are_whole_ordered_and_never_negative(
    world: HourlyData, vintages: dict[str, TrainedModel], candidate: str
) -> None:
    wanted = issues("2024-04-02", "2024-04-03 23:00")
    rows = forecast(vintages[candidate].artefacts, world, wanted, SPEC)
    assert tuple(rows.columns) == (*FORECAST_COLUMNS, "level")
    assert len(rows) == len(wanted) * 24
    assert (rows["lower_95"] >= 0).all()
    edges = rows[["lower_95", "lower_80", "prediction", "upper_80", "upper_95"]].to_numpy()
    assert (np.diff(edges, axis=1) >= 0).all()
    ahead = (rows["ds"] - rows["issue"]).dt.total_seconds() / 3600
    assert (ahead == rows["horizon"]).all()
    assert set(rows["level"]) <= set(LEVELS)


def test_a_series_of_which_nothing_is_known_gets_no_row(
    world: HourlyData, vintages: dict[str, TrainedModel]
) -> None:
    places = pd.concat([world.places, world.places.iloc[:1].assign(unique_id="silent")])
    more = HourlyData(world.actuals, places, world.calendar, world.weather)
    wanted = issues("2024-04-02 08:00", "2024-04-02 08:00", ("a", "silent"))
    for rows in (
        forecast(vintages["lightgbm"].artefacts, more, wanted, SPEC),
        fallback_forecast(more, wanted, SPEC),
    ):
        assert set(rows["unique_id"]) == {"a"}
    nothing = HourlyData(world.actuals.iloc[:0], places, world.calendar, world.weather)
    assert fallback_forecast(nothing, wanted, SPEC).empty


def test_a_counter_that_opened_yesterday_is_forecast_by_the_model_of_the_others(
    world: HourlyData, vintages: dict[str, TrainedModel]
) -> None:
    new = world.actuals[
        (world.actuals["unique_id"] == "a") & (world.actuals["ds"] >= "2024-04-08")
    ].assign(unique_id="new")
    places = pd.concat([world.places, world.places.iloc[:1].assign(unique_id="new")])
    more = HourlyData(pd.concat([world.actuals, new]), places, world.calendar, world.weather)
    wanted = issues("2024-04-10 08:00", "2024-04-10 08:00", ("new",))
    rows = forecast(vintages["lightgbm"].artefacts, more, wanted, SPEC)
    assert len(rows) == 24 and rows["prediction"].between(1, 1000).all()


def test_the_model_beats_the_seasonal_naive_where_there_is_something_to_learn(
    vintages: dict[str, TrainedModel],
) -> None:
    metrics = {name: trained.metrics for name, trained in vintages.items()}
    assert metrics["profile_ar"]["mae_1_h"] < 0.8 * metrics["seasonal_naive"]["mae_1_h"]
    assert metrics["lightgbm"]["mae_1_h"] < 0.9 * metrics["seasonal_naive"]["mae_1_h"]
    for name in ("profile_ar", "lightgbm"):
        assert 0.7 < metrics[name]["coverage_80"] < 0.9, name


def test_a_vintage_has_the_time_until_which_it_learned(vintages: dict[str, TrainedModel]) -> None:
    for trained in vintages.values():
        assert trained_until(trained.artefacts) <= CUTOFF
        scores = backtest_scores(trained.artefacts)
        assert scores.days["rows"].sum() > 0
        assert trained.backtest["issue"].min() >= CUTOFF.tz_localize(None) - pd.Timedelta(days=29)


def test_holidays_count_as_sundays_and_local_days_have_23_or_25_hours(world: HourlyData) -> None:
    panel = build_panel(world, pd.Timestamp("2024-03-25"), pd.Timestamp("2024-11-03"), SPEC)
    clock = panel.clocks[0]
    hours = pd.date_range("2024-03-25", periods=panel.hours, freq="h")
    lengths = {
        day: int((clock.day == np.datetime64(day, "D").astype(int)).sum())
        for day in ("2024-03-31", "2024-10-27", "2024-06-05")
    }
    assert lengths == {"2024-03-31": 23, "2024-10-27": 25, "2024-06-05": 24}
    # The hour that ends at local midnight is the last of its day: 22:00 UTC in summer.
    last = int(np.flatnonzero(hours == pd.Timestamp("2024-06-05 22:00"))[0])
    assert clock.hour[last] == 23
    assert clock.day[last] == np.datetime64("2024-06-05", "D").astype(int)
    holiday = int(np.flatnonzero(hours == pd.Timestamp("2024-05-01 10:00"))[0])
    assert clock.slot[holiday] // 24 == 6
    assert clock.slot[holiday + 7 * 24] // 24 == 6  # 8 May is one too
    assert clock.slot[holiday + 24] // 24 == 3


def test_what_passes_a_closed_road_is_no_part_of_its_profile(world: HourlyData) -> None:
    actuals = world.actuals.copy()
    shut = (actuals["unique_id"] == "a") & actuals["ds"].between(
        "2024-03-24 01:00", "2024-03-24 20:00"
    )
    actuals.loc[shut, ["y", "barred"]] = [3.0, True]
    closed = HourlyData(actuals, world.places, world.calendar, world.weather)
    at = pd.DatetimeIndex(["2024-03-31 12:00"])

    def usual(data: HourlyData) -> float:
        panel = build_panel(data, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-02"), SPEC)
        hour = panel.hour_index(at)
        return float(panel.profile(np.zeros(1, dtype=int), hour, hour - 1, panel.y)[0][0, 0])

    assert abs(usual(closed) - usual(world)) < 0.2 * usual(world)
    # A road that is always reported closed, and counts as ever, is taken to be open.
    always = world.actuals.assign(barred=True)
    stuck = HourlyData(always, world.places, world.calendar, world.weather)
    panel = build_panel(stuck, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-02"), SPEC)
    assert not panel.closed[0, 24 * 30 :].any()


def test_bands_widen_after_readings_have_left_them() -> None:
    hours = np.arange(24 * 14)

    def factor(position: float, horizon: int = 1) -> float:
        seen = adaptation.Positions(
            np.full(len(hours), "a", dtype=object),
            hours,
            hours.astype(float),
            np.full(len(hours), position),
            np.full(len(hours), horizon > 1),
        )
        row = np.array(["a"]), np.array([14]), np.array([horizon])
        return float(adaptation.factors(*row, seen)[0])

    assert factor(0.4) < 0.7 < 0.95 < factor(1.0) < 1.05 < 1.4 < factor(2.0)
    assert factor(2.0, 20) > 1.4
    # What is known later than the day's begin counts for nothing, nor does another horizon's.
    row = np.array(["a"]), np.array([14]), np.array([1])
    for known, is_later in ((1e6, False), (300.0, True)):
        other = adaptation.Positions(
            np.array(["a"]),
            np.array([300]),
            np.array([known]),
            np.array([9.0]),
            np.array([is_later]),
        )
        assert adaptation.factors(*row, other)[0] == 1.0


def test_levels_are_those_of_the_merged_table() -> None:
    macro = (PROJECT_ROOT / "dbt_project" / "macros" / "traffic_level.sql").read_text()
    found = re.findall(r"< (\d+) then '(\w+)'", macro)
    assert [float(limit) for limit, _ in found] == list(THRESHOLDS)
    assert [name for _, name in found] == list(LEVELS[:-1])


def test_too_little_history_is_an_error_and_forecast_by_the_fallback(world: HourlyData) -> None:
    early = pd.Timestamp("2024-01-20", tz="UTC")
    with pytest.raises(TooLittleHistory, match="35 are needed"):
        Trainer(ENGINE).train("lightgbm", world, early, SPEC)
    rows = fallback_forecast(world, issues("2024-01-19 08:00", "2024-01-19 09:00"), SPEC)
    assert set(rows["unique_id"]) == {"a", "b"} and len(rows) == 96


def test_broken_artefacts_and_other_features_are_refused(
    world: HourlyData, vintages: dict[str, TrainedModel]
) -> None:
    wanted = issues("2024-04-02 08:00", "2024-04-02 08:00")
    artefacts = dict(vintages["lightgbm"].artefacts)
    with pytest.raises(ModelError, match="not those of this version"):
        forecast(artefacts | {"features.json": b'["other"]'}, world, wanted, SPEC)
    del artefacts["size.txt"]
    with pytest.raises(ModelError, match=r"lacks size\.txt"):
        forecast(artefacts, world, wanted, SPEC)
    with pytest.raises(ModelError, match="Unknown candidate"):
        Trainer(ENGINE).train("prophet", world, CUTOFF, SPEC)
    with pytest.raises(ModelError, match="1 to 24"):
        replace(SPEC, horizons=(1, 48))
