"""Facts of other orders at a moment: sums over all that was known strictly before it.

Each look-up compares the moment from which a fact was known with its own. Sums are of integers, so
that later facts, or those of other keys, cannot even change a rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from flow_platform.flows.deliveries.models.data import (
    MEMORY_DAYS,
    SETTLED_DAYS,
    DeliveryData,
    Flags,
    Floats,
    Integers,
    Moments,
    days_between,
)

# Logs and days are summed in millionths.
_UNIT = 1e6
# An open order stops counting so many days after its approval or promise: it is lost, or nobody
# will report it. Orders still at their seller's after `STUCK_DAYS` will hardly ever leave.
LOST_DAYS, STUCK_DAYS = 60, 30


class Stream:
    """Facts in the order in which they became known: an order each, and integers to add up."""

    def __init__(self, order: Integers, known_at: Moments, values: Integers) -> None:
        sequence = np.argsort(known_at, kind="stable")
        self._order, self._known_at = order[sequence], known_at[sequence]
        self._values = values[sequence]
        self._sorted: dict[str, tuple[Integers, Integers]] = {}

    def sums(
        self,
        at: Moments,
        key: str | None = None,
        codes: Integers | None = None,
        asked: Integers | None = None,
        days: int | None = None,
    ) -> Integers:
        """Shape (n, values): sums of what was known before `at`, of the last `days` if given.

        With a `key`, of the facts whose order has the code that `asked` has: `codes` are those of
        all orders. A code of -1 has no facts.
        """
        made = self._until(at, key, codes, asked)
        if days is not None:
            made = made - self._until(at - np.timedelta64(days, "D"), key, codes, asked)
        return made

    def _until(
        self, at: Moments, key: str | None, codes: Integers | None, asked: Integers | None
    ) -> Integers:
        rank = np.searchsorted(self._known_at, at, side="left").astype(np.int64)
        if key is None or codes is None or asked is None:
            return self._total[rank]
        width = len(self._known_at) + 1
        if key not in self._sorted:
            own = codes[self._order]
            place = np.flatnonzero(own >= 0)
            place = place[np.argsort(own[place], kind="stable")]
            self._sorted[key] = own[place] * width + place, _cumulated(self._values[place])
        marks, total = self._sorted[key]
        first = np.searchsorted(marks, asked * width, side="left")
        last = np.searchsorted(marks, asked * width + rank, side="left")
        return np.where((asked >= 0)[:, None], total[last] - total[first], 0)

    @cached_property
    def _total(self) -> Integers:
        return _cumulated(self._values)


@dataclass(frozen=True)
class History:
    """The streams of one data set.

    delivered   1, log of days, log of days over the days promised
    carried     1, log of 1 + days from hand-over to delivery
    handled     1, log of 1 + days from approval to hand-over
    due         1, and 1 if late: counted when the promise has passed, taken back where it turns
                out otherwise, so that slow orders are not missing among the newest
    approved    1
    unfinished  1 from approval until delivered, cancelled or given up
    waiting     1 from approval until handed over
    """

    delivered: Stream
    carried: Stream
    handled: Stream
    due: Stream
    approved: Stream
    unfinished: Stream
    waiting: Stream

    @classmethod
    def of(cls, data: DeliveryData) -> History:
        moments = data.moments
        placed, approved = moments["placed_at"], moments["approved_known_at"]
        # Of an order that is not known to be approved, nothing is known.
        delivered = np.maximum(moments["delivered_known_at"], approved)
        handed = np.maximum(moments["handed_over_known_at"], approved)
        cancelled = np.maximum(moments["cancelled_known_at"], approved)
        promised = days_between(placed, moments["promised_at"])
        days, carried = data.days, days_between(moments["handed_over_at"], moments["delivered_at"])
        settled = days_between(placed, delivered) <= SETTLED_DAYS
        arrived = settled & (days > 0)
        ratio = days / np.maximum(promised, 1.0)
        handled = days_between(approved, moments["handed_over_at"])
        left = days_between(placed, handed) <= SETTLED_DAYS
        one = np.ones(len(data))
        return cls(
            delivered=_stream(arrived, delivered, one, _log(days), _log(ratio)),
            carried=_stream(arrived & (carried > 0), delivered, one, _log(1 + carried)),
            handled=_stream(left, handed, one, _log(1 + np.maximum(handled, 0.0))),
            due=_due(data, delivered, cancelled),
            approved=_stream(~np.isnat(approved), approved, one),
            unfinished=_ending(approved, _first(delivered, cancelled), LOST_DAYS),
            waiting=_ending(approved, _first(handed, delivered, cancelled), STUCK_DAYS),
        )


def means(sums: Integers, value: int, prior: Floats, weight: float) -> Floats:
    """Means of a value in units, drawn to `prior` as if `weight` more facts had that mean."""
    count = sums[:, 0].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums[:, value] / _UNIT + weight * prior) / (count + weight)


def shares(sums: Integers, prior: Floats, weight: float) -> Floats:
    """Shares of late orders, drawn to `prior`; between 0 and 1 even where facts were taken back."""
    count = np.maximum(sums[:, 0], 0).astype(np.float64)
    late = np.clip(sums[:, 1], 0, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (late + weight * prior) / (count + weight)


def forever(history: Stream, at: Moments) -> Integers:
    """Sums over the whole memory, of all orders."""
    return history.sums(at, days=MEMORY_DAYS)


def _due(data: DeliveryData, delivered: Moments, cancelled: Moments) -> Stream:
    known = data.moments
    promise: Moments = np.maximum(known["promised_at"], known["approved_known_at"])
    in_time = known["delivered_at"] <= known["promised_at"]
    lost: Moments = promise + np.timedelta64(LOST_DAYS, "D")
    # Kept within what a look back reads.
    counted = days_between(known["placed_at"], lost) <= SETTLED_DAYS
    counted &= ~(cancelled <= promise)
    was_known = counted & (delivered <= promise)
    open_then = counted & ~was_known
    mistaken = open_then & in_time & (delivered <= lost)
    withdrawn = open_then & (cancelled <= lost) & ~(delivered <= cancelled)
    never = open_then & ~(delivered <= lost) & ~withdrawn
    parts: list[tuple[Flags, Moments, int, Any]] = [
        (was_known, promise, 1, np.where(in_time, 0, 1)),
        (open_then, promise, 1, 1),
        (mistaken, delivered, 0, -1),
        (withdrawn, cancelled, -1, -1),
        (never, lost, -1, -1),
    ]
    order, moments, values = [], [], []
    for chosen, at, count, late in parts:
        place = np.flatnonzero(chosen)
        order.append(place)
        moments.append(at[place])
        values.append(
            np.column_stack(
                [np.full(len(place), count), np.broadcast_to(late, chosen.shape)[place]]
            )
        )
    return Stream(
        np.concatenate(order), np.concatenate(moments), np.concatenate(values).astype(np.int64)
    )


def _stream(chosen: Flags, known_at: Moments, *values: Floats) -> Stream:
    place = np.flatnonzero(chosen & ~np.isnat(known_at))
    units = [1.0] + [_UNIT] * (len(values) - 1)
    columns = [
        np.rint(value[place] * unit).astype(np.int64)
        for value, unit in zip(values, units, strict=True)
    ]
    return Stream(place, known_at[place], np.column_stack(columns))


def _ending(begin: Moments, end: Moments, most: int) -> Stream:
    given_up = begin + np.timedelta64(most, "D")
    end = np.where(end < given_up, end, given_up)
    place = np.arange(len(begin))
    return Stream(
        np.concatenate([place, place]),
        np.concatenate([begin, end]),
        np.concatenate([np.ones(len(begin)), -np.ones(len(begin))]).astype(np.int64)[:, None],
    )


def _first(*moments: Moments) -> Moments:
    made = moments[0]
    for other in moments[1:]:
        made = np.fmin(made, other)
    return made


def _log(values: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(values)


def _cumulated(values: Integers) -> Integers:
    made = np.zeros((len(values) + 1, values.shape[1]), dtype=np.int64)
    np.cumsum(values, axis=0, out=made[1:])
    return made
