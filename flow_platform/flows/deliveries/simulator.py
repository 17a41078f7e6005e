"""The simulated marketplace: eight regions, sellers, carriers, customers, and orders on their way.

Any (region, day) can be made alone, in any order, and is always the same: it has one random stream,
keyed by the seed, the region and the day of placing, which all events of an order belong to. The
marketplace knows the true probability that an order will be late. It writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.sources.centres import Centre
from flow_platform.sources.public_holidays import public_holidays, weekend

SOURCE = "simulated"
# Mean number of orders of an average region on an average day.
ORDERS_A_DAY = 20.0

# Region: km east and north of the middle of the country, share of an average region's orders, and
# how long its roads take against the usual.
_REGIONS: dict[str, tuple[float, float, float, float]] = {
    "Ashfell": (0.0, 0.0, 1.9, 0.90),
    "Brackwater": (220.0, -90.0, 1.4, 0.95),
    "Corran": (-180.0, 140.0, 1.2, 1.00),
    "Dunmere": (90.0, 310.0, 0.9, 1.05),
    "Eastholt": (480.0, 60.0, 0.9, 1.05),
    "Fennmark": (-390.0, -210.0, 0.7, 1.15),
    "Graywold": (260.0, -520.0, 0.6, 1.20),
    "Highmoor": (-150.0, 690.0, 0.4, 1.35),
}
REGIONS = tuple(_REGIONS)
_SHARES = np.array([one[2] for one in _REGIONS.values()])
_ROADS = np.array([one[3] for one in _REGIONS.values()])

# Carrier: usual days over 300 km, share of the sellers that use it, chance of an incident.
_CARRIERS: dict[str, tuple[float, float, float]] = {
    "Arrowline": (2.6, 0.35, 0.030),
    "Bluecart": (3.4, 0.30, 0.045),
    "Courier North": (2.1, 0.15, 0.020),
    "Dray & Sons": (4.3, 0.20, 0.070),
}
CARRIERS = tuple(_CARRIERS)
_USUAL_DAYS = np.array([one[0] for one in _CARRIERS.values()])
_INCIDENTS = np.array([one[2] for one in _CARRIERS.values()])

# Category: price of a usual item, its weight in kg, litres a kg, share of orders, and how long it
# takes to make one ready against the usual.
_CATEGORIES: dict[str, tuple[float, float, float, float, float]] = {
    "books": (18.0, 0.5, 2.0, 0.16, 0.7),
    "beauty": (32.0, 0.4, 4.0, 0.18, 0.8),
    "electronics": (140.0, 1.1, 5.0, 0.13, 1.0),
    "fashion": (48.0, 0.6, 7.0, 0.18, 0.9),
    "furniture": (210.0, 18.0, 9.0, 0.07, 1.7),
    "garden": (60.0, 6.0, 6.0, 0.08, 1.5),
    "sports": (75.0, 2.5, 7.0, 0.09, 1.1),
    "toys": (35.0, 1.2, 8.0, 0.11, 0.9),
}
CATEGORIES = tuple(_CATEGORIES)
_PRICES, _WEIGHTS, _BULK, _CATEGORY_SHARES, _MAKING = (
    np.array([one[place] for one in _CATEGORIES.values()]) for place in range(5)
)
_METHODS = ("card", "transfer", "wallet")
_METHOD_SHARES = np.array([0.62, 0.25, 0.13])
# Days from placing to approval: median and spread (logarithm) of each method.
_APPROVAL = np.array([0.012, 1.1, 0.001]), np.array([0.7, 0.45, 0.4])
_INCIDENT_KINDS = ("address_not_found", "damaged_parcel", "missed_delivery", "sorting_error")

# Few enough for each to show its ways within weeks.
_SELLERS = 24
# Customers who join in a region in a quarter of a year, by what kind they are, how often each
# orders in the quarters after joining, what the orders cost, and how far from the road they live.
_QUARTER, _AGES = 91, 8
_KINDS: tuple[tuple[str, int, tuple[float, ...], float, float], ...] = (
    ("loyal", 24, (3.0,) * 8, 1.0, 1.0),
    ("valued", 16, (1.6,) * 8, 4.0, 1.0),
    ("occasional", 64, (0.5,) * 8, 1.0, 1.0),
    ("fading", 32, (4.0, 0, 0, 0, 0, 0, 0, 0), 0.8, 1.0),
    # Of these many orders come late, and they stay away after three quarters.
    ("remote", 24, (2.0, 2.0, 2.0, 0, 0, 0, 0, 0), 1.0, 2.6),
)
_COHORT = sum(kind[1] for kind in _KINDS)
CUSTOMER_KINDS = tuple(kind[0] for kind in _KINDS)
_KIND = np.repeat(np.arange(len(_KINDS)), [kind[1] for kind in _KINDS])
_VALUE = np.array([kind[3] for kind in _KINDS])[_KIND]
_REMOTENESS = np.array([kind[4] for kind in _KINDS])[_KIND]
_FIRST_NAMES = "Ada Ben Cleo Dario Elif Femi Greta Hugo Ines Jonas Kira Liam Mara Noor Otto Pia"
_LAST_NAMES = "Abel Brandt Costa Dubois Evans Ferreira Garcia Haas Ito Jansen Kaya Lopes Moreau"
_NAMES = tuple(_FIRST_NAMES.split()), tuple(_LAST_NAMES.split())

# Standard deviations (logarithm) of handling and transit about their expectation: what nobody can
# know when an order is approved.
NOISE_HANDLING, NOISE_TRANSIT = 0.6, 0.4
# How the days of the road grow with its km, and how promises believe they do.
_FAR, _FAR_PROMISED = 0.6, 0.35
_CUT_OFF_HOUR = 15 / 24
# How cautious promises are: days added, and the factor on the usual days of the road.
_PROMISE = 4.7, 1.4
_CANCELLED, _READDRESSED, _REPROMISED, _RECARRIED, _RETURNED = 0.025, 0.015, 0.03, 0.25, 0.02

_HOURS = np.array(
    [1, 0.5, 0.3, 0.3, 0.3, 0.5, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 6, 4, 2]
)
_WEEKDAYS = np.array([1.15, 1.1, 1.05, 1.0, 0.98, 0.85, 0.87])

# What is known of an order when it is approved, and moves how long it takes.
_KNOWN = (
    "_placed",
    "_approved",
    "_promised",
    "_region",
    "_seller",
    "_carrier",
    "_km",
    "_weight",
    "_category",
)
_ORIGIN, _END = date(2004, 1, 1), date(2041, 1, 1)
_EPOCH = date(1970, 1, 1)
_FIRST_ORDINAL = (_ORIGIN - _EPOCH).days
# Fortnights in which a carrier is slow in a region, by what factor at least and at most. Nobody can
# know at approval that one is in force, and they are too weak to be most of what is late.
_SPELL_DAYS, _SPELL_CHANCE, _SPELL_FACTORS = 14, 0.10, (1.08, 1.20)
_SECONDS = 86_400
_DRAWS = 512

# What happens to an order, in the order in which events of one second are told.
_MOMENTS = (
    "placed",
    "paid",
    "recarried",
    "approved",
    "handed_over",
    "left",
    "passed",
    "repromised",
    "readdressed",
    "opened",
    "out_for_delivery",
    "delivered",
    "resolved",
    "returned",
    "cancelled",
)
# Scans of parcels are told late more often than orders, and later.
_SCANS = ("handed_over", "left", "passed", "out_for_delivery", "delivered", "returned")
# Columns of uniform and of normal numbers that each order draws, in this order.
_UNIFORM = (
    "hour",
    "second",
    "customer",
    "seller",
    "category",
    "items",
    "method",
    "incident",
    "readdressed",
    "readdressed_at",
    "repromised",
    "recarried",
    "cancelled",
    "cancelled_at",
    "returned",
    "kind",
    "scans",
    "split",
    "postal",
    "installments",
    *(f"lag_{name}" for name in _MOMENTS),
)
_NORMAL = ("approval", "price", "weight", "distance", "handling", "transit", "incident", "freight")


@dataclass(frozen=True, slots=True)
class SimulatedEvent:
    """One event as a topic bears it: its JSON object, and when it became known (UTC)."""

    topic: str
    order_id: str
    body: dict[str, Any]
    available_at: datetime


@dataclass(frozen=True)
class _Days:
    """What is known of each day since _ORIGIN: the next day of work and of deliveries at or after
    it (days since 1970), and how busy it is: orders, handling and roads against a usual day.
    """

    working: np.ndarray
    delivering: np.ndarray
    orders: np.ndarray
    handling: np.ndarray
    roads: np.ndarray


@lru_cache(maxsize=8)
def _days(country: str | None) -> _Days:
    days = pd.date_range(_ORIGIN, _END, freq="D")
    holidays = public_holidays(country, None, _ORIGIN.year, _END.year)
    is_holiday = np.array([day.date() in holidays for day in days])
    weekday = days.day_of_week.to_numpy()
    works = ~is_holiday & ~np.isin(weekday, list(weekend(country)))
    delivers = ~is_holiday & (weekday != 6)
    # The week that begins with the fourth Friday of November, and the weeks before Christmas.
    friday = np.array([_rush(day.year) for day in days])
    ordinal = np.arange(len(days)) + _FIRST_ORDINAL
    since = ordinal - friday
    rush, gifts = (since >= 0) & (since < 7), (days.month == 12) & (days.day >= 8)
    gifts &= days.day <= 22
    season = 1 + 0.12 * np.sin(2 * np.pi * (days.day_of_year.to_numpy() - 230) / 365.25)
    winter = 1 + 0.03 * np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 20) / 365.25)
    return _Days(
        _next_true(works, ordinal),
        _next_true(delivers, ordinal),
        season * _WEEKDAYS[weekday] * np.where(rush, 2.3, 1.0) * np.where(gifts, 1.35, 1.0),
        np.where(rush, 1.2, 1.0) * np.where(gifts, 1.1, 1.0),
        winter * np.where(rush | ((since >= 7) & (since < 12)), 1.06, 1.0),
    )


@lru_cache(maxsize=64)
def _rush(year: int) -> int:
    first = date(year, 11, 1)
    friday = first + timedelta(days=(4 - first.weekday()) % 7 + 21)
    return (friday - _EPOCH).days


def _next_true(flags: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
    """For each day the first flagged day at or after it."""
    marked = np.where(flags, ordinal, np.iinfo("i8").max)
    return np.minimum.accumulate(marked[::-1])[::-1]


def _stream(*parts: object) -> np.random.Generator:
    text = "\x1f".join(str(part) for part in parts)
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
    return np.random.Generator(np.random.Philox(key=key))


def _chosen(cumulated: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    found = np.searchsorted(cumulated, uniform * cumulated[-1], side="right")
    return np.minimum(found, len(cumulated) - 1)


def _dealt(shares: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """What falls to each of so many, so that each share is met: no seed makes another world."""
    return _chosen(np.cumsum(shares), (turn + 0.5) / len(turn))


def _opened(days: np.ndarray, at: np.ndarray, opens: float, closes: float) -> np.ndarray:
    """Moments (days since 1970, local) moved to the next day of `days`, within opening hours."""
    day = np.floor(at)
    found = days[day.astype("i8") - _FIRST_ORDINAL]
    return np.asarray(found + opens + (at - day) * (closes - opens))


class Marketplace:
    """The marketplace, on the clock and with the holidays of a place.

    `orders_a_day` is the mean of an average region and day; some regions have twice as many.
    """

    def __init__(self, place: Centre, seed: int, orders_a_day: float = ORDERS_A_DAY) -> None:
        self.place, self.seed, self.orders_a_day = place, seed, orders_a_day
        self._zone = ZoneInfo(place.timezone)
        self._days = _days(place.country)
        draw = _stream(seed, "marketplace")
        shape = (len(CARRIERS), len(REGIONS))
        # What each carrier makes of each region, and each seller of its orders: lasting.
        self._carrier_region = np.exp(draw.normal(0, 0.10, shape))
        ways = draw.normal(0.0, 0.12, _SELLERS)
        self._seller_region, self._seller_carrier, self._seller_category = (
            _dealt(np.asarray(shares), draw.permutation(_SELLERS))
            for shares in (_SHARES, [one[1] for one in _CARRIERS.values()], _CATEGORY_SHARES)
        )
        sizes = 1 / (1 + 0.12 * np.arange(_SELLERS))
        self._seller_size = np.cumsum(sizes)
        # The large are quicker.
        self._seller_days = np.exp(ways) * (sizes / sizes.mean()) ** -0.4
        fortnights = (_END - _ORIGIN).days // _SPELL_DAYS + 1
        self._spells = _spell(draw.random((*shape, fortnights)))
        # By age (in quarters) and place in the cohort, row after row.
        self._customer_chances = np.cumsum(np.hstack([_by_age(kind) for kind in _KINDS]).ravel())

    @property
    def regions(self) -> tuple[str, ...]:
        """Its regions, in the order of their partitions."""
        return REGIONS

    # -- orders ------------------------------------------------------------------------------

    def orders(
        self, first_day: date, last_day: date, regions: Sequence[str] = REGIONS
    ) -> pd.DataFrame:
        """The orders placed on the UTC days in the regions, whole lives, by day and region.

        Moments (UTC, whole seconds): placed_at, approved_at, handed_over_at, delivered_at,
        promised_at (as known at approval) and others, NaT for what never happens. What events do
        not tell is here too; columns that begin with an underscore are for this module alone.
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
        return self._lived(np.concatenate(parts))

    def _drawn(self, day: date, region: int) -> np.ndarray:
        """The random numbers of the orders of one region and day, and which they are."""
        draw = _stream(self.seed, "deliveries", REGIONS[region], day)
        ordinal = (day - _EPOCH).days
        busy = self._days.orders[ordinal - _FIRST_ORDINAL]
        mean = self.orders_a_day * busy * _SHARES[region] / _SHARES.mean()
        count = int(draw.poisson(mean))
        rows = np.empty((count, 4 + len(_UNIFORM) + len(_NORMAL)))
        rows[:, 0], rows[:, 1], rows[:, 2] = ordinal, region, np.arange(1, count + 1)
        rows[:, 3] = self._offset(day)
        rows[:, 4 : 4 + len(_UNIFORM)] = draw.random((count, len(_UNIFORM)))
        rows[:, 4 + len(_UNIFORM) :] = draw.standard_normal((count, len(_NORMAL)))
        return rows

    def _offset(self, day: date) -> float:
        """The place's offset from UTC at noon, in days; an order keeps that of its day."""
        offset = datetime.combine(day, time(12), UTC).astimezone(self._zone).utcoffset()
        assert offset is not None
        return offset.total_seconds() / _SECONDS

    def _lived(self, rows: np.ndarray) -> pd.DataFrame:
        day, region = rows[:, 0].astype("i8"), rows[:, 1].astype("i8")
        number, offset = rows[:, 2].astype("i8"), rows[:, 3]
        u = dict(zip(_UNIFORM, rows[:, 4 : 4 + len(_UNIFORM)].T, strict=True))
        z = dict(zip(_NORMAL, rows[:, 4 + len(_UNIFORM) :].T, strict=True))

        hour = np.zeros(len(rows), dtype="i8")
        for shift in np.unique(offset):
            chosen = offset == shift
            chances = np.cumsum(np.roll(_HOURS, -round(shift * 24)))
            hour[chosen] = _chosen(chances, u["hour"][chosen])
        placed = day + (hour * 3600 + np.floor(u["second"] * 3600)) / _SECONDS + offset

        # The customer: the age of its cohort, and its place there.
        age, place = np.divmod(_chosen(self._customer_chances, u["customer"]), _COHORT)
        cohort = day // _QUARTER - age
        seller = _chosen(self._seller_size, u["seller"])
        carrier = self._seller_carrier[seller]
        own = u["category"] < 0.75
        other = _chosen(np.cumsum(_CATEGORY_SHARES), u["category"] * 4 % 1)
        category = np.where(own, self._seller_category[seller], other)
        items = 1 + (u["items"] > 0.86) + (u["items"] > 0.97)
        price = np.round(_PRICES[category] * _VALUE[place] * np.exp(0.45 * z["price"]) * items, 2)
        weight = np.round(_WEIGHTS[category] * np.exp(0.35 * z["weight"]) * items, 3)
        middles = np.array([one[:2] for one in _REGIONS.values()])
        straight = np.hypot(*(middles[self._seller_region[seller]] - middles[region]).T)
        km = np.round((40 + 1.25 * straight) * _REMOTENESS[place] * np.exp(0.3 * z["distance"]), 1)
        freight = np.round(4 + 0.012 * km + 0.6 * weight * np.exp(0.1 * z["freight"]), 2)

        method = _chosen(np.cumsum(_METHOD_SHARES), u["method"])
        median, spread = (values[method] for values in _APPROVAL)
        approved = placed + np.maximum(median * np.exp(spread * z["approval"]), 60 / _SECONDS)

        # The promise: by the usual days of carrier and road. The marketplace does not look at what
        # it sends nor at its sellers' ways, at seasons or spells, and takes far roads too lightly.
        added, factor = _PROMISE
        road_days = _USUAL_DAYS[carrier] * (km / 300) ** _FAR_PROMISED * _ROADS[region]
        promised_days = np.ceil(added + factor * road_days + 0.4 * (median > 0.5))
        promised_first = np.floor(placed) + promised_days + 1
        # While an order waits for its payment, another carrier may be found for it.
        recarried = (approved - placed > 0.25) & (u["recarried"] < _RECARRIED * 0.25)
        first_carrier = carrier
        carrier = np.where(recarried, (carrier + 1) % len(CARRIERS), carrier)
        promised = promised_first + np.where(recarried, 1, 0)

        known = {
            "_placed": placed,
            "_approved": approved,
            "_promised": promised,
            "_region": region,
            "_seller": seller,
            "_carrier": carrier,
            "_km": km,
            "_weight": weight,
            "_category": category,
        }
        fortnight = (np.floor(approved).astype("i8") - _FIRST_ORDINAL) // _SPELL_DAYS
        life = self._outcome(
            known,
            z["handling"],
            z["transit"],
            u["incident"],
            z["incident"],
            u["readdressed"],
            self._spells[carrier, region, fortnight],
        )
        handed, delivered = life["handed_over"], life["delivered"]
        ends = np.minimum(handed - 120 / _SECONDS, placed + 4)
        cancelled = placed + 600 / _SECONDS + u["cancelled_at"] * (ends - placed - 600 / _SECONDS)
        is_cancelled = (u["cancelled"] < _CANCELLED) & (cancelled > placed)
        is_approved = ~is_cancelled | (approved < cancelled)
        goes = ~is_cancelled
        on_road = delivered - handed
        repromised = goes & (u["repromised"] < _REPROMISED)
        returned = goes & (u["returned"] < _RETURNED)
        installments = np.where(method == 0, 1 + np.floor(u["installments"] ** 3 * 10), 1)

        scans = np.where(on_road > 3, 2, 1) - (u["scans"] < 0.1)

        def moment(at: np.ndarray, happens: np.ndarray | bool = True) -> pd.DatetimeIndex:
            seconds = np.rint((at - offset) * _SECONDS).astype("i8")
            found = seconds.astype("M8[s]").astype("M8[us]")
            found[~np.broadcast_to(happens, found.shape)] = np.datetime64("NaT")
            return pd.DatetimeIndex(found).tz_localize("UTC")

        names = np.array(REGIONS, dtype=object)
        stamp = day.astype("M8[D]").astype(str)
        order_id = [
            f"S{one[2:4]}{one[5:7]}{one[8:]}-{where}{count:03d}"
            for one, where, count in zip(stamp, region, number, strict=True)
        ]
        frame = pd.DataFrame(
            {
                "order_id": pd.Series(order_id, dtype=object),
                "centre_id": names[region],
                "day": day.astype("M8[D]").astype("M8[us]"),
                "customer_id": [
                    f"{one}-{of}-{who:03d}"
                    for one, of, who in zip(names[region], cohort, place, strict=True)
                ],
                "customer_kind": np.array(CUSTOMER_KINDS, dtype=object)[_KIND[place]],
                "seller": [f"seller-{one:02d}" for one in seller],
                "carrier": np.array(CARRIERS, dtype=object)[carrier],
                "category": np.array(CATEGORIES, dtype=object)[category],
                "items": items,
                "price": price,
                "freight": freight,
                "weight_kg": weight,
                "volume_l": np.round(weight * _BULK[category], 2),
                "distance_km": km,
                "method": np.array(_METHODS, dtype=object)[method],
                "installments": installments.astype("i8"),
                "postal_code": [
                    f"{100 + where * 50 + int(p * 50)}{int(p * 9000) % 90 + 10}"
                    for where, p in zip(region, u["postal"], strict=True)
                ],
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
                "returned_at": moment(delivered + 2 + 9 * u["kind"], returned),
                "promised_at": moment(promised),
                "first_promised_at": moment(promised_first),
                "first_carrier": np.array(CARRIERS, dtype=object)[first_carrier],
                "recarried_at": moment(placed + 0.6 * (approved - placed), recarried & is_approved),
                "repromised_at": moment(handed + 0.5 * on_road, repromised),
                "repromise_days": 2 + np.floor(4 * u["split"]),
                "readdressed_at": moment(
                    approved + u["readdressed_at"] * (delivered - 0.3 - approved),
                    life["readdressed"] & goes & (delivered - approved > 0.5),
                ),
                "opened_at": moment(handed + 0.45 * on_road, life["incident"] & goes),
                "resolved_at": moment(
                    handed + np.where(u["scans"] < 0.8, 0.9, 1.1) * on_road, life["incident"] & goes
                ),
                "incident_kind": np.array(_INCIDENT_KINDS, dtype=object)[
                    np.minimum(np.floor(u["kind"] * 4), 3).astype("i8")
                ],
                "_offset": offset,
                **{f"_lag_{name}": _lags(u[f"lag_{name}"], name in _SCANS) for name in _MOMENTS},
            }
        )
        return frame.assign(**known)

    # -- how long it takes -------------------------------------------------------------------

    def _outcome(
        self,
        known: Mapping[str, np.ndarray],
        handling: np.ndarray,
        transit: np.ndarray,
        incident: np.ndarray,
        incident_days: np.ndarray,
        readdressed: np.ndarray,
        spells: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """When orders are handed over and delivered (local days), given what chance brings.

        What is known is what an order says of itself at approval. Chance: `handling`, `transit` and
        `incident_days` are normal, `incident` and `readdressed` uniform, `spells` factors.
        """
        approved, carrier, region = known["_approved"], known["_carrier"], known["_region"]
        day = np.floor(approved)
        at = day.astype("i8") - _FIRST_ORDINAL
        is_late = approved - day > _CUT_OFF_HOUR
        begins = self._days.working[at + is_late]
        start = np.where(begins == day, approved, begins + 8 / 24)
        took = 0.9 * self._seller_days[known["_seller"]] * self._days.handling[at]
        took = took * _MAKING[known["_category"]] * (1 + 0.02 * np.minimum(known["_weight"], 30))
        took = took * np.exp(NOISE_HANDLING * handling - NOISE_HANDLING**2 / 2)
        handed = _opened(self._days.working, start + took, 9 / 24, 18 / 24)
        handed = np.maximum(handed, start + 900 / _SECONDS)

        road = _USUAL_DAYS[carrier] * (known["_km"] / 300) ** _FAR * _ROADS[region]
        road = road * self._carrier_region[carrier, region] * self._days.roads[at]
        road = road * spells * np.exp(NOISE_TRANSIT * transit - NOISE_TRANSIT**2 / 2)
        # A parcel that is hard to handle is slower too, and one for a wrong address comes later.
        has_incident = incident < _INCIDENTS[carrier]
        road = road + np.where(has_incident, 2.5 * np.exp(0.5 * incident_days), 0.0)
        is_readdressed = readdressed < _READDRESSED
        road = road + np.where(is_readdressed, 1.5, 0.0)
        delivered = _opened(self._days.delivering, handed + road, 8 / 24, 20 / 24)
        delivered = np.maximum(delivered, handed + 3 / 24)
        return {
            "handed_over": handed,
            "delivered": delivered,
            "incident": has_incident,
            "readdressed": is_readdressed,
        }

    def true_late_probability(self, orders: pd.DataFrame) -> pd.DataFrame:
        """What whoever knew the marketplace's ways would say of orders when they are approved.

        Columns order_id, true_probability (delivered after promised_at), true_mean_days and
        true_median_days (from placing to delivery). By 512 quasi-random draws of what nobody can
        know then: handling, transit, incidents, wrong addresses, whether a spell is in force (Sobol
        1967, scrambled); the standard error of a probability is below 0.01. Known are an order's
        own facts, the calendar and its load, and the lasting ways of sellers and carriers, which
        all past orders show. `orders` as `orders` returns them.
        """
        chance = _chance()
        parts = []
        for start in range(0, len(orders), 2000):
            some = orders.iloc[start : start + 2000]
            known = {
                name: some[name].to_numpy()[:, None] for name in some.columns if name in _KNOWN
            }
            life = self._outcome(known, *chance)
            days = life["delivered"] - known["_placed"]
            parts.append(
                pd.DataFrame(
                    {
                        "order_id": some["order_id"].to_numpy(),
                        "true_probability": (life["delivered"] > known["_promised"]).mean(axis=1),
                        "true_mean_days": days.mean(axis=1),
                        "true_median_days": np.median(days, axis=1),
                    }
                )
            )
        columns = ["order_id", "true_probability", "true_mean_days", "true_median_days"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    # -- events ------------------------------------------------------------------------------

    def events(
        self, orders: pd.DataFrame, *, with_persons: bool = False
    ) -> Iterator[SimulatedEvent]:
        """The events of orders, in the order in which they became known.

        With persons, customers have names, addresses and the like, all of them invented.
        """
        made: list[SimulatedEvent] = []
        for name in _MOMENTS:
            occurred = orders[f"{name}_at"]
            happened = orders[occurred.notna()]
            if happened.empty:
                continue
            at = _naive(happened[f"{name}_at"])
            known = at + happened[f"_lag_{name}"].to_numpy().astype("m8[s]")
            topic, bodies = _bodies(name, happened, with_persons)
            for body, when, since in zip(bodies, _written(at), known.tolist(), strict=True):
                body["occurred_at"] = when
                available_at = since.replace(tzinfo=UTC)
                made.append(SimulatedEvent(topic, body["order_id"], body, available_at))
        made.sort(key=lambda event: event.available_at)
        return iter(made)


def _spell(uniform: np.ndarray) -> np.ndarray:
    """By what factor the roads of a fortnight are slow: mostly 1."""
    least, most = _SPELL_FACTORS
    slow = least + (most - least) * uniform / _SPELL_CHANCE
    return np.asarray(np.where(uniform < _SPELL_CHANCE, slow, 1.0))


def _lags(uniform: np.ndarray, is_scan: bool) -> np.ndarray:
    """Seconds until an event is known: mostly under a minute or two, rarely hours."""
    share, longest = (0.92, 30 * 3600) if is_scan else (0.985, 2 * 3600)
    quick = -40 * np.log1p(-np.minimum(uniform / share, 0.999))
    slow = 300 + (uniform - share) / (1 - share) * longest
    return np.asarray(np.rint(np.where(uniform < share, quick, slow)).astype("i8"))


def _naive(moments: pd.Series) -> np.ndarray:
    return pd.DatetimeIndex(moments).tz_localize(None).to_numpy().astype("M8[us]")


def _written(moments: np.ndarray) -> list[str]:
    """Naive moments of UTC as ISO 8601 with their offset."""
    return [f"{text}+00:00" for text in np.datetime_as_string(moments.astype("M8[s]")).tolist()]


def _bodies(
    name: str, orders: pd.DataFrame, with_persons: bool
) -> tuple[str, list[dict[str, Any]]]:
    """The topic of what happened to orders, and the JSON objects, but for occurred_at."""
    columns = {one: orders[one].tolist() for one in _TOLD.get(name, ())}
    columns |= {
        f"{one}_at": _written(_naive(orders[f"{one}_at"])) for one in _PROMISES.get(name, ())
    }
    topic, type_ = _TYPES[name]
    bodies: list[dict[str, Any]] = [
        {"schema": 1, "event_id": f"{order_id}:{name}", "order_id": order_id, "type": type_}
        for order_id in orders["order_id"].tolist()
    ]
    rows: Iterator[tuple[Any, ...]] = zip(bodies, *columns.values(), strict=True)
    if name == "placed":
        for body, *values in rows:
            _tell_placed(body, dict(zip(columns, values, strict=True)), with_persons)
    elif name == "paid":
        for body, price, freight, method, installments in rows:
            body["value"] = round(price + freight, 2)
            body["method"], body["installments"] = method, installments
    elif name in ("opened", "resolved"):
        for body, kind in rows:
            body["incident_id"], body["kind"] = f"{body['order_id']}:incident", kind
    elif name == "recarried":
        for body, carrier, promised_at in rows:
            body["carrier"], body["promised_at"] = carrier, promised_at
    elif name == "repromised":
        later = pd.to_timedelta(orders["repromise_days"], unit="D")
        for body, promised_at in zip(
            bodies, _written(_naive(orders["promised_at"] + later)), strict=True
        ):
            body["promised_at"] = promised_at
    elif name == "readdressed":
        # Another street of the same region: another area, a few kilometres more.
        for body, postal_code, km in rows:
            body["postal_code"] = f"{postal_code[:2]}9{postal_code[3:]}"
            body["distance_km"] = round(km * 1.08, 1)
    elif name == "left":
        for body, seller in rows:
            body["place"] = f"{seller} depot"
    elif name in ("passed", "out_for_delivery"):
        for body, region in rows:
            body["place"] = f"{region} depot"
    return topic, bodies


# Topic and type of what happens.
_TYPES = {
    "placed": ("orders", "placed"),
    "paid": ("payments", "paid"),
    "recarried": ("orders", "corrected"),
    "approved": ("orders", "approved"),
    "handed_over": ("tracking", "handed_over"),
    "left": ("tracking", "in_transit"),
    "passed": ("tracking", "in_transit"),
    "repromised": ("orders", "corrected"),
    "readdressed": ("orders", "corrected"),
    "opened": ("logs", "opened"),
    "out_for_delivery": ("tracking", "out_for_delivery"),
    "delivered": ("tracking", "delivered"),
    "resolved": ("logs", "resolved"),
    "returned": ("tracking", "returned"),
    "cancelled": ("orders", "cancelled"),
}
# What is told of an order beside.
_TOLD: dict[str, tuple[str, ...]] = {
    "placed": (
        "centre_id",
        "customer_id",
        "seller",
        "first_carrier",
        "category",
        "items",
        "price",
        "freight",
        "weight_kg",
        "volume_l",
        "distance_km",
        "postal_code",
    ),
    "paid": ("price", "freight", "method", "installments"),
    "recarried": ("carrier",),
    "readdressed": ("postal_code", "distance_km"),
    "opened": ("incident_kind",),
    "resolved": ("incident_kind",),
    "left": ("seller",),
    "passed": ("centre_id",),
    "out_for_delivery": ("centre_id",),
}
_PROMISES = {"placed": ("first_promised",), "recarried": ("promised",)}


def _tell_placed(body: dict[str, Any], order: Mapping[str, Any], with_persons: bool) -> None:
    customer_id, region = order["customer_id"], order["centre_id"]
    body["customer"] = _person(customer_id, region) if with_persons else {"id": customer_id}
    body["region"], body["postal_code"] = region, order["postal_code"]
    body["promised_at"] = order["first_promised_at"]
    body["items"] = _items(order)
    body["carrier"], body["distance_km"] = order["first_carrier"], order["distance_km"]


def _items(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of an order, whose sums are the order's: the first is the dearest."""
    count = order["items"]
    items = []
    for number in range(count):
        item = {"product": f"{order['category']}-{number + 1}", "seller": order["seller"]}
        item["category"] = order["category"]
        for ours, theirs, digits in _SUMMED:
            share = round(order[theirs] / count, digits)
            rest = round(order[theirs] - share * (count - 1), digits)
            # What rounding leaves goes to the dearest, or comes off the last.
            item[ours] = rest if number == (0 if rest >= share else count - 1) else share
        items.append(item)
    return items


_SUMMED = (
    ("price", "price", 2),
    ("freight", "freight", 2),
    ("weight_kg", "weight_kg", 3),
    ("volume_l", "volume_l", 2),
)


@lru_cache(maxsize=100_000)
def _person_facts(customer_id: str) -> tuple[str, str, int]:
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    first, last = (names[(number >> 8 * place) % len(names)] for place, names in enumerate(_NAMES))
    return first, last, number >> 16 & 0xFFFFFF


def _person(customer_id: str, region: str) -> dict[str, Any]:
    """An invented person, always the same for a customer."""
    first, last, number = _person_facts(customer_id)
    return {
        "id": customer_id,
        "name": f"{first} {last}",
        "email": f"{first.lower()}.{last.lower()}.{number:x}@example.org",
        "phone": f"+00 {number:09d}",
        "address": f"{number % 180 + 1} Linden Street, {region}",
    }


def _by_age(kind: tuple[str, int, tuple[float, ...], float, float]) -> np.ndarray:
    """The chance of each customer of a kind (columns) at each age (rows)."""
    return np.repeat(np.array(kind[2])[:, None], kind[1], axis=1)


@lru_cache(maxsize=1)
def _chance() -> tuple[np.ndarray, ...]:
    from scipy.stats import norm, qmc

    draws = qmc.Sobol(6, scramble=True, seed=7).random(_DRAWS)
    draws = np.clip(draws, 1e-9, 1 - 1e-9).T[:, None, :]
    handling, transit, incident_days = (norm.ppf(draws[place]) for place in (0, 1, 3))
    return handling, transit, draws[2], incident_days, draws[4], _spell(draws[5])
