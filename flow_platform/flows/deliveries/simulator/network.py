"""How long orders take: sellers that prepare them, carriers that carry them, and slow fortnights.

`Network.outcome` is the only place where the time of a hand-over or of a delivery is decided, both
for orders that are made and for their true probability of being late.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.simulator.days import (
    END,
    FIRST_ORDINAL,
    ORIGIN,
    Days,
    next_opening,
)
from flow_platform.flows.deliveries.simulator.draws import dealt
from flow_platform.flows.deliveries.simulator.parameters import (
    CARRIER_SHARES,
    CARRIERS,
    CATEGORY_SHARES,
    CUT_OFF_HOUR,
    DAY_SECONDS,
    FAR,
    INCIDENT_CHANCES,
    NOISE_HANDLING,
    NOISE_TRANSIT,
    PREPARATION,
    READDRESSED,
    REGION_ROADS,
    REGION_SHARES,
    REGIONS,
    SELLERS,
    SLOW_DAYS,
    USUAL_DAYS,
    slow_factors,
)

_CHANCES = 512


@dataclass(frozen=True)
class Known:
    """What is known of orders when they are approved, and moves how long they take.

    Moments are local days since 1970; region, seller, carrier and category are positions.
    """

    placed: np.ndarray
    approved: np.ndarray
    promised: np.ndarray
    region: np.ndarray
    seller: np.ndarray
    carrier: np.ndarray
    km: np.ndarray
    weight: np.ndarray
    category: np.ndarray

    def columns(self) -> dict[str, np.ndarray]:
        """The same as private columns of a frame of orders."""
        return {f"_{one.name}": getattr(self, one.name) for one in fields(self)}

    @classmethod
    def of(cls, orders: pd.DataFrame) -> Known:
        """Read from a frame of orders; arrays of shape (orders, 1)."""
        return cls(*(orders[f"_{one.name}"].to_numpy()[:, None] for one in fields(cls)))


@dataclass(frozen=True)
class Chance:
    """What nobody can know at approval.

    handling, transit, incident_days are normal numbers, incident and readdressed uniform ones, and
    slow is the factor of a slow fortnight.
    """

    handling: np.ndarray
    transit: np.ndarray
    incident: np.ndarray
    incident_days: np.ndarray
    readdressed: np.ndarray
    slow: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """When orders are handed over and delivered (local days since 1970), and what went wrong."""

    handed_over: np.ndarray
    delivered: np.ndarray
    has_incident: np.ndarray
    is_readdressed: np.ndarray


class Network:
    """Sellers and carriers with their lasting speeds, drawn from `stream`, on the given days."""

    def __init__(self, stream: np.random.Generator, days: Days) -> None:
        self._days = days
        shape = (len(CARRIERS), len(REGIONS))
        self._carrier_region = np.exp(stream.normal(0, 0.10, shape))
        ways = stream.normal(0.0, 0.12, SELLERS)
        self.seller_region, self.seller_carrier, self.seller_category = (
            dealt(shares, stream.permutation(SELLERS))
            for shares in (REGION_SHARES, CARRIER_SHARES, CATEGORY_SHARES)
        )
        sizes = 1 / (1 + 0.12 * np.arange(SELLERS))
        self.seller_sizes = np.cumsum(sizes)
        # The large are quicker.
        self._seller_days = np.exp(ways) * (sizes / sizes.mean()) ** -0.4
        fortnights = (END - ORIGIN).days // SLOW_DAYS + 1
        self._slow = slow_factors(stream.random((*shape, fortnights)))

    def slow(self, known: Known) -> np.ndarray:
        """The factor of the fortnight in which each order is approved, shape (orders,)."""
        fortnight = (np.floor(known.approved).astype("i8") - FIRST_ORDINAL) // SLOW_DAYS
        return np.asarray(self._slow[known.carrier, known.region, fortnight])

    def outcome(self, known: Known, chance: Chance) -> Outcome:
        """When the orders are handed over and delivered, given what chance brings.

        Shapes of `known` and `chance` are broadcast: (orders,) with (orders,), or (orders, 1) with
        (1, draws).
        """
        approved, carrier, region = known.approved, known.carrier, known.region
        day = np.floor(approved)
        at = day.astype("i8") - FIRST_ORDINAL
        is_late = approved - day > CUT_OFF_HOUR
        begins = self._days.working[at + is_late]
        start = np.where(begins == day, approved, begins + 8 / 24)
        took = 0.9 * self._seller_days[known.seller] * self._days.handling[at]
        took = took * PREPARATION[known.category] * (1 + 0.02 * np.minimum(known.weight, 30))
        took = took * np.exp(NOISE_HANDLING * chance.handling - NOISE_HANDLING**2 / 2)
        handed = next_opening(self._days.working, start + took, 9 / 24, 18 / 24)
        handed = np.maximum(handed, start + 900 / DAY_SECONDS)

        road = USUAL_DAYS[carrier] * (known.km / 300) ** FAR * REGION_ROADS[region]
        road = road * self._carrier_region[carrier, region] * self._days.roads[at]
        road = road * chance.slow * np.exp(NOISE_TRANSIT * chance.transit - NOISE_TRANSIT**2 / 2)
        # A parcel with an incident takes longer, and so does one for a wrong address.
        has_incident = chance.incident < INCIDENT_CHANCES[carrier]
        road = road + np.where(has_incident, 2.5 * np.exp(0.5 * chance.incident_days), 0.0)
        is_readdressed = chance.readdressed < READDRESSED
        road = road + np.where(is_readdressed, 1.5, 0.0)
        delivered = next_opening(self._days.delivering, handed + road, 8 / 24, 20 / 24)
        delivered = np.maximum(delivered, handed + 3 / 24)
        return Outcome(handed, delivered, has_incident, is_readdressed)


@lru_cache(maxsize=1)
def all_chances() -> Chance:
    """512 scrambled Sobol draws of what nobody can know (Sobol 1967), each of shape (1, 512)."""
    from scipy.stats import norm, qmc

    draws = qmc.Sobol(6, scramble=True, seed=7).random(_CHANCES)
    draws = np.clip(draws, 1e-9, 1 - 1e-9).T[:, None, :]
    handling, transit, incident_days = (norm.ppf(draws[place]) for place in (0, 1, 3))
    return Chance(handling, transit, draws[2], incident_days, draws[4], slow_factors(draws[5]))
