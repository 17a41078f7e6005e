"""Orders of a marketplace: rows of all tables put together, each order judged as a whole.

The rows of single tables are judged in `files.py`. Reasons quote no row, which may identify a
person.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.files import Market
from flow_platform.sources.distances import kilometres_between
from flow_platform.sources.judging import Reasons

# An order with one of these was called off; files do not have the moment of it.
_CALLED_OFF = ("canceled", "cancelled", "unavailable")
_MOMENTS = ("approved_at", "handed_over_at", "delivered_at")

# What else a stored order may be, counted in each load; none of it keeps it from being stored.
ODDITIES: dict[str, str] = {
    "called_off": "cancelled, or its goods were not available",
    "not_approved": "the moment of approval is missing",
    "handed_over_before_approved": "the carrier had it before it was approved",
    "delivered_before_approved": "it was delivered before it was approved",
    "delivered_at_missing": "its status is delivered, but the moment is missing",
    "ambiguous_hour": "a moment is in an hour that occurs twice",
    "not_paid": "no payment of it is known",
    "unknown_product": "a product of it is in no table of products",
    "untranslated": "its category has no translation",
    "not_placed": "the table of places lacks the postal code of its customer or seller",
}


def judged_orders(market: Market, regions: Collection[str] | None, now: datetime) -> pd.DataFrame:
    """Every order of a good row, once, with its customer, its reason or None, and its ODDITIES.

    `regions` are those that exist; None allows any. `now` is aware.
    """
    orders = market.rows("orders").copy()
    orders["file_name"] = [market.tables["orders"].files[one] for one in orders["file"]]
    customers = market.rows("customers").set_index("customer_id")
    person = customers["person_id"].where(customers["person_id"] != "", customers.index)
    orders["person"] = _looked_up(orders["customer_id"], person)
    for name in ("region", "postal_code"):
        orders[name] = _looked_up(orders["customer_id"], customers[name])
    orders["ambiguous_hour"] = _keep_order_of_moments(orders)
    orders["day"] = orders["placed_at"].dt.normalize()
    goods = goods_of(market)
    orders["reason"] = _reasons(market, orders, goods, regions)
    is_called_off = orders["status"].str.casefold().isin(_CALLED_OFF)
    orders["called_off"] = is_called_off | orders["cancelled_at"].notna()
    orders["ended_at"] = _ended_at(orders, now)
    orders["distance_km"] = _distances(market, orders, goods)
    _note_oddities(market, orders, goods)
    return orders


# -- moments -------------------------------------------------------------------------------------


# Moments that follow one another, asked from the last to the first.
_CHAIN = (
    ("handed_over_at", "delivered_at"),
    ("approved_at", "handed_over_at"),
    ("placed_at", "approved_at"),
    ("placed_at", "handed_over_at"),
)


def _keep_order_of_moments(orders: pd.DataFrame) -> pd.Series:
    """Take the first turn of an hour that occurs twice if the second would be after the next
    moment, in place; returns which orders have such an hour."""
    ambiguous = pd.concat(
        [
            orders[name].notna() & (orders[name] != orders[f"{name}_first"])
            for name in ("placed_at", *_MOMENTS)
        ],
        axis=1,
    ).any(axis=1)
    for earlier, later in _CHAIN:
        wrong = orders[later] < orders[earlier]
        orders[earlier] = orders[earlier].where(~wrong, orders[f"{earlier}_first"])
    return ambiguous


def _ended_at(orders: pd.DataFrame, now: datetime) -> pd.Series:
    """When it is known that an order was called off; NaT for others, and while `now` is earlier.

    Files do not have this moment. It is taken to be the promise, or the last moment of the order if
    that is later, so that no model ever knows it too early.
    """
    latest = orders[["placed_at", *_MOMENTS, "promised_at"]].max(axis=1)
    ended = orders["cancelled_at"].where(orders["cancelled_at"].notna(), latest)
    present = pd.Timestamp(now).tz_convert("UTC").tz_localize(None)
    return ended.where(orders["called_off"] & (ended <= present), pd.NaT)


# -- reasons -------------------------------------------------------------------------------------


def _reasons(
    market: Market, orders: pd.DataFrame, goods: pd.DataFrame, regions: Collection[str] | None
) -> np.ndarray:
    """Why each order is rejected, None for a good one."""
    checks: list[tuple[str, pd.Series]] = [
        (
            "unknown_customer: no good row of the table of customers has its customer_id",
            orders["region"] == "",
        ),
        (
            "item_rejected: a row of its items is in quarantine",
            orders["order_id"].isin(_rejected(market, "items")),
        ),
        (
            "no_items: no row of the table of items is of it",
            ~orders["order_id"].isin(set(goods["order_id"])),
        ),
        (
            "approved_before_placed: it was approved before it was placed",
            orders["approved_at"] < orders["placed_at"],
        ),
        (
            "handed_over_before_placed: the carrier had it before it was placed",
            orders["handed_over_at"] < orders["placed_at"],
        ),
        (
            "delivered_before_placed: it was delivered before it was placed",
            orders["delivered_at"] < orders["placed_at"],
        ),
        (
            "delivered_before_handed_over: it was delivered before the carrier had it",
            orders["delivered_at"] < orders["handed_over_at"],
        ),
        (
            "cancelled_before_placed: it was cancelled before it was placed",
            orders["cancelled_at"] < orders["placed_at"],
        ),
    ]
    if regions is not None:
        unknown = "unknown_region: its region is none of those that exist"
        checks.insert(1, (unknown, ~orders["region"].isin(regions)))
    reasons = Reasons(len(orders))
    for reason, holds in checks:
        reasons.where(holds.to_numpy(dtype=bool), reason)
    return reasons.texts(np.arange(len(orders)))


def _note_oddities(market: Market, orders: pd.DataFrame, goods: pd.DataFrame) -> None:
    is_delivered = orders["status"].str.casefold() == "delivered"
    orders["not_approved"] = orders["approved_at"].isna()
    orders["handed_over_before_approved"] = orders["handed_over_at"] < orders["approved_at"]
    orders["delivered_before_approved"] = orders["delivered_at"] < orders["approved_at"]
    orders["delivered_at_missing"] = is_delivered & orders["delivered_at"].isna()
    orders["not_paid"] = ~orders["order_id"].isin(set(market.rows("payments")["order_id"]))
    orders["not_placed"] = orders["distance_km"].isna() & bool(len(market.rows("places")))
    for name in ("unknown_product", "untranslated"):
        orders[name] = orders["order_id"].isin(set(goods.loc[goods[name], "order_id"]))


# -- other tables --------------------------------------------------------------------------------


def _rejected(market: Market, name: str) -> list[str]:
    """The orders of the rejected rows of a table."""
    table = market.tables.get(name)
    if table is None:
        return []
    orders: list[str] = table.rows.loc[table.rows["reason"].notna(), "order_id"].tolist()
    return [one for one in orders if one]


def goods_of(market: Market) -> pd.DataFrame:
    """The good rows of items with what other tables have of their products and sellers."""
    items = market.rows("items").copy()
    products = market.rows("products").set_index("product_id")
    names = market.rows("translations").set_index("category")["category_translated"]
    sellers = market.rows("sellers").set_index("seller_id")["seller_postal_code"]
    category = _looked_up(items["product_id"], products["category"])
    items["category"] = category
    translated = _looked_up(category, names)
    items["category_name"] = translated.where(translated != "", category)
    items["untranslated"] = (category != "") & (translated == "") & bool(len(names))
    items["unknown_product"] = ~items["product_id"].isin(products.index) & bool(len(products))
    grams = items["product_id"].map(products["weight_g"]).astype(float)
    items["weight_kg"] = grams / 1000
    sides = [
        items["product_id"].map(products[name]).astype(float)
        for name in ("length_cm", "height_cm", "width_cm")
    ]
    items["volume_l"] = sides[0] * sides[1] * sides[2] / 1000
    items["seller_postal_code"] = _looked_up(items["seller_id"], sellers)
    return items


def _looked_up(keys: pd.Series, texts: pd.Series) -> pd.Series:
    """The text of each key, "" where there is none."""
    known = texts.to_dict()
    return pd.Series([known.get(one, "") for one in keys], index=keys.index, dtype=object)


def _distances(market: Market, orders: pd.DataFrame, goods: pd.DataFrame) -> pd.Series:
    """Kilometres between the seller of each order's dearest item and its customer.

    Between the mean coordinates of their postal codes, on a sphere (haversine); NaN where the files
    do not place both.
    """
    places = market.rows("places")
    if places.empty:
        return pd.Series(np.nan, index=orders.index)
    middles = places.groupby("geo_postal_code")[["latitude", "longitude"]].mean()
    dearest = goods.sort_values("price", ascending=False, kind="stable")
    seller = dearest.drop_duplicates("order_id").set_index("order_id")["seller_postal_code"]
    of_seller = orders["order_id"].map(seller.to_dict())
    ends = [
        (code, name)
        for code in (orders["postal_code"], of_seller)
        for name in ("latitude", "longitude")
    ]
    degrees = (code.map(middles[name]).astype(float) for code, name in ends)
    found: pd.Series = kilometres_between(*degrees).round(1)
    return found
