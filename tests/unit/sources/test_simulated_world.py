"""The simulated world: the same in every slice, honest about when things are known."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from flow_platform.ground.columns import WEATHER_COLUMNS
from flow_platform.sources.centres import Centre
from flow_platform.sources.events import events_frame
from flow_platform.sources.simulated_world import BLACK_FRIDAY, World, noise_floor
from tests.unit.sources.samples import plain_centre

IDS = ["1", "2", "3", "4", "5"]
FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)


@pytest.fixture(scope="module")
def world(french_centres: tuple[Centre, ...]) -> World:
    return World(french_centres)


def test_slices_alone_in_any_order_equal_slices_together(
    world: World, french_centres: tuple[Centre, ...]
) -> None:
    first, last = date(2025, 2, 1), date(2025, 2, 20)
    days = [stamp.date() for stamp in pd.date_range(first, last)]
    slices = [(one, day) for one in IDS for day in days]
    order = [slices[place] for place in np.random.default_rng(1).permutation(len(slices))]
    for name in ("parcels", "expected", "weather_observed", "weather_forecast"):
        together = getattr(world, name)(IDS, first, last)
        other = World(french_centres)
        alone = [getattr(other, name)([one], day, day) for one, day in order]
        keys = [key for key in ("centre_id", "day", "target_day") if key in together]
        pd.testing.assert_frame_equal(
            pd.concat(alone).sort_values(keys).reset_index(drop=True),
            together.sort_values(keys).reset_index(drop=True),
        )


def test_a_centre_has_the_same_counts_whoever_else_is_there(
    world: World, french_centres: tuple[Centre, ...]
) -> None:
    alone = World(french_centres[:1]).parcels(["1"], FIRST, LAST)
    pd.testing.assert_frame_equal(alone, world.parcels(["1"], FIRST, LAST))


def test_another_seed_is_another_world(world: World, french_centres: tuple[Centre, ...]) -> None:
    other = World(french_centres, seed=1).parcels(["1"], FIRST, LAST)
    assert not other["parcels"].equals(world.parcels(["1"], FIRST, LAST)["parcels"])


def test_counts_look_like_sorting_centres(world: World) -> None:
    counts = world.parcels(IDS, FIRST, LAST)
    weekday = counts["day"].dt.day_of_week
    usual = counts[weekday < 5].groupby("centre_id")["parcels"].median()
    assert usual.between(5_000, 150_000).all()
    sunday = counts[weekday == 6].groupby("centre_id")["parcels"].median()
    assert (sunday / usual).dropna().between(0.02, 0.09).all()
    assert (counts["parcels"] >= 0).all()
    assert (counts["parcels"] % 1 == 0).all()


def test_only_one_centre_is_closed_on_sundays_and_then_it_has_no_row(world: World) -> None:
    counts = world.parcels(IDS, FIRST, LAST)
    sundays = counts[counts["day"].dt.day_of_week == 6].groupby("centre_id").size()
    assert set(IDS) - set(sundays.index) == {world.closed_on_sundays}
    assert len(counts) == len(world.expected(IDS, FIRST, LAST))


def test_a_count_is_available_at_the_local_midnight_after_its_day(world: World) -> None:
    known = world.parcels(["1"], date(2025, 3, 28), date(2025, 3, 31))["available_at"]
    assert known.dt.strftime("%d %H:%M").tolist() == [
        "28 23:00",
        "29 23:00",
        "30 22:00",
        "31 22:00",
    ]


def test_forecasts_are_known_on_their_day_and_observations_on_the_next(world: World) -> None:
    forecast = world.weather_forecast(IDS, FIRST, date(2024, 1, 31))
    assert len(forecast) == 5 * 31 * 14
    assert ((forecast["target_day"] - forecast["day"]).dt.days == forecast["lead_days"]).all()
    assert sorted(forecast["lead_days"].unique()) == list(range(1, 15))
    hours = forecast["available_at"] - forecast["day"].dt.tz_localize("UTC")
    assert set(hours) == {pd.Timedelta(hours=18)}
    observed = world.weather_observed(IDS, FIRST, date(2024, 1, 31))
    hours = observed["available_at"] - observed["day"].dt.tz_localize("UTC")
    assert set(hours) == {pd.Timedelta(hours=30)}
    assert (observed["target_day"] == observed["day"]).all()


def test_forecast_errors_grow_with_the_lead(world: World) -> None:
    forecast = world.weather_forecast(IDS, FIRST, LAST)
    observed = world.weather_observed(IDS, FIRST, LAST)
    both = forecast.merge(observed, on=["centre_id", "target_day"], suffixes=("", "_true"))
    for name in WEATHER_COLUMNS:
        squared = (both[name] - both[f"{name}_true"]) ** 2
        error = squared.groupby(both["lead_days"]).mean() ** 0.5
        assert error[1] < error[5] < error[10]
    squared = (both["temperature_mean"] - both["temperature_mean_true"]) ** 2
    error = squared.groupby(both["lead_days"]).mean() ** 0.5
    assert error[1] < 1.0
    assert error.is_monotonic_increasing


def test_weather_is_that_of_the_place(world: World) -> None:
    observed = world.weather_observed(IDS, FIRST, LAST)
    mean = observed.groupby("centre_id")["temperature_mean"].mean()
    assert mean["3"] > mean["4"] + 3
    month = observed["day"].dt.month
    warm = observed.loc[month == 7, "temperature_mean"].mean()
    assert warm > observed.loc[month == 1, "temperature_mean"].mean() + 12
    assert (observed["temperature_min"] <= observed["temperature_mean"]).all()
    assert (observed["temperature_mean"] <= observed["temperature_max"]).all()
    assert (observed[["precipitation_mm", "snowfall_cm"]] >= 0).all(axis=None)


def test_the_noise_floor_is_what_was_put_in(world: World) -> None:
    both = world.parcels(IDS, FIRST, LAST).merge(world.expected(IDS, FIRST, LAST))
    floor = noise_floor(both["parcels"], both["expected"])
    assert 0.035 < floor.wape < 0.045
    assert floor.r2 > 0.985
    assert floor.n == len(both)
    bias = (both["parcels"] - both["expected"]).sum() / both["parcels"].sum()
    assert abs(bias) < 0.005


def test_the_noise_floor_leaves_out_rows_without_both_values() -> None:
    floor = noise_floor([10, np.nan, 30], [11, 5, 27])
    assert (floor.n, floor.wape) == (2, pytest.approx(0.1))
    with pytest.raises(ValueError, match="at least one row"):
        noise_floor([np.nan], [1.0])


def test_campaigns_are_visible_as_events_and_move_parcels(world: World) -> None:
    events = world.events(date(2025, 11, 1), date(2025, 12, 31))
    assert events["name"].tolist() == [BLACK_FRIDAY]
    assert events["first_day"].iloc[0] == pd.Timestamp(2025, 11, 24)
    expected = world.expected(["1"], date(2025, 11, 10), date(2025, 11, 30)).set_index("day")
    week = expected["expected"].reindex(pd.date_range("2025-11-24", "2025-11-28"))
    before = expected["expected"].reindex(pd.date_range("2025-11-17", "2025-11-21"))
    assert week.notna().all() and before.notna().all()
    assert week.sum() > 1.25 * before.sum()


def test_a_strike_in_the_users_events_lowers_its_centre_only(
    world: World, french_centres: tuple[Centre, ...]
) -> None:
    day = date(2025, 5, 20)
    struck = World(french_centres, events=events_frame([(day, day, "2", "Grève", None)]))
    ratio = struck.expected(IDS, day, day)["expected"] / world.expected(IDS, day, day)["expected"]
    assert ratio.round(3).tolist() == [1.0, 0.7, 1.0, 1.0, 1.0]
    assert "Grève" in struck.events(day, day)["name"].tolist()


def test_any_centres_file_makes_a_world() -> None:
    centres = [plain_centre("07", "UTC"), plain_centre("United Kingdom", "Asia/Kolkata")]
    world = World(centres)
    assert set(world.parcels(["07", "United Kingdom"], FIRST, LAST)["centre_id"]) == {
        "07",
        "United Kingdom",
    }
    assert world.parcels([], FIRST, LAST).empty
    with pytest.raises(KeyError):
        world.parcels(["7"], FIRST, LAST)
