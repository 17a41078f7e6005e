"""The one feature frame of training, backtest, scoring and replay: `features(data, asked)`.

Every row has what was known at its own moment: of its own order until then, of others before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.models.data import (
    KEYS,
    MEMORY_DAYS,
    NUMBERS,
    TRACKED,
    DeliveryData,
    DeliverySpec,
    Flags,
    Floats,
    Integers,
    Moments,
    days_between,
)
from flow_platform.flows.deliveries.models.history import History, Stream, forever, means, shares

# By which event each feature is known. "others" are facts of other orders that were known before.
_OWN = {
    "elapsed_days": "approved",
    "promise_days": "placed",
    "promise_left_days": "approved",
    "promise_working_days": "approved",
    "weekday": "approved",
    "hour": "approved",
    "days_to_weekend": "approved",
    "holidays_ahead": "approved",
    "price": "placed",
    "freight": "placed",
    "freight_share": "placed",
    "weight_kg": "placed",
    "volume_l": "placed",
    "distance_km": "placed",
    "items": "placed",
    "sellers": "placed",
    "installments": "paid",
    "paid_value": "paid",
}
# Inputs of candidates that learners do not see: the region's mean of log days, and the share of
# late orders, both at the recent level of the whole network. Such levels identify the period, as
# growing counts do: trees would expect the last slow months to continue.
BASES = ("usual_log_days", "network_late")
_NETWORK = (
    *BASES,
    "network_flow_days",
    "network_surge",
    "region_flow_days",
    "region_recent_log_days",
    "region_recent_log_ratio",
    "region_carrying",
    "seller_handling",
    "seller_recent_handling",
    "seller_open",
    "seller_waiting",
    "seller_approved",
)
# Each less that of all orders.
_PER_KEY = ("log_days", "log_ratio", "late")
_KEYED = (*KEYS, "lane")
_WAY = {
    "rank": "tracked",
    "events": "tracked",
    "handed_over": "handed_over",
    "handling_days": "handed_over",
    "since_handed_over_days": "handed_over",
    "carrying_left_days": "handed_over",
}
FEATURES: dict[str, str] = {
    **_OWN,
    **{name: "others" for name in _NETWORK},
    **{f"{key}_{fact}": "others" for key in _KEYED for fact in _PER_KEY},
    **_WAY,
}
# How many orders of its own a key must have to count as much as all others.
_WEIGHT = 8.0
# A Beta prior of the share of late orders: so many orders, of which so many are late.
LATE_PRIOR, LATE_WEIGHT = 0.1, 20.0
RECENT_DAYS = 28
# How long a network keeps its level. Of 7 to 365 days eight weeks were best in the months from
# August 2017 to March 2018 of Olist's sample, each predicted by a fit of the months before.
LEVEL_DAYS = 56
# The same for the share of late orders: of 14 to 365 days twelve weeks had the best Brier score
# from August 2017 to April 2018.
LATE_LEVEL_DAYS = 84
_HOLIDAY_REACH = 10


@dataclass(frozen=True)
class Asked:
    """Orders at moments: places in the data, and what was known of their tracking by then.

    `rank` is the furthest place in TRACKED, -1 where nothing was known; `events` how many were.
    """

    order: Integers
    moment: Moments
    rank: Integers
    events: Integers
    handed_over_at: Moments

    def __len__(self) -> int:
        return len(self.order)

    def take(self, chosen: Flags | Integers) -> Asked:
        return Asked(
            self.order[chosen],
            self.moment[chosen],
            self.rank[chosen],
            self.events[chosen],
            self.handed_over_at[chosen],
        )


def columns(in_transit: bool) -> tuple[str, ...]:
    """The columns of the frame."""
    return tuple(name for name in FEATURES if in_transit or name not in _WAY)


def shown(in_transit: bool) -> list[int]:
    """The places of the columns that learners see."""
    return [place for place, name in enumerate(columns(in_transit)) if name not in BASES]


def legs(in_transit: bool) -> int:
    """How many legs a way has, each with errors of its own."""
    return len(TRACKED) if in_transit else 1


def leg(frame: Floats, in_transit: bool) -> Integers:
    """Shape (n,): the leg that each row is on, by its furthest tracking event."""
    if not in_transit:
        return np.zeros(len(frame), dtype=np.int64)
    return frame[:, columns(True).index("rank")].astype(np.int64)


def asked_of(data: DeliveryData, spec: DeliverySpec) -> Asked:
    """Every moment at which the data's orders are scored: at approval, or on their way.

    Orders that were known to be delivered or cancelled by then are left out.
    """
    asked = _on_the_way(data) if spec.in_transit else _approved(data)
    gone = np.zeros(len(asked), dtype=bool)
    for end in ("delivered_known_at", "cancelled_known_at"):
        gone |= data.moments[end][asked.order] <= asked.moment
    return asked.take(~gone)


def features(data: DeliveryData, asked: Asked, spec: DeliverySpec) -> Floats:
    """Shape (n, columns): what was known of each asked order at its moment, NaN where nothing.

    The data must reach LOOKBACK_DAYS back from the first moment; more changes nothing.
    """
    made = _own(data, asked, spec)
    made |= _others(data, asked)
    if spec.in_transit:
        made |= _way(data, asked, made)
    return np.column_stack([made[name] for name in columns(spec.in_transit)])


def _approved(data: DeliveryData) -> Asked:
    n = len(data)
    return Asked(
        np.arange(n),
        data.moments["approved_known_at"],
        np.full(n, -1),
        np.zeros(n, dtype=np.int64),
        np.full(n, np.datetime64("NaT"), dtype="datetime64[us]"),
    )


def _on_the_way(data: DeliveryData) -> Asked:
    events = data.tracking
    frame = pd.DataFrame({"order": events.order, "moment": events.known_at, "rank": events.rank})
    frame["handed"] = np.where(
        events.rank == 0, events.occurred_at.astype(np.int64), np.iinfo(np.int64).max
    )
    own = frame.groupby("order", sort=False)
    frame["furthest"], frame["events"] = own["rank"].cummax(), own.cumcount() + 1
    frame["handed"] = own["handed"].cummin()
    # Events that became known at once make one row, which knows them all.
    frame = frame.drop_duplicates(["order", "moment"], keep="last")
    approved = data.moments["approved_known_at"][frame["order"].to_numpy()]
    frame = frame[frame["moment"].to_numpy() >= approved]
    handed = frame["handed"].to_numpy()
    return Asked(
        frame["order"].to_numpy("int64"),
        frame["moment"].to_numpy().astype("datetime64[us]"),
        frame["furthest"].to_numpy("int64"),
        frame["events"].to_numpy("int64"),
        np.where(
            handed < np.iinfo(np.int64).max,
            handed.astype("datetime64[us]"),
            np.datetime64("NaT"),
        ),
    )


def _own(data: DeliveryData, asked: Asked, spec: DeliverySpec) -> dict[str, Floats]:
    own = {name: data.moments[name][asked.order] for name in ("placed_at", "promised_at")}
    made = {name: data.numbers[name][asked.order] for name in NUMBERS}
    paid = data.moments["paid_known_at"][asked.order] <= asked.moment
    for name in ("installments", "paid_value"):
        made[name] = np.where(paid, made[name], np.nan)
    made["freight_share"] = made["freight"] / np.maximum(made["price"], 1.0)
    made["elapsed_days"] = days_between(own["placed_at"], asked.moment)
    made["promise_days"] = days_between(own["placed_at"], own["promised_at"])
    made["promise_left_days"] = days_between(asked.moment, own["promised_at"])
    now, promised = _local(asked.moment, spec), _local(own["promised_at"], spec)
    today, due = (one.to_numpy().astype("datetime64[D]") for one in (now, promised))
    made["weekday"] = now.day_of_week.to_numpy("float64")
    made["hour"] = now.hour.to_numpy("float64") + now.minute.to_numpy("float64") / 60
    made["days_to_weekend"] = np.maximum(5.0 - made["weekday"], 0.0)
    made["promise_working_days"] = np.busday_count(today, due, holidays=data.holidays).astype(
        np.float64
    )
    until = today + np.timedelta64(_HOLIDAY_REACH, "D")
    ahead = np.searchsorted(data.holidays, until) - np.searchsorted(data.holidays, today)
    made["holidays_ahead"] = ahead.astype(np.float64)
    return made


def _local(moments: Moments, spec: DeliverySpec) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(spec.timezone).tz_localize(None)


def _others(data: DeliveryData, asked: Asked) -> dict[str, Floats]:
    history, at = History.of(data), asked.moment
    codes = dict(data.keys) | {"lane": _lane(data)}
    own = {key: codes[key][asked.order] for key in _KEYED}
    # How it was paid for is known when it is paid: of others it must have been by their approval,
    # before which no stream begins.
    paid = data.moments["paid_known_at"]
    in_time = paid <= data.moments["approved_known_at"]
    own["payment_method"] = np.where(paid[asked.order] <= at, own["payment_method"], -1)
    codes["payment_method"] = np.where(in_time, codes["payment_method"], -1)

    def of(stream: Stream, key: str, days: int | None = MEMORY_DAYS) -> Integers:
        return stream.sums(at, key, codes[key], own[key], days)

    nothing = np.zeros(len(asked))
    known, due = forever(history.delivered, at), forever(history.due, at)
    handled, carried = forever(history.handled, at), forever(history.carried, at)
    log_days, log_ratio = means(known, 1, nothing, 0.0), means(known, 2, nothing, 0.0)
    late = shares(due, nothing + LATE_PRIOR, LATE_WEIGHT)
    handling, carrying = means(handled, 1, nothing, 0.0), means(carried, 1, nothing, 0.0)
    season = history.due.sums(at, days=LATE_LEVEL_DAYS)
    made = {"network_late": shares(season, late, LATE_WEIGHT)}
    recent = history.delivered.sums(at, days=RECENT_DAYS)
    recent_days = means(recent, 1, log_days, _WEIGHT)
    recent_ratio = means(recent, 2, log_ratio, _WEIGHT)
    # Orders under way over orders a day is how long they take (Little 1961): it rises with the
    # first that stay, long before they are delivered.
    a_day = history.approved.sums(at, days=RECENT_DAYS)[:, 0] / RECENT_DAYS
    made["network_flow_days"] = history.unfinished.sums(at)[:, 0] / np.maximum(a_day, 0.1)
    made["network_surge"] = history.approved.sums(at, days=7)[:, 0] / np.maximum(7 * a_day, 1.0)
    in_region = of(history.approved, "region", RECENT_DAYS)[:, 0] / RECENT_DAYS
    under_way = of(history.unfinished, "region", None)[:, 0].astype(np.float64)
    made["region_flow_days"] = (under_way + made["network_flow_days"]) / (in_region + 1.0)
    for key in _KEYED:
        sums = of(history.delivered, key)
        made[f"{key}_log_days"] = means(sums, 1, log_days, _WEIGHT) - log_days
        made[f"{key}_log_ratio"] = means(sums, 2, log_ratio, _WEIGHT) - log_ratio
        made[f"{key}_late"] = shares(of(history.due, key), late, 2 * _WEIGHT) - late
    level = means(history.delivered.sums(at, days=LEVEL_DAYS), 1, log_days, _WEIGHT) - log_days
    usual = means(of(history.delivered, "region"), 1, log_days, _WEIGHT)
    made["usual_log_days"] = usual + level
    newest = of(history.delivered, "region", RECENT_DAYS)
    prior = made["region_log_days"] + recent_days
    made["region_recent_log_days"] = means(newest, 1, prior, _WEIGHT) - recent_days
    prior = made["region_log_ratio"] + recent_ratio
    made["region_recent_log_ratio"] = means(newest, 2, prior, _WEIGHT) - recent_ratio
    made["region_carrying"] = means(of(history.carried, "region"), 1, carrying, _WEIGHT)
    made["seller_handling"] = means(of(history.handled, "seller"), 1, handling, 3.0)
    made["seller_recent_handling"] = means(
        of(history.handled, "seller", RECENT_DAYS), 1, made["seller_handling"], 3.0
    )
    made["seller_open"] = of(history.unfinished, "seller", None)[:, 0].astype(np.float64)
    made["seller_waiting"] = of(history.waiting, "seller", None)[:, 0].astype(np.float64)
    made["seller_approved"] = of(history.approved, "seller", RECENT_DAYS)[:, 0].astype(np.float64)
    return made


def _lane(data: DeliveryData) -> Integers:
    """Which seller sends to which region."""
    seller, region = data.keys["seller"], data.keys["region"]
    width = int(region.max(initial=0)) + 1
    return np.where((seller >= 0) & (region >= 0), seller * width + region, -1)


def _way(data: DeliveryData, asked: Asked, made: dict[str, Floats]) -> dict[str, Floats]:
    approved = data.moments["approved_known_at"][asked.order]
    since = days_between(asked.handed_over_at, asked.moment)
    return {
        "rank": asked.rank.astype(np.float64),
        "events": asked.events.astype(np.float64),
        "handed_over": (~np.isnat(asked.handed_over_at)).astype(np.float64),
        "handling_days": days_between(approved, asked.handed_over_at),
        "since_handed_over_days": since,
        "carrying_left_days": np.expm1(made["region_carrying"]) - since,
    }
