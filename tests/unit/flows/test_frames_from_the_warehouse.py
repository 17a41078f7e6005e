"""The engines of records see the same in frames as they were made and as the warehouse has them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.deliveries.models.data import deliveries_of
from flow_platform.flows.deliveries.segments.customers import customers_of
from flow_platform.flows.trips.models.data import trips_of
from tests.stored import as_read
from tests.unit.flows.deliveries.models.marketplace import marketplace
from tests.unit.flows.deliveries.segments.buyers import CUTOFF, orders_of
from tests.unit.flows.trips.models.city import ZONES, city_frame


def _arrays(value: Any, name: str = "") -> dict[str, np.ndarray]:
    if is_dataclass(value):
        parts = [_arrays(getattr(value, one.name), f"{name}.{one.name}") for one in fields(value)]
    elif isinstance(value, dict):
        parts = [_arrays(one, f"{name}.{key}") for key, one in value.items()]
    else:
        return {name: np.asarray(value)}
    return {key: array for part in parts for key, array in part.items()}


def _in_microseconds(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with moments as exact as the warehouse keeps them."""
    moments = frame.select_dtypes("datetimetz").columns
    return frame.assign(**{name: frame[name].dt.floor("us") for name in moments})


def _assert_alike(one: object, other: object) -> None:
    first, second = _arrays(one), _arrays(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.dtype == second[name].dtype, name
        np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize("rows", [500, 0])
def test_trips_read_from_the_warehouse_are_those_made_in_memory(rows: int) -> None:
    frame = _in_microseconds(city_frame(days=10, trips_a_day=50).head(rows))
    _assert_alike(trips_of(frame, ZONES), trips_of(as_read(frame), as_read(ZONES)))


@pytest.mark.parametrize("rows", [300, 0])
def test_orders_read_from_the_warehouse_are_those_made_in_memory(rows: int) -> None:
    market = marketplace(orders=300)
    orders, tracking = market.orders.head(rows), market.tracking
    stored = deliveries_of(as_read(orders), as_read(tracking))
    _assert_alike(deliveries_of(orders, tracking), stored)


@pytest.mark.parametrize("rows", [500, 0])
def test_customers_read_from_the_warehouse_are_those_made_in_memory(rows: int) -> None:
    orders = _in_microseconds(orders_of().head(rows))
    made, read = customers_of(orders, CUTOFF), customers_of(as_read(orders), CUTOFF)
    assert len(made) == len(read) and (len(made) == 0) == (rows == 0)
    for name in made.columns:
        np.testing.assert_array_equal(made[name].to_numpy(), read[name].to_numpy(), err_msg=name)
