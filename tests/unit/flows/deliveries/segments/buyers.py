"""Orders of kinds of customers that are known, for tests of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

CUTOFF = pd.Timestamp("2025-06-01", tz="UTC")


@dataclass(frozen=True)
class Kind:
    """Customers alike: recency in days, orders each, price of an order, days late (early < 0)."""

    name: str
    customers: int
    recency: float
    orders: int
    price: float
    gap: float


# Apart in more than one way: what differs within kinds alone would be scaled up to a difference.
KINDS = (
    Kind("new", 220, recency=10, orders=1, price=80, gap=-5),
    Kind("dormant", 260, recency=400, orders=1, price=110, gap=-8),
    Kind("loyal", 180, recency=120, orders=8, price=25, gap=-11),
    Kind("disappointed", 150, recency=220, orders=1, price=50, gap=9),
)


def orders_of(kinds: Sequence[Kind] = KINDS, seed: int = 3) -> pd.DataFrame:
    """ORDER_COLUMNS and `kind`; every order is known at once and delivered 12 days after."""
    draw = np.random.default_rng(seed)
    rows = []
    for kind in kinds:
        for number in range(kind.customers):
            newest = kind.recency * draw.uniform(0.85, 1.15)
            for earlier in range(kind.orders):
                placed = CUTOFF - pd.Timedelta(days=newest + 20 * earlier + draw.uniform(0, 1))
                delivered = placed + pd.Timedelta(days=12 + kind.gap * draw.uniform(0, 1))
                rows.append(
                    {
                        "order_id": f"{kind.name}-{number}-{earlier}",
                        "customer": f"person-{kind.name}-{number}",
                        "centre_id": "SP",
                        "placed_at": placed,
                        "known_at": placed,
                        "price": kind.price * draw.lognormal(0, 0.15),
                        "promised_at": delivered
                        - pd.Timedelta(days=kind.gap * draw.uniform(0.8, 1.2)),
                        "delivered_at": delivered,
                        "delivered_known_at": delivered,
                        "kind": kind.name,
                    }
                )
    return pd.DataFrame(rows)
