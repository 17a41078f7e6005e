"""What is known of each customer at the first moment of a month: one row a customer.

Orders come as frames; which of them were known by then is decided here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Raised whenever equal data would train other segments: vintages are then trained again.
CODE_VERSION = "1"
ORDER_COLUMNS = (
    "order_id",
    "customer",
    "centre_id",
    "placed_at",
    "known_at",
    "price",
    "promised_at",
    "delivered_at",
    "delivered_known_at",
)
# What segments are made of, and the aspect that each belongs to: aspects weigh the same.
ASPECTS = {
    "recency_days": "recency",
    "log_orders": "frequency",
    "log_value": "value",
    "late_share": "experience",
    "gap_days": "experience",
}
COLUMNS = tuple(ASPECTS)

Floats = NDArray[np.float64]

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class SegmentSpec:
    """The fixed choices of a month's segments.

    Fewer than `least_customers` make none. K-Means is fitted on at most `most_fitted` customers;
    silhouette and stability are measured on at most `most_compared` of those, stability over
    `resamples` bootstrap samples.
    """

    seed: int
    least_customers: int = 200
    counts: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    resamples: int = 50
    most_fitted: int = 50_000
    most_compared: int = 5_000


def customers_of(orders: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """One row a customer, in the order of their pseudonyms: what was known before `cutoff` (UTC).

    `orders` has ORDER_COLUMNS, one row an order; `known_at` is when its placing and price became
    known. Columns made:
    customer      the pseudonym
    centre_id     region of the newest order
    recency_days  from the newest order to the cut-off
    orders        how many were placed
    value         sum of the known prices, 0 where none is known
    delivered     deliveries known by then
    late_share    share of them after the promise, NaN without a delivery
    gap_days      mean of delivered - promised, negative when early; NaN without a delivery
    mean_days     mean of delivered - placed, NaN without a delivery
    known_price   whether any price is known
    known_until   when the newest fact about the customer became known
    A cancelled order counts as an order: people placed it, and the table has no moment at which
    its cancellation became known.
    """
    seen = orders[(orders["placed_at"] < cutoff) & (orders["known_at"] < cutoff)]
    seen = seen.sort_values(["customer", "placed_at", "order_id"], kind="stable")
    known = seen["delivered_at"].notna() & (seen["delivered_known_at"] < cutoff)
    gap = _days(seen["delivered_at"] - seen["promised_at"]).where(known)
    later = known & (seen["delivered_known_at"] > seen["known_at"])
    rows = pd.DataFrame(
        {
            "customer": seen["customer"].astype(object),
            "centre_id": seen["centre_id"].astype(object),
            "recency_days": _days(cutoff - seen["placed_at"]),
            "orders": 1,
            "value": seen["price"].astype("float64"),
            "late_share": (gap > 0).astype("float64").where(known),
            "gap_days": gap,
            "mean_days": _days(seen["delivered_at"] - seen["placed_at"]).where(known),
            "known_until": seen["known_at"].mask(later, seen["delivered_known_at"]),
        }
    )
    by = rows.groupby("customer", sort=True)
    return pd.DataFrame(
        {
            "centre_id": by["centre_id"].last(),
            "recency_days": by["recency_days"].last(),
            "orders": by["orders"].sum(),
            "value": by["value"].sum(),
            "delivered": by["mean_days"].count(),
            "late_share": by["late_share"].mean(),
            "gap_days": by["gap_days"].mean(),
            "mean_days": by["mean_days"].mean(),
            "known_price": by["value"].count() > 0,
            "known_until": by["known_until"].max(),
        }
    ).reset_index()


def matrix_of(customers: pd.DataFrame) -> Floats:
    """Shape (n, len(COLUMNS)): orders and value as logarithms; NaN where a customer's is unknown.

    As logarithms, one order and ten differ as much as ten and a hundred.
    """
    value = np.log1p(customers["value"].to_numpy("float64"))
    made = {
        "recency_days": customers["recency_days"].to_numpy("float64"),
        "log_orders": np.log(customers["orders"].to_numpy("float64")),
        "log_value": np.where(customers["known_price"].to_numpy("bool"), value, np.nan),
        "late_share": customers["late_share"].to_numpy("float64"),
        "gap_days": customers["gap_days"].to_numpy("float64"),
    }
    return np.column_stack([made[name] for name in COLUMNS])


def fingerprint(customers: pd.DataFrame, cutoff: pd.Timestamp, spec: SegmentSpec) -> str:
    """sha256 over all that training at `cutoff` sees, and over the fixed choices."""
    digest = hashlib.sha256(f"{CODE_VERSION} {cutoff} {spec}".encode())
    digest.update("\n".join(customers["customer"]).encode())
    digest.update(np.ascontiguousarray(matrix_of(customers)).tobytes())
    return digest.hexdigest()


def _days(spans: pd.Series) -> pd.Series:
    return spans.dt.total_seconds() / _SECONDS_A_DAY
