"""The simulated city: any day alone, always the same, with a noise floor that is true."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.trips.simulator import (
    HANDLING_MINUTES,
    NOISE,
    TRIPS_A_DAY,
    City,
    simulated_trips,
)
from flow_platform.flows.trips.zones import boroughs_of
from flow_platform.sources.centres import Centre
from flow_platform.sources.simulated_world import World

FIRST, LAST = date(2025, 3, 24), date(2025, 4, 6)


@pytest.fixture(scope="module")
def world(french_centres: tuple[Centre, ...]) -> World:
    return World(french_centres, seed=7)


@pytest.fixture(scope="module")
def city(french_centres: tuple[Centre, ...], world: World) -> City:
    return City(french_centres[0], world)


def rows_of(city: City, first: date, last: date, boroughs: tuple[str, ...] = ()) -> pd.DataFrame:
    chosen = boroughs or boroughs_of(city.zones)
    return pd.concat(
        [rows for _, _, rows in simulated_trips(city, first, last, chosen)], ignore_index=True
    )


def test_a_slice_made_alone_is_the_same_as_within_the_whole(city: City) -> None:
    whole = rows_of(city, FIRST, LAST)
    for day in (LAST, FIRST, FIRST + timedelta(days=6)):
        alone = rows_of(city, day, day, ("Harbour",))
        inside = whole[(whole["day"] == pd.Timestamp(day)) & (whole["centre_id"] == "Harbour")]
        pd.testing.assert_frame_equal(alone, inside.reset_index(drop=True))
    assert whole["trip_id"].is_unique


def test_the_city_lies_around_its_place(city: City) -> None:
    assert len(city.zones) == 40 and len({zone.zone for zone in city.zones}) == 40
    assert len(boroughs_of(city.zones)) == 4
    for zone in city.zones:
        assert zone.latitude == pytest.approx(city.place.latitude, abs=0.1)
        assert zone.longitude == pytest.approx(city.place.longitude, abs=0.15)


def test_about_as_many_trips_as_asked_begin_in_a_week(city: City, world: World) -> None:
    trips = rows_of(city, date(2025, 1, 13), date(2025, 1, 26))
    assert len(trips) / 14 == pytest.approx(TRIPS_A_DAY, rel=0.05)
    many = City(city.place, world, trips_a_day=20_000)
    assert len(many.trips(date(2025, 1, 16))) == pytest.approx(20_000, rel=0.15)


def test_every_simulated_trip_would_pass_the_checks(city: City, world: World) -> None:
    trips = City(city.place, world, trips_a_day=20_000).trips(date(2025, 1, 16))
    hours = (trips["dropoff_at"] - trips["pickup_at"]).dt.total_seconds() / 3600
    assert hours.between(1 / 60, 3).all()
    assert (trips["distance_km"] < 130 * hours).all() and (trips["distance_km"] > 0).all()
    assert ((hours <= 1) | (trips["distance_km"] >= 5 * hours)).all()
    assert (trips["pickup_at"].dt.normalize() == pd.Timestamp("2025-01-16", tz="UTC")).all()


def test_the_mean_it_states_is_the_mean_of_its_trips(city: City, world: World) -> None:
    trips = City(city.place, world, trips_a_day=20_000).trips(date(2025, 1, 16))
    took = ((trips["dropoff_at"] - trips["pickup_at"]).dt.total_seconds() / 60).to_numpy()
    ends = (trips["pickup_zone"].to_numpy(), trips["dropoff_zone"].to_numpy())
    at = pd.DatetimeIndex(trips["pickup_at"])
    known = city.expected_minutes(*ends, at, trips["distance_km"].to_numpy())
    blind = city.expected_minutes(*ends, at)
    assert (took / known).mean() == pytest.approx(1, abs=0.01)
    assert np.std(np.log(took / known)) == pytest.approx(NOISE, rel=0.03)
    assert (took / blind).mean() == pytest.approx(1, abs=0.01)
    assert np.std(took - known) < np.std(took - blind)
    assert (known > HANDLING_MINUTES).all()


def test_rush_hours_are_slow_at_the_core_and_sundays_are_not(city: City) -> None:
    core = np.array([zone.zone_id for zone in city.zones if zone.borough == "Old Town"][:1])

    def minutes(moment: str) -> float:
        at = pd.DatetimeIndex([pd.Timestamp(moment, tz=city.place.timezone).tz_convert("UTC")])
        return float(city.expected_minutes(core, core + 5, at)[0])

    assert minutes("2025-03-26 18:00") > 1.3 * minutes("2025-03-26 22:00")
    assert minutes("2025-03-26 18:00") > 1.2 * minutes("2025-03-30 18:00")


def test_the_noise_floor_is_lower_for_whoever_knows_the_distance(city: City) -> None:
    blind = city.floor_rmse(FIRST, LAST, with_distance=False)
    known = city.floor_rmse(FIRST, LAST, with_distance=True)
    assert 1.5 < known < blind < 6
