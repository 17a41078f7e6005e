"""What the invented marketplace is like: regions, carriers, goods, customers, and how they vary.

All of it is made up. How orders are made of it is in `marketplace.py` and the modules it uses.
"""

from __future__ import annotations

import numpy as np

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
REGION_MIDDLES = np.array([one[:2] for one in _REGIONS.values()])
REGION_SHARES = np.array([one[2] for one in _REGIONS.values()])
REGION_ROADS = np.array([one[3] for one in _REGIONS.values()])

# Carrier: usual days over 300 km, share of the sellers that use it, chance of an incident.
_CARRIERS: dict[str, tuple[float, float, float]] = {
    "Arrowline": (2.6, 0.35, 0.030),
    "Bluecart": (3.4, 0.30, 0.045),
    "Courier North": (2.1, 0.15, 0.020),
    "Dray & Sons": (4.3, 0.20, 0.070),
}
CARRIERS = tuple(_CARRIERS)
USUAL_DAYS = np.array([one[0] for one in _CARRIERS.values()])
CARRIER_SHARES = np.array([one[1] for one in _CARRIERS.values()])
INCIDENT_CHANCES = np.array([one[2] for one in _CARRIERS.values()])
INCIDENT_KINDS = ("address_not_found", "damaged_parcel", "missed_delivery", "sorting_error")

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
PRICES, WEIGHTS, LITRES_A_KG, CATEGORY_SHARES, PREPARATION = (
    np.array([one[place] for one in _CATEGORIES.values()]) for place in range(5)
)
METHODS = ("card", "transfer", "wallet")
METHOD_SHARES = np.array([0.62, 0.25, 0.13])
# Days from placing to approval: median and spread (logarithm) of each method.
APPROVAL = np.array([0.012, 1.1, 0.001]), np.array([0.7, 0.45, 0.4])

# Few enough that each has orders of every kind within weeks.
SELLERS = 24
# Customers who join in a region in a quarter of a year, by what kind they are, how often each
# orders in the quarters after joining, what the orders cost, and how far from the road they live.
QUARTER_DAYS = 91
_KINDS: tuple[tuple[str, int, tuple[float, ...], float, float], ...] = (
    ("loyal", 24, (3.0,) * 8, 1.0, 1.0),
    ("valued", 16, (1.6,) * 8, 4.0, 1.0),
    ("occasional", 64, (0.5,) * 8, 1.0, 1.0),
    ("fading", 32, (4.0, 0, 0, 0, 0, 0, 0, 0), 0.8, 1.0),
    # Many of their orders are late, and they stay away after three quarters.
    ("remote", 24, (2.0, 2.0, 2.0, 0, 0, 0, 0, 0), 1.0, 2.6),
)
COHORT = sum(kind[1] for kind in _KINDS)
CUSTOMER_KINDS = tuple(kind[0] for kind in _KINDS)
# By place in a cohort.
KIND_OF = np.repeat(np.arange(len(_KINDS)), [kind[1] for kind in _KINDS])
VALUE = np.array([kind[3] for kind in _KINDS])[KIND_OF]
REMOTENESS = np.array([kind[4] for kind in _KINDS])[KIND_OF]
# How often each customer orders, by age in quarters (rows) and place in the cohort (columns).
ORDER_RATES = np.hstack(
    [np.repeat(np.array(rates)[:, None], size, axis=1) for _, size, rates, _, _ in _KINDS]
)

# Standard deviations (logarithm) of handling and transit about their expectation: what nobody can
# know when an order is approved.
NOISE_HANDLING, NOISE_TRANSIT = 0.6, 0.4
# How the days of the road grow with its km, in fact and in the promises.
FAR, FAR_PROMISED = 0.6, 0.35
CUT_OFF_HOUR = 15 / 24
# How cautious promises are: days added, and the factor on the usual days of the road.
PROMISE = 4.7, 1.4
CANCELLED, READDRESSED, PROMISED_AGAIN, CARRIER_CHANGED, RETURNED = 0.025, 0.015, 0.03, 0.25, 0.02

HOURS = np.array([1, 0.5, 0.3, 0.3, 0.3, 0.5, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 6, 4, 2])
WEEKDAYS = np.array([1.15, 1.1, 1.05, 1.0, 0.98, 0.85, 0.87])

# Fortnights in which a carrier is slow in a region, by what factor at least and at most. Nobody can
# know at approval that one has begun, and they are too weak to cause most of the delays.
SLOW_DAYS, _SLOW_CHANCE, _SLOW_FACTORS = 14, 0.10, (1.08, 1.20)
DAY_SECONDS = 86_400

# What happens to an order; events of one second are in this order. These names are a part of event
# ids.
MILESTONES = (
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
# Scans of parcels arrive late more often than orders, and later.
SCANS = ("handed_over", "left", "passed", "out_for_delivery", "delivered", "returned")


def slow_factors(uniform: np.ndarray) -> np.ndarray:
    """The factor by which the roads of a fortnight are slow, mostly 1, from uniform numbers."""
    least, most = _SLOW_FACTORS
    slow = least + (most - least) * uniform / _SLOW_CHANCE
    return np.asarray(np.where(uniform < _SLOW_CHANCE, slow, 1.0))
