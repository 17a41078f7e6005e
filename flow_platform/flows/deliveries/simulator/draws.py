"""The random numbers of orders, drawn together for a region and a day, and choices made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flow_platform.flows.deliveries.simulator.parameters import MILESTONES

# Columns of uniform and of normal numbers that each order draws, in this order.
_UNIFORM = (
    "hour",
    "second",
    "customer",
    "seller",
    "category",
    "items",
    "method",
    "incident",
    "readdressed",
    "readdressed_at",
    "repromised",
    "recarried",
    "cancelled",
    "cancelled_at",
    "returned",
    "kind",
    "scans",
    "split",
    "postal",
    "installments",
    *(f"lag_{name}" for name in MILESTONES),
)
_NORMAL = ("approval", "price", "weight", "distance", "handling", "transit", "incident", "freight")


@dataclass(frozen=True)
class Draws:
    """Orders before anything is decided about them, in arrays of shape (orders,).

    day       UTC day of placing, days since 1970
    region    its place in REGIONS
    number    from 1 within its region and day
    offset    of the local clock from UTC on its day, in days
    uniform   numbers from 0 to 1 by name
    normal    standard normal numbers by name
    """

    day: np.ndarray
    region: np.ndarray
    number: np.ndarray
    offset: np.ndarray
    uniform: dict[str, np.ndarray]
    normal: dict[str, np.ndarray]


def draw_rows(
    stream: np.random.Generator, count: int, day: int, region: int, offset: float
) -> np.ndarray:
    """The draws of `count` orders of one region and day, as rows for `draws_of`."""
    rows = np.empty((count, 4 + len(_UNIFORM) + len(_NORMAL)))
    rows[:, 0], rows[:, 1], rows[:, 2] = day, region, np.arange(1, count + 1)
    rows[:, 3] = offset
    rows[:, 4 : 4 + len(_UNIFORM)] = stream.random((count, len(_UNIFORM)))
    rows[:, 4 + len(_UNIFORM) :] = stream.standard_normal((count, len(_NORMAL)))
    return rows


def draws_of(rows: np.ndarray) -> Draws:
    """Rows of `draw_rows`, of any regions and days, by name."""
    day, region, number = (rows[:, place].astype("i8") for place in range(3))
    uniform, normal = rows[:, 4 : 4 + len(_UNIFORM)].T, rows[:, 4 + len(_UNIFORM) :].T
    return Draws(
        day,
        region,
        number,
        rows[:, 3],
        dict(zip(_UNIFORM, uniform, strict=True)),
        dict(zip(_NORMAL, normal, strict=True)),
    )


def chosen(cumulated: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Positions chosen by uniform numbers; `cumulated` are the running sums of their weights."""
    found = np.searchsorted(cumulated, uniform * cumulated[-1], side="right")
    return np.minimum(found, len(cumulated) - 1)


def dealt(shares: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Positions dealt out to exactly their `shares`; `turn` is a permutation.

    With random choices a seed could give a carrier no seller at all.
    """
    return chosen(np.cumsum(shares), (turn + 0.5) / len(turn))
