"""A small marketplace whose orders are late by a stated probability: tests know the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.models.data import DeliveryData, deliveries_of

FIRST = pd.Timestamp("2025-01-01", tz="UTC")
# The spread of log days around what the sellers, the regions and the promise say.
SIGMA = 0.35


@dataclass(frozen=True)
class Marketplace:
    """Orders as merged.deliveries has them, their tracking, and the true probabilities by order."""

    orders: pd.DataFrame
    tracking: pd.DataFrame
    truth: pd.Series

    @property
    def data(self) -> DeliveryData:
        return deliveries_of(self.orders, self.tracking)


def marketplace(orders: int = 4_000, days: int = 200, seed: int = 5) -> Marketplace:
    """Log days are normal around a mean that seller, region, carrier and distance give.

    So an order is late with the probability Phi((mean - log promise) / SIGMA), which is known when
    it is placed. One in fifty is cancelled, one in a hundred is lost.
    """
    random = np.random.default_rng(seed)
    n = orders
    placed = FIRST + pd.to_timedelta(np.sort(random.random(n)) * days * 86_400, unit="s").round("s")
    seller, region, carrier = (random.integers(0, k, n) for k in (40, 8, 3))
    distance = random.gamma(3.0, 150.0, n)
    slow = random.normal(0, 0.25, 40), random.normal(0, 0.2, 8), np.array([-0.15, 0.0, 0.2])
    mean = 2.0 + slow[0][seller] + slow[1][region] + slow[2][carrier] + 0.0006 * distance
    promise = np.exp(random.normal(2.85, 0.25, n))
    took = np.exp(mean + SIGMA * random.normal(0, 1, n))
    truth = 0.5 * _erfc((np.log(promise) - mean) / SIGMA / np.sqrt(2))
    approved = placed + pd.to_timedelta(np.minimum(random.exponential(0.2, n), 0.04 * took), "D")
    delivered = placed + pd.to_timedelta(took, "D")
    # How much of the way is behind an order is seen from its hand-over, with some noise.
    handed = approved + (delivered - approved) * random.uniform(0.15, 0.35, n)
    fate = random.random(n)
    cancelled, lost = fate < 0.02, (fate >= 0.02) & (fate < 0.03)
    gone = cancelled | lost
    price = np.round(np.exp(random.normal(4, 0.8, n)), 2)
    frame = pd.DataFrame(
        {
            "order_id": [f"o{number:06d}" for number in range(n)],
            "placed_at": placed,
            "promised_at": placed + pd.to_timedelta(promise, "D"),
            "approved_known_at": approved,
            "paid_known_at": approved,
            "handed_over_at": pd.Series(handed).mask(gone),
            "delivered_at": pd.Series(delivered).mask(gone),
            "cancelled_known_at": pd.Series(approved + pd.Timedelta(days=2)).where(cancelled),
            "seller": [f"s{one}" for one in seller],
            "region": [f"r{one}" for one in region],
            "postal_area": [f"{one}{other}" for one, other in zip(region, seller % 3, strict=True)],
            "carrier": [f"c{one}" for one in carrier],
            "category": random.choice(["toys", "books", "tools"], n),
            "payment_method": random.choice(["card", "voucher"], n),
            "items": random.integers(1, 4, n),
            "sellers": 1,
            "price": price,
            "freight": np.round(5 + 0.02 * distance, 2),
            "weight_kg": random.gamma(2.0, 1.0, n),
            "volume_l": np.nan,
            "distance_km": distance,
            "installments": random.integers(1, 10, n),
            "paid_value": price,
        }
    )
    # Known an hour after it happened.
    for name in ("handed_over", "delivered"):
        frame[f"{name}_known_at"] = frame[f"{name}_at"] + pd.Timedelta(hours=1)
    return Marketplace(frame, _tracking(frame), pd.Series(truth, index=frame["order_id"]))


def _tracking(frame: pd.DataFrame) -> pd.DataFrame:
    sent = frame[frame["handed_over_at"].notna()]
    parts = []
    for kind, share in (("handed_over", 0.0), ("in_transit", 0.4), ("out_for_delivery", 0.9)):
        at = sent["handed_over_at"] + (sent["delivered_at"] - sent["handed_over_at"]) * share
        parts.append(pd.DataFrame({"order_id": sent["order_id"], "type": kind, "occurred_at": at}))
    made = pd.concat(parts, ignore_index=True)
    return made.assign(available_at=made["occurred_at"] + pd.Timedelta(hours=1))


def _erfc(values: np.ndarray) -> np.ndarray:
    from scipy.special import erfc

    return np.asarray(erfc(values))
