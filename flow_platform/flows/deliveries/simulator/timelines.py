"""Whole orders, made of their draws: what is bought, what is promised, and when things happen.

How long handling and transit take is in `network.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.simulator.draws import Draws, chosen
from flow_platform.flows.deliveries.simulator.network import Chance, Known, Network, Outcome
from flow_platform.flows.deliveries.simulator.parameters import (
    APPROVAL,
    CANCELLED,
    CARRIER_CHANGED,
    CARRIERS,
    CATEGORIES,
    CATEGORY_SHARES,
    COHORT,
    CUSTOMER_KINDS,
    DAY_SECONDS,
    FAR_PROMISED,
    HOURS,
    INCIDENT_KINDS,
    KIND_OF,
    LITRES_A_KG,
    METHOD_SHARES,
    METHODS,
    MILESTONES,
    ORDER_RATES,
    PRICES,
    PROMISE,
    PROMISED_AGAIN,
    QUARTER_DAYS,
    REGION_MIDDLES,
    REGION_ROADS,
    REGIONS,
    REMOTENESS,
    RETURNED,
    SCANS,
    USUAL_DAYS,
    VALUE,
    WEIGHTS,
)

_CUSTOMER_RATES = np.cumsum(ORDER_RATES.ravel())


def simulate_timelines(draws: Draws, network: Network) -> pd.DataFrame:
    """The orders of these draws and all that happens to them, as `Marketplace.orders` has them."""
    placed = _placed(draws)
    purchase = _purchases(draws, network)
    payment = _payments(draws, placed)
    promise = _promises(draws, placed, purchase, payment, network)
    known = Known(
        placed,
        payment.approved,
        promise.promised,
        draws.region,
        purchase.seller,
        promise.carrier,
        purchase.km,
        purchase.weight,
        purchase.category,
    )
    chance = Chance(
        draws.normal["handling"],
        draws.normal["transit"],
        draws.uniform["incident"],
        draws.normal["incident"],
        draws.uniform["readdressed"],
        network.slow(known),
    )
    outcome = network.outcome(known, chance)
    columns = _facts(draws, purchase, payment, known)
    columns |= _milestones(draws, known, promise, outcome)
    columns["_offset"] = draws.offset
    columns |= {
        f"_lag_{name}": _lags(draws.uniform[f"lag_{name}"], name in SCANS) for name in MILESTONES
    }
    return pd.DataFrame(columns).assign(**known.columns())


@dataclass(frozen=True)
class _Purchase:
    """Who buys what from whom, over which distance; positions, km, kg and the currency."""

    cohort: np.ndarray
    customer: np.ndarray
    seller: np.ndarray
    category: np.ndarray
    items: np.ndarray
    price: np.ndarray
    weight: np.ndarray
    km: np.ndarray
    freight: np.ndarray


@dataclass(frozen=True)
class _Payment:
    """The method, the moment of the approval (local days), and whether approvals are slow."""

    method: np.ndarray
    installments: np.ndarray
    approved: np.ndarray
    is_slow: np.ndarray


@dataclass(frozen=True)
class _Promise:
    """Carrier and promised moment (local days), at first and at approval."""

    first_carrier: np.ndarray
    first_promised: np.ndarray
    is_changed: np.ndarray
    carrier: np.ndarray
    promised: np.ndarray


def _placed(draws: Draws) -> np.ndarray:
    """Local moments of placing, within the UTC day, by the hours in which people order."""
    hour = np.zeros(len(draws.day), dtype="i8")
    for offset in np.unique(draws.offset):
        own = draws.offset == offset
        chances = np.cumsum(np.roll(HOURS, -round(offset * 24)))
        hour[own] = chosen(chances, draws.uniform["hour"][own])
    seconds = hour * 3600 + np.floor(draws.uniform["second"] * 3600)
    return np.asarray(draws.day + seconds / DAY_SECONDS + draws.offset)


def _purchases(draws: Draws, network: Network) -> _Purchase:
    u, z = draws.uniform, draws.normal
    # The customer: the age of the cohort, and the place there.
    age, customer = np.divmod(chosen(_CUSTOMER_RATES, u["customer"]), COHORT)
    seller = chosen(network.seller_sizes, u["seller"])
    own = u["category"] < 0.75
    other = chosen(np.cumsum(CATEGORY_SHARES), u["category"] * 4 % 1)
    category = np.where(own, network.seller_category[seller], other)
    items = 1 + (u["items"] > 0.86) + (u["items"] > 0.97)
    price = np.round(PRICES[category] * VALUE[customer] * np.exp(0.45 * z["price"]) * items, 2)
    weight = np.round(WEIGHTS[category] * np.exp(0.35 * z["weight"]) * items, 3)
    between = REGION_MIDDLES[network.seller_region[seller]] - REGION_MIDDLES[draws.region]
    straight = np.hypot(*between.T)
    km = np.round((40 + 1.25 * straight) * REMOTENESS[customer] * np.exp(0.3 * z["distance"]), 1)
    freight = np.round(4 + 0.012 * km + 0.6 * weight * np.exp(0.1 * z["freight"]), 2)
    cohort = draws.day // QUARTER_DAYS - age
    return _Purchase(cohort, customer, seller, category, items, price, weight, km, freight)


def _payments(draws: Draws, placed: np.ndarray) -> _Payment:
    u = draws.uniform
    method = chosen(np.cumsum(METHOD_SHARES), u["method"])
    median, spread = (values[method] for values in APPROVAL)
    waited = np.maximum(median * np.exp(spread * draws.normal["approval"]), 60 / DAY_SECONDS)
    installments = np.where(method == 0, 1 + np.floor(u["installments"] ** 3 * 10), 1)
    return _Payment(method, installments, placed + waited, median > 0.5)


def _promises(
    draws: Draws, placed: np.ndarray, purchase: _Purchase, payment: _Payment, network: Network
) -> _Promise:
    """Promises by the usual days of carrier and road.

    The marketplace looks neither at what it sends nor at its sellers, at seasons or slow
    fortnights, and underestimates far roads.
    """
    carrier = network.seller_carrier[purchase.seller]
    added, factor = PROMISE
    road_days = USUAL_DAYS[carrier] * (purchase.km / 300) ** FAR_PROMISED
    road_days = road_days * REGION_ROADS[draws.region]
    days = np.ceil(added + factor * road_days + 0.4 * payment.is_slow)
    first_promised = np.floor(placed) + days + 1
    # While an order waits for its payment, another carrier may be found for it.
    waited = payment.approved - placed > 0.25
    is_changed = waited & (draws.uniform["recarried"] < CARRIER_CHANGED * 0.25)
    return _Promise(
        carrier,
        first_promised,
        is_changed,
        np.where(is_changed, (carrier + 1) % len(CARRIERS), carrier),
        first_promised + np.where(is_changed, 1, 0),
    )


def _named(names: tuple[str, ...], position: np.ndarray) -> np.ndarray:
    return np.array(names, dtype=object)[position]


def _facts(draws: Draws, purchase: _Purchase, payment: _Payment, known: Known) -> dict[str, object]:
    """The columns that say what an order is: not when things happen to it."""
    regions = _named(REGIONS, draws.region)
    stamp = draws.day.astype("M8[D]").astype(str)
    order_id = [
        f"S{one[2:4]}{one[5:7]}{one[8:]}-{where}{count:03d}"
        for one, where, count in zip(stamp, draws.region, draws.number, strict=True)
    ]
    return {
        "order_id": pd.Series(order_id, dtype=object),
        "centre_id": regions,
        "day": draws.day.astype("M8[D]").astype("M8[us]"),
        "customer_id": [
            f"{one}-{of}-{who:03d}"
            for one, of, who in zip(regions, purchase.cohort, purchase.customer, strict=True)
        ],
        "customer_kind": _named(CUSTOMER_KINDS, KIND_OF[purchase.customer]),
        "seller": [f"seller-{one:02d}" for one in purchase.seller],
        "carrier": _named(CARRIERS, known.carrier),
        "category": _named(CATEGORIES, purchase.category),
        "items": purchase.items,
        "price": purchase.price,
        "freight": purchase.freight,
        "weight_kg": purchase.weight,
        "volume_l": np.round(purchase.weight * LITRES_A_KG[purchase.category], 2),
        "distance_km": purchase.km,
        "method": _named(METHODS, payment.method),
        "installments": payment.installments.astype("i8"),
        "postal_code": [
            f"{100 + where * 50 + int(p * 50)}{int(p * 9000) % 90 + 10}"
            for where, p in zip(draws.region, draws.uniform["postal"], strict=True)
        ],
    }


def _milestones(
    draws: Draws, known: Known, promise: _Promise, outcome: Outcome
) -> dict[str, object]:
    """The columns that say when things happen to an order (UTC, NaT: never), and their details."""
    u = draws.uniform
    placed, approved = known.placed, known.approved
    handed, delivered = outcome.handed_over, outcome.delivered
    ends = np.minimum(handed - 120 / DAY_SECONDS, placed + 4)
    earliest = 600 / DAY_SECONDS
    cancelled = placed + earliest + u["cancelled_at"] * (ends - placed - earliest)
    is_cancelled = (u["cancelled"] < CANCELLED) & (cancelled > placed)
    is_approved = ~is_cancelled | (approved < cancelled)
    goes = ~is_cancelled
    on_road = delivered - handed
    scans = np.where(on_road > 3, 2, 1) - (u["scans"] < 0.1)

    def moment(at: np.ndarray, happens: np.ndarray | bool = True) -> pd.DatetimeIndex:
        seconds = np.rint((at - draws.offset) * DAY_SECONDS).astype("i8")
        found = seconds.astype("M8[s]").astype("M8[us]")
        found[~np.broadcast_to(happens, found.shape)] = np.datetime64("NaT")
        return pd.DatetimeIndex(found).tz_localize("UTC")

    return {
        "placed_at": moment(placed),
        "paid_at": moment(placed + 0.9 * (approved - placed), is_approved),
        "approved_at": moment(approved, is_approved),
        "handed_over_at": moment(handed, goes),
        "left_at": moment(handed + 0.15 * on_road, goes & (scans > 0)),
        "passed_at": moment(handed + 0.55 * on_road, goes & (scans > 1)),
        "out_for_delivery_at": moment(
            np.maximum(delivered - (0.05 + 0.2 * u["split"]), handed + 0.9 * on_road), goes
        ),
        "delivered_at": moment(delivered, goes),
        "cancelled_at": moment(cancelled, is_cancelled),
        "returned_at": moment(delivered + 2 + 9 * u["kind"], goes & (u["returned"] < RETURNED)),
        "promised_at": moment(promise.promised),
        "first_promised_at": moment(promise.first_promised),
        "first_carrier": _named(CARRIERS, promise.first_carrier),
        "recarried_at": moment(
            placed + 0.6 * (approved - placed), promise.is_changed & is_approved
        ),
        "repromised_at": moment(handed + 0.5 * on_road, goes & (u["repromised"] < PROMISED_AGAIN)),
        "repromise_days": 2 + np.floor(4 * u["split"]),
        "readdressed_at": moment(
            approved + u["readdressed_at"] * (delivered - 0.3 - approved),
            outcome.is_readdressed & goes & (delivered - approved > 0.5),
        ),
        "opened_at": moment(handed + 0.45 * on_road, outcome.has_incident & goes),
        "resolved_at": moment(
            handed + np.where(u["scans"] < 0.8, 0.9, 1.1) * on_road, outcome.has_incident & goes
        ),
        "incident_kind": _named(
            INCIDENT_KINDS, np.minimum(np.floor(u["kind"] * 4), 3).astype("i8")
        ),
    }


def _lags(uniform: np.ndarray, is_scan: bool) -> np.ndarray:
    """Seconds until an event is known: mostly under a minute or two, rarely hours."""
    share, longest = (0.92, 30 * 3600) if is_scan else (0.985, 2 * 3600)
    quick = -40 * np.log1p(-np.minimum(uniform / share, 0.999))
    slow = 300 + (uniform - share) / (1 - share) * longest
    return np.asarray(np.rint(np.where(uniform < share, quick, slow)).astype("i8"))
