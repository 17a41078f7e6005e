"""Outcomes of asked orders as known at a moment; which rows a fit at that moment may learn from.

Near a cut-off only the quick orders have arrived. So delays are learned from rows old enough for
nearly all to have arrived, and lateness from orders whose promise has passed, arrived or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flow_platform.scoring.deliveries.data import (
    DeliveryData,
    Flags,
    Floats,
    Integers,
    Moments,
    days_between,
)
from flow_platform.scoring.deliveries.features import Asked
from flow_platform.scoring.deliveries.history import LOST_DAYS

# Of rows so old, this share was delivered before one counts as settled.
_SETTLED_SHARE = 0.95
_MOST_SETTLE_DAYS, _USUAL_SETTLE_DAYS, _LEAST_SETTLED = 60.0, 30.0, 50


@dataclass(frozen=True)
class Outcomes:
    """Of each asked row: the days that followed its moment, and when its outcome became known.

    `days` are from placing to delivery, `remaining` from the row's moment; NaN where not delivered.
    """

    moment: Moments
    days: Floats
    remaining: Floats
    promised_at: Moments
    delivered_late: Flags
    delivered_known_at: Moments
    cancelled_known_at: Moments

    @classmethod
    def of(cls, data: DeliveryData, asked: Asked) -> Outcomes:
        moments = {name: values[asked.order] for name, values in data.moments.items()}
        return cls(
            moment=asked.moment,
            days=data.days[asked.order],
            remaining=days_between(asked.moment, moments["delivered_at"]),
            promised_at=moments["promised_at"],
            delivered_late=moments["delivered_at"] > moments["promised_at"],
            delivered_known_at=moments["delivered_known_at"],
            cancelled_known_at=moments["cancelled_known_at"],
        )

    def __len__(self) -> int:
        return len(self.moment)

    def settle_days(self, at: np.datetime64) -> float:
        """After how many days nearly all rows were delivered, as known at `at`.

        From rows of more than `_MOST_SETTLE_DAYS`; 30 where too few are known.
        """
        old = self._age(at) > _MOST_SETTLE_DAYS
        arrived = self.remaining[old & (self.delivered_known_at < at)]
        if len(arrived) < _LEAST_SETTLED:
            return _USUAL_SETTLE_DAYS
        return float(min(np.quantile(arrived, _SETTLED_SHARE), _MOST_SETTLE_DAYS))

    def delays(self, at: np.datetime64, settle_days: float) -> Flags:
        """Rows whose delay may be learned at `at`: delivered, and old enough not to be chosen
        for having been quick."""
        return (self.delivered_known_at < at) & (self._age(at) > settle_days)

    def lateness(self, at: np.datetime64) -> tuple[Flags, Floats]:
        """Rows whose lateness may be learned at `at`, and whether each was late.

        Those whose promise has passed: an order that is still open then is late, which is known
        before it arrives. Cancelled orders, and those open for more than 60 days after their
        promise, are left out.
        """
        delivered = self.delivered_known_at < at
        late = np.where(delivered, self.delivered_late, True).astype(np.float64)
        overdue = days_between(self.promised_at, np.full(len(self), at))
        has_outcome = delivered | (overdue <= LOST_DAYS)
        cancelled = (self.cancelled_known_at < at) & ~delivered
        return (self.moment < at) & (self.promised_at < at) & has_outcome & ~cancelled, late

    def known_at(self, at: np.datetime64) -> np.datetime64:
        """The last moment before `at` from which anything here was known."""
        moments = np.concatenate(
            [self.moment, self.delivered_known_at, self.cancelled_known_at, self.promised_at]
        )
        return np.max(moments[moments < at])

    def take(self, chosen: Flags | Integers) -> Outcomes:
        return Outcomes(*(values[chosen] for values in vars(self).values()))

    def _age(self, at: np.datetime64) -> Floats:
        return days_between(self.moment, np.full(len(self), at))
