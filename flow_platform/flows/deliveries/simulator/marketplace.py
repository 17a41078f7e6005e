"""The marketplace itself: orders of any days and regions, their events and their true risks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.simulator.days import EPOCH, FIRST_ORDINAL, days_of
from flow_platform.flows.deliveries.simulator.draws import draw_rows, draws_of
from flow_platform.flows.deliveries.simulator.events import SimulatedEvent, events_of
from flow_platform.flows.deliveries.simulator.network import Known, Network, all_chances
from flow_platform.flows.deliveries.simulator.parameters import (
    DAY_SECONDS,
    ORDERS_A_DAY,
    REGION_SHARES,
    REGIONS,
)
from flow_platform.flows.deliveries.simulator.timelines import simulate_timelines
from flow_platform.sources.centres import Centre
from flow_platform.sources.random_streams import random_stream

_ORDERS_AT_ONCE = 2000


class Marketplace:
    """The marketplace, on the clock and with the holidays of a place.

    Any region and day can be made alone, in any order, and is always the same: it has one random
    stream, keyed by the seed, the region and the day of placing, from which everything that happens
    to its orders is drawn. `orders_a_day` is the mean of an average region and day; some regions
    have twice as many.

        market = Marketplace(place, seed=7)
        orders = market.orders(date(2025, 1, 1), date(2025, 1, 31))
        events = market.events(orders)
    """

    def __init__(self, place: Centre, seed: int, orders_a_day: float = ORDERS_A_DAY) -> None:
        self.place, self.seed, self.orders_a_day = place, seed, orders_a_day
        self._zone = ZoneInfo(place.timezone)
        self._days = days_of(place.country)
        self._network = Network(random_stream(seed, "marketplace"), self._days)

    @property
    def regions(self) -> tuple[str, ...]:
        """Its regions, in the order of their partitions."""
        return REGIONS

    def orders(
        self, first_day: date, last_day: date, regions: Sequence[str] = REGIONS
    ) -> pd.DataFrame:
        """The orders placed on the UTC days in the regions, a row each, by day and region.

        Moments (UTC, whole seconds): placed_at, approved_at, handed_over_at, delivered_at,
        promised_at (as known at approval) and others, NaT for what never happens. Columns that no
        event has are here too; those that begin with an underscore are for this package alone.
        """
        parts = [
            self._drawn(day, place)
            for day in (
                first_day + timedelta(days=number)
                for number in range((last_day - first_day).days + 1)
            )
            for place, region in enumerate(REGIONS)
            if region in regions
        ]
        if not parts:
            parts = [self._drawn(first_day, 0)[:0]]
        return simulate_timelines(draws_of(np.concatenate(parts)), self._network)

    def true_late_probability(self, orders: pd.DataFrame) -> pd.DataFrame:
        """The true probability that orders will be late, as of their approval: a row an order.

        Columns order_id, true_probability (delivered after promised_at), true_mean_days and
        true_median_days (from placing to delivery), over 512 quasi-random draws of what nobody can
        know then: handling, transit, incidents, wrong addresses, slow fortnights. The standard
        error of a probability is below 0.01. Known are an order's own facts, the calendar and its
        load, and the lasting speeds of sellers and carriers, which all past orders show. `orders`
        is what `orders` returns.
        """
        parts = []
        for start in range(0, len(orders), _ORDERS_AT_ONCE):
            some = orders.iloc[start : start + _ORDERS_AT_ONCE]
            known = Known.of(some)
            outcome = self._network.outcome(known, all_chances())
            days = outcome.delivered - known.placed
            parts.append(
                pd.DataFrame(
                    {
                        "order_id": some["order_id"].to_numpy(),
                        "true_probability": (outcome.delivered > known.promised).mean(axis=1),
                        "true_mean_days": days.mean(axis=1),
                        "true_median_days": np.median(days, axis=1),
                    }
                )
            )
        columns = ["order_id", "true_probability", "true_mean_days", "true_median_days"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def events(
        self, orders: pd.DataFrame, *, with_persons: bool = False
    ) -> Iterator[SimulatedEvent]:
        """The events of orders, in the order in which they became known.

        With persons, customers have names, addresses and the like, all of them invented.
        """
        return iter(events_of(orders, with_persons))

    def _drawn(self, day: date, region: int) -> np.ndarray:
        """The random numbers of the orders of one region and day."""
        stream = random_stream(self.seed, "deliveries", REGIONS[region], day)
        ordinal = (day - EPOCH).days
        busy = self._days.orders[ordinal - FIRST_ORDINAL]
        mean = self.orders_a_day * busy * REGION_SHARES[region] / REGION_SHARES.mean()
        count = int(stream.poisson(mean))
        return draw_rows(stream, count, ordinal, region, self._offset(day))

    def _offset(self, day: date) -> float:
        """The place's offset from UTC at noon, in days; an order keeps that of its day."""
        offset = datetime.combine(day, time(12), UTC).astimezone(self._zone).utcoffset()
        assert offset is not None
        return offset.total_seconds() / DAY_SECONDS
