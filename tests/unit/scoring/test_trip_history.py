"""What past trips say of a trip: as of its day, one function for all, one answer for one trip."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flow_platform.models.moments import naive
from flow_platform.scoring.trips.data import TripData, TripInputs, trips_of
from flow_platform.scoring.trips.history import (
    COMMON,
    GROUPS,
    PLANNED,
    SUBJECTS,
    Expanding,
    Table,
    beeline_km,
    columns,
    features,
    keys_of,
)
from tests.unit.scoring.city import FIRST, ZONES, city, city_frame


@pytest.fixture(scope="module")
def data() -> TripData:
    return city(days=12, trips_a_day=60)


def test_what_is_known_before_a_day_is_what_had_ended_before_it(data: TripData) -> None:
    day = int(data.day.min()) + 6
    asked = data.take(data.day == day)
    earlier = data.take(data.known_day < day)
    by_hand = features(asked.inputs, Table.of(earlier), has_distance=True)
    frame = features(asked.inputs, Expanding(data, asked.day), has_distance=True)
    np.testing.assert_array_equal(frame, by_hand)


def test_nothing_that_became_known_later_touches_a_trip(data: TripData) -> None:
    moment = FIRST + pd.Timedelta(days=7)
    asked = data.take(data.pickup_at < naive(moment))
    later = data.available_at >= naive(moment)
    changed = replace(data, minutes=np.where(later, 99.0, data.minutes))
    before, after = (
        features(asked.inputs, Expanding(one, asked.day), has_distance=False)
        for one in (data, changed)
    )
    assert later.any()
    np.testing.assert_array_equal(before, after)


def test_a_trip_over_midnight_is_not_known_on_its_own_day() -> None:
    frame = city_frame(days=3, trips_a_day=2)
    frame["pickup_at"] = FIRST + pd.to_timedelta([1439, 60, 1500, 1600, 3000, 3100], unit="m")
    frame["minutes"] = 30.0
    frame["available_at"] = frame["pickup_at"] + pd.Timedelta(minutes=30)
    data = trips_of(frame, ZONES)
    second = data.take(data.day == data.day.min() + 1)
    known = Expanding(data, second.day).sums("all", keys_of(second.inputs, "all"))
    assert known[0].tolist() == [1.0, 1.0]


def test_one_trip_alone_has_the_row_that_it_has_among_others(data: TripData) -> None:
    table = Table.of(data)
    for has_distance in (False, True):
        together = features(data.inputs, table, has_distance)
        for place in (0, 17, len(data) - 1):
            alone = features(data.inputs.take(np.array([place])), table, has_distance)
            np.testing.assert_allclose(alone[0], together[place], rtol=1e-12, atol=1e-12)


def test_a_zone_pair_that_was_never_driven_has_the_distance_of_the_map(data: TripData) -> None:
    inputs = data.inputs.take(np.array([0, 1]))
    apart = data.take((data.inputs.pickup_zone < 6) & (data.inputs.dropoff_zone < 6))
    table = Table.of(apart)
    far = replace(inputs, pickup_zone=np.array([1, 1]), dropoff_zone=np.array([11, 12]))
    row = dict(zip(columns(False), features(far, table, False)[0], strict=True))
    assert row["pair_trips"] == 0
    beeline = beeline_km(table.zones, np.array([1]), np.array([11]))[0]
    assert math.exp(row["pair_log_km"]) == pytest.approx(1.3 * beeline + 0.4)


def test_zones_that_nobody_knows_leave_a_row_without_a_distance(data: TripData) -> None:
    inputs = data.inputs.take(np.array([0, 1]))
    strange = replace(inputs, pickup_zone=np.array([900, 901]))
    row = dict(zip(columns(False), features(strange, Table.of(data), False)[0], strict=True))
    assert math.isnan(row["beeline_km"])
    assert all(math.isfinite(row[name]) for name in columns(False) if "log" in name)


def test_the_beeline_is_the_great_circle() -> None:
    # Paris, Notre-Dame, and Lyon, Bellecour: 392 km.
    zones = np.array([[1.0, 48.853, 2.3499], [2.0, 45.7578, 4.832]])
    assert beeline_km(zones, 1, 2) == pytest.approx(392, abs=1.0)
    assert beeline_km(zones, np.array([1]), np.array([2]))[0] == beeline_km(zones, 1, 2)


def test_the_order_in_which_zones_are_listed_does_not_matter(data: TripData) -> None:
    shuffled = trips_of(city_frame(days=12, trips_a_day=60), ZONES.sample(frac=1, random_state=1))
    np.testing.assert_array_equal(shuffled.zones, data.zones)
    assert np.all(np.diff(data.zones[:, 0]) > 0)


def test_the_default_model_does_not_use_the_distance(data: TripData) -> None:
    assert not set(PLANNED) & set(columns(has_distance=False))
    driven = replace(data.inputs, planned_distance_km=data.inputs.planned_distance_km * 9)
    table = Table.of(data)
    np.testing.assert_array_equal(
        features(driven, table, has_distance=False), features(data.inputs, table, False)
    )


def test_every_column_belongs_to_one_subject() -> None:
    explained = [name for own in SUBJECTS.values() for name in own]
    assert sorted(explained) == sorted((*COMMON, *PLANNED))


def test_a_table_is_kept_whole_and_equal_tables_give_equal_bytes(data: TripData) -> None:
    table = Table.of(data)
    again = Table.from_bytes(table.as_bytes())
    assert again.as_bytes() == table.as_bytes()
    for group in GROUPS:
        np.testing.assert_array_equal(again.values[group], table.values[group])


def test_no_trip_at_all_leaves_the_first_guess() -> None:
    none = city(days=1, trips_a_day=1)
    empty = none.take(np.array([], dtype=np.int64))
    inputs: TripInputs = none.inputs
    for known in (Table.of(empty), Expanding(empty, none.day)):
        row = dict(zip(columns(False), features(inputs, known, False)[0], strict=True))
        assert row["pair_log_minutes"] == pytest.approx(math.log(11.0))
