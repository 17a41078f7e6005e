"""Orders as models see them: facts, each with the moment from which it was known.

Arrays, one element an order or tracking event. No customer: nothing here shows who ordered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import naive

# Raised whenever equal data would train other models: vintages are then trained again.
CODE_VERSION = "5"
MEASURES = ("delay", "late_risk", "delay_in_transit", "late_risk_in_transit")
# A history reaches so many days back from the moment that asks; facts from more than
# `SETTLED_DAYS` after placing are no part of it. So to read both before a moment is to read all.
MEMORY_DAYS, SETTLED_DAYS = 365, 120
LOOKBACK_DAYS = MEMORY_DAYS + SETTLED_DAYS
TRACKED = ("handed_over", "in_transit", "out_for_delivery")
KEYS = ("seller", "region", "carrier", "category", "postal_area", "payment_method")
NUMBERS = (
    *("sellers", "items", "price", "freight", "weight_kg", "volume_l", "distance_km"),
    *("installments", "paid_value"),
)
MOMENTS = (
    *("placed_at", "promised_at", "approved_known_at", "paid_known_at"),
    *("handed_over_at", "handed_over_known_at", "delivered_at", "delivered_known_at"),
    "cancelled_known_at",
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
# datetime64[us] in UTC, NaT where it is not known.
Moments = NDArray[np.datetime64]


@dataclass(frozen=True)
class DeliverySpec:
    """The fixed choices of a model.

    `measure` is one of MEASURES. `cost_late` is what a late order costs, `cost_call` what it costs
    to act on one beforehand: at and above `cost_call / cost_late` an order is high risk.
    `timezone` is that of weekdays and hours. Fewer than `least_orders` whose outcome was
    known before a cut-off train nothing; of more than `most_rows` an even part is fitted.
    """

    measure: str
    seed: int
    timezone: str = "UTC"
    cost_late: float = 10.0
    cost_call: float = 1.0
    least_orders: int = 300
    least_days: int = 56
    most_rows: int = 150_000
    training_days: int = 730

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ModelError(
                f"Deliveries have no measure {self.measure!r}. Use one of: {', '.join(MEASURES)}."
            )
        if not 0 < self.cost_call <= self.cost_late:
            raise ModelError(
                f"A call costs {self.cost_call} and a late order {self.cost_late}: give a"
                " cost_call above 0 and not above cost_late, or calling pays never or always."
            )

    @property
    def is_late_risk(self) -> bool:
        return self.measure.startswith("late_risk")

    @property
    def in_transit(self) -> bool:
        return self.measure.endswith("in_transit")

    @property
    def threshold(self) -> float:
        return self.cost_call / self.cost_late


@dataclass(frozen=True)
class Tracking:
    """Tracking events on the way, in the order in which they became known.

    `order` is the place of the event's order in the data, `rank` how far it is on its way: its
    place in TRACKED.
    """

    order: Integers
    rank: Integers
    occurred_at: Moments
    known_at: Moments

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True)
class DeliveryData:
    """Approved orders, in the order of their approvals becoming known, and their tracking.

    `keys` and `numbers` hold the attributes as known at approval: keys as integers that only show
    which orders share one, -1 where there is none. `moments` hold MOMENTS. `holidays` are the days
    (datetime64[D], sorted) on which nobody delivers anywhere.
    """

    order_id: NDArray[np.object_]
    keys: dict[str, Integers]
    numbers: dict[str, Floats]
    moments: dict[str, Moments]
    tracking: Tracking
    holidays: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.order_id)

    @property
    def days(self) -> Floats:
        """Days from placing to delivery, NaN where nothing is known of a delivery."""
        return days_between(self.moments["placed_at"], self.moments["delivered_at"])

    def before(self, moment: pd.Timestamp, days: int | None = None) -> DeliveryData:
        """What was known before `moment` (UTC), of the orders placed in the last `days`.

        What became known later is not known: an order that was delivered since is open here.
        """
        cut = naive(moment)
        known = self.moments["approved_known_at"] < cut
        if days is not None:
            known &= self.moments["placed_at"] >= cut - np.timedelta64(days, "D")
        moments = {name: values[known].copy() for name, values in self.moments.items()}
        for known_at, own in _KNOWN_BY.items():
            unknown = ~(moments[known_at] < cut)
            for name in (known_at, *own):
                moments[name][unknown] = np.datetime64("NaT")
        numbers = {name: values[known].copy() for name, values in self.numbers.items()}
        keys = {name: values[known].copy() for name, values in self.keys.items()}
        unpaid = np.isnat(moments["paid_known_at"])
        keys["payment_method"][unpaid] = -1
        for name in _PAYMENT_NUMBERS:
            numbers[name][unpaid] = np.nan
        place = np.cumsum(known) - 1
        kept = known[self.tracking.order] & (self.tracking.known_at < cut)
        tracking = Tracking(
            place[self.tracking.order[kept]].astype(np.int64),
            self.tracking.rank[kept],
            self.tracking.occurred_at[kept],
            self.tracking.known_at[kept],
        )
        return replace(
            self,
            order_id=self.order_id[known],
            keys=keys,
            numbers=numbers,
            moments=moments,
            tracking=tracking,
        )


# Which facts become known at which moment.
_KNOWN_BY = {
    "paid_known_at": (),
    "handed_over_known_at": ("handed_over_at",),
    "delivered_known_at": ("delivered_at",),
    "cancelled_known_at": (),
}
_PAYMENT_NUMBERS = ("installments", "paid_value")


def deliveries_of(
    orders: pd.DataFrame,
    tracking: pd.DataFrame | None = None,
    holidays: Sequence[object] = (),
) -> DeliveryData:
    """The approved orders of a frame with the columns of merged.deliveries.

    `orders` has order_id, KEYS, NUMBERS and MOMENTS; `tracking` order_id, type, occurred_at and
    available_at: events of other types than TRACKED, and of orders that are not among these, are
    left out. Moments are UTC. Raises ModelError for a column that is missing.
    """
    _require(orders, ("order_id", *KEYS, *NUMBERS, *MOMENTS), "orders")
    orders = orders[orders["approved_known_at"].notna()]
    orders = orders.sort_values(["approved_known_at", "order_id"], kind="stable")
    ids = orders["order_id"].to_numpy(dtype=object)
    return DeliveryData(
        order_id=ids,
        keys={name: _codes(orders[name]) for name in KEYS},
        numbers={name: orders[name].to_numpy("float64", na_value=np.nan) for name in NUMBERS},
        moments={name: moments_of(orders[name]) for name in MOMENTS},
        tracking=_tracking(ids, tracking),
        holidays=np.unique(np.array(list(holidays), dtype="datetime64[D]")),
    )


def fingerprint(data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> str:
    """sha256 over all that training at `cutoff` may see, and over the fixed choices."""
    seen = seen_by(data, cutoff, spec)
    digest = hashlib.sha256(f"{CODE_VERSION} {cutoff} {spec}".encode())
    digest.update("\0".join(str(one) for one in seen.order_id).encode())
    for values in seen.keys.values():
        # Which orders share a key, and not how keys are numbered: that depends on later orders.
        _, first, same = np.unique(values, return_index=True, return_inverse=True)
        digest.update(np.where(values < 0, -1, first[same]).astype(np.int64).tobytes())
    for name in NUMBERS:
        digest.update(seen.numbers[name].tobytes())
    for name in MOMENTS:
        digest.update(seen.moments[name].tobytes())
    if spec.in_transit:
        for one in fields(Tracking):
            digest.update(np.ascontiguousarray(getattr(seen.tracking, one.name)).tobytes())
    digest.update(seen.holidays.tobytes())
    return digest.hexdigest()


def seen_by(data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> DeliveryData:
    """What training at `cutoff` may see: rows of `training_days`, and what they look back on."""
    return data.before(cutoff, spec.training_days + LOOKBACK_DAYS)


def moments_of(column: pd.Series) -> Moments:
    """A column of moments as datetime64[us] in UTC; one without an offset is taken for UTC."""
    moments = pd.DatetimeIndex(pd.to_datetime(column, utc=True)).tz_localize(None)
    return moments.to_numpy().astype("datetime64[us]")


def days_between(first: Moments, last: Moments) -> Floats:
    """Shape (n,): days, fractional, NaN where one of the two is not known."""
    span = last - first
    days = span.astype("timedelta64[us]").astype(np.int64) / 86_400e6
    return np.where(np.isnat(span), np.nan, days)


def _codes(column: pd.Series) -> Integers:
    codes, _ = pd.factorize(column.astype(object), sort=False)
    return codes.astype(np.int64)


def _tracking(ids: NDArray[np.object_], events: pd.DataFrame | None) -> Tracking:
    if events is None:
        events = pd.DataFrame(columns=["order_id", "type", "occurred_at", "available_at"])
    _require(events, ("order_id", "type", "occurred_at", "available_at"), "tracking")
    place = pd.Series(np.arange(len(ids)), index=pd.Index(ids, dtype=object))
    events = events[events["type"].isin(TRACKED) & events["order_id"].isin(place.index)]
    order = place.reindex(events["order_id"].astype(object)).to_numpy("int64")
    rank = pd.Index(TRACKED).get_indexer(pd.Index(events["type"].astype(object)))
    occurred, known = moments_of(events["occurred_at"]), moments_of(events["available_at"])
    # Ties are broken by the events themselves, so that the order of the frame's rows is no matter.
    sequence = np.lexsort((occurred, rank, order, known))
    return Tracking(
        order[sequence], rank.astype(np.int64)[sequence], occurred[sequence], known[sequence]
    )


def _require(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ModelError(
            f"The frame of {name} lacks the column(s) {', '.join(missing)}. Read them from"
            " merged.deliveries and staging.tracking."
        )
