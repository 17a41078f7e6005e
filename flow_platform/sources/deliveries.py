"""Deliveries out of a marketplace's files: orders with rows of all tables, told as events.

Every row of every table is accounted for: it is part of an order that is told, quarantined with its
reason, left for the partition it belongs to, or repeated. Reading the tables is in
`delivery_files.py`, writing events in `stages/deliveries_landing.py`. Reasons quote no row: what
stands there may be a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.sources.centres import Centre, why_not_an_id
from flow_platform.sources.config import SourceConfig, deliveries_option
from flow_platform.sources.countries import ZONES
from flow_platform.sources.delivery_files import (
    Market,
    header_of,
    market_files,
    read_market,
    table_of,
)
from flow_platform.sources.kept import alone_at, read_kept, write_kept
from flow_platform.sources.landing import FileBalance
from flow_platform.sources.public_holidays import holiday_subdivision
from flow_platform.sources.tables import clean_text, distinct_values
from flow_platform.sources.values import text

# An order with one of these was called off; files do not tell when.
_CALLED_OFF = ("canceled", "cancelled", "unavailable")
_EARTH_KM = 6371.0

# What a stored order may be beside, counted in each load; none of it keeps it from being stored.
ODDITIES: dict[str, str] = {
    "called_off": "cancelled, or its goods were not available",
    "not_approved": "the moment of approval is missing",
    "handed_over_before_approved": "the carrier had it before it was approved",
    "delivered_before_approved": "it was delivered before it was approved",
    "delivered_at_missing": "said to be delivered, but not when",
    "ambiguous_hour": "a moment lies in an hour that comes twice",
    "not_paid": "no payment of it is known",
    "unknown_product": "a product of it is in no table of products",
    "untranslated": "its category has no translation",
}


@dataclass(frozen=True)
class FileEvent:
    """One event as a topic would bear it, and the file and line it is from."""

    topic: str
    body: dict[str, Any]
    file: str
    line: int


@dataclass(frozen=True)
class FileReject:
    """A row that cannot be stored, whole: `payload` is JSON, and personal."""

    file: str
    line: int
    reason: str
    day: date | None
    centre_id: str | None
    payload: str


@dataclass
class DeliveryReading:
    """The orders of some partitions, and what becomes of every row; made by `read_deliveries`.

    `refuse` and `leave_out` are told what was not stored, before `balances` and `rejects`.
    """

    market: Market
    orders: pd.DataFrame
    _refused: dict[str, str] = field(default_factory=dict)
    _left_out: set[str] = field(default_factory=set)
    _people_left_out: set[str] = field(default_factory=set)

    # -- events ------------------------------------------------------------------------------

    @property
    def asked(self) -> pd.DataFrame:
        """The good orders of the asked partitions, by day and place in the file."""
        return self.orders[self.orders["is_asked"]]

    def events(self, first_day: date, last_day: date) -> Iterator[FileEvent]:
        """The events of the asked orders that were placed on these UTC days."""
        within = self.asked["day"].between(pd.Timestamp(first_day), pd.Timestamp(last_day))
        for order in self.asked[within].to_dict("records"):
            yield from self._events_of(order)

    def _events_of(self, order: Mapping[Any, Any]) -> Iterator[FileEvent]:
        order_id, file, line = order["order_id"], order["file_name"], int(order["line"])

        def event(topic: str, type_: str, at: Any, **more: Any) -> FileEvent:
            body = {
                "schema": 1,
                "event_id": f"file:{order_id}:{type_}",
                "type": type_,
                "order_id": order_id,
                "occurred_at": _written(at),
            }
            known = {name: value for name, value in more.items() if _is_known(value)}
            return FileEvent(topic, body | known, file, line)

        yield event(
            "orders",
            "placed",
            order["placed_at"],
            customer={"id": order["person"]},
            region=order["region"],
            postal_code=order["postal_code"],
            promised_at=_written(order["promised_at"]),
            items=self._items[order_id],
            carrier=order.get("carrier"),
            distance_km=order["distance_km"],
        )
        if _is_known(order["approved_at"]):
            yield event("orders", "approved", order["approved_at"])
        if _is_known(order["ended_at"]):
            yield event("orders", "cancelled", order["ended_at"])
        for name in ("handed_over", "delivered"):
            if _is_known(order[f"{name}_at"]):
                yield event("tracking", name, order[f"{name}_at"])
        paid_at = order["approved_at"] if _is_known(order["approved_at"]) else order["placed_at"]
        for payment in self._payments.get(order_id, ()):
            body = {
                "schema": 1,
                "event_id": f"file:{order_id}:paid:{payment['number']}",
                "type": "paid",
                "order_id": order_id,
                "occurred_at": _written(paid_at),
                "value": payment["value"],
                "method": payment["method"] or None,
                "installments": payment["installments"],
            }
            known = {name: value for name, value in body.items() if _is_known(value)}
            yield FileEvent("payments", known, payment["file_name"], int(payment["line"]))

    @cached_property
    def _items(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        goods = _goods(self.market)
        goods = goods[goods["order_id"].isin(set(self.asked["order_id"]))]
        for one in goods.to_dict("records"):
            item = {
                "product": one["product_id"],
                "seller": one["seller_id"],
                "category": one["category_said"],
                "price": one["price"],
                "freight": one["freight"],
                "weight_kg": one["weight_kg"],
                "volume_l": one["volume_l"],
            }
            found.setdefault(one["order_id"], []).append(
                {name: value for name, value in item.items() if _is_known(value)}
            )
        return found

    @cached_property
    def _payments(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        table = self.market.tables.get("payments")
        rows = self.market.rows("payments")
        rows = rows[rows["order_id"].isin(set(self.asked["order_id"]))]
        for one in rows.to_dict("records"):
            assert table is not None
            payments = found.setdefault(one["order_id"], [])
            # Their own numbers, so that a payment that is added leaves the others as they are.
            one["number"] = one["payment_number"] or str(len(payments) + 1)
            one["file_name"] = table.files[one["file"]]
            if _is_known(one["installments"]):
                one["installments"] = int(one["installments"])
            payments.append({str(name): value for name, value in one.items()})
        return found

    # -- the balance -------------------------------------------------------------------------

    def refuse(self, order_id: str, reason: str) -> None:
        """An order that could not be stored after all: its rows are rejects."""
        self._refused.setdefault(order_id, reason)

    def people(self) -> set[str]:
        """Everybody whom the tables name, by their ids as files have them."""
        table = self.market.tables["customers"].rows
        named = table["person_id"].where(table["person_id"] != "", table["customer_id"])
        return {*named.dropna(), *self.orders["person"]} - {""}

    def leave_out(self, people: Collection[str], order_ids: Collection[str]) -> None:
        """Erased persons and orders: their rows are left, and never rejects."""
        self._people_left_out.update(people)
        erased = self.orders["person"].isin(self._people_left_out)
        self._left_out.update(order_ids, self.orders.loc[erased, "order_id"])

    @cached_property
    def _states(self) -> dict[str, pd.DataFrame]:
        """For each table the state (stored, quarantined, left, repeated) and reason of each row."""
        said = self.market.tables["orders"].rows
        faulty = said[said["reason"].notna() & (said["order_id"] != "")]
        orders = self.orders.set_index("order_id")
        reasons = {
            **dict(zip(faulty["order_id"], faulty["reason"], strict=True)),
            # Of several rows of one order the good one stands for it.
            **orders["reason"].to_dict(),
            **self._refused,
        }
        known = set(reasons)
        reasons = {one: reason for one, reason in reasons.items() if isinstance(reason, str)}
        asked = set(self.asked["order_id"]) - set(self._refused) - self._left_out
        states = {}
        for name, table in self.market.tables.items():
            rows = table.rows
            if name == "orders":
                reason = [
                    own if isinstance(own, str) else (None if repeated else reasons.get(order_id))
                    for own, repeated, order_id in zip(
                        rows["reason"], rows["is_repeated"], rows["order_id"], strict=True
                    )
                ]
                stored = rows["order_id"].isin(asked)
            elif name in ("items", "payments"):
                reason = [
                    own if isinstance(own, str) else self._why_not(order_id, known, reasons)
                    for own, order_id in zip(rows["reason"], rows["order_id"], strict=True)
                ]
                stored = rows["order_id"].isin(asked)
            else:
                reason = rows["reason"].tolist()
                stored = self._used(name, rows, asked)
            is_erased = self._erased(name, rows)
            state = np.select(
                [
                    rows["is_repeated"],
                    is_erased,
                    [isinstance(one, str) for one in reason],
                    stored,
                ],
                ["repeated", "left", "quarantined", "stored"],
                "left",
            )
            states[name] = pd.DataFrame(
                {"file": rows["file"], "line": rows["line"], "state": state, "reason": reason}
            )
        return states

    @staticmethod
    def _why_not(order_id: str, known: set[str], reasons: Mapping[str, str]) -> str | None:
        if order_id not in known:
            return "unknown_order: no row of the table of orders has its order_id"
        if order_id in reasons:
            return f"order_rejected: its order is in quarantine ({reasons[order_id].split(':')[0]})"
        return None

    def _erased(self, name: str, rows: pd.DataFrame) -> pd.Series:
        if name == "customers":
            named = rows["person_id"].where(rows["person_id"] != "", rows["customer_id"])
            return named.isin(self._people_left_out)
        if "order_id" in rows.columns:
            return rows["order_id"].isin(self._left_out)
        return pd.Series(False, index=rows.index)

    def _used(self, name: str, rows: pd.DataFrame, asked: set[str]) -> pd.Series:
        """Whether a row of a table that others refer to is part of a stored order."""
        orders = self.orders[self.orders["order_id"].isin(asked)]
        goods = _goods(self.market)
        goods = goods[goods["order_id"].isin(asked)]
        postal = set(orders["postal_code"])
        if name == "places":
            postal |= set(goods["seller_postal_code"])
        names = {
            "customers": ("customer_id", set(orders["customer_id"])),
            "products": ("product_id", set(goods["product_id"])),
            "translations": ("category", set(goods["category"])),
            "sellers": ("seller_id", set(goods["seller_id"])),
            "places": ("geo_postal_code", postal),
        }
        column, wanted = names[name]
        return rows[column].isin(wanted - {""})

    def balances(self) -> tuple[FileBalance, ...]:
        """One balance a file, and one for each file that is none of the tables."""
        found = []
        for name, states in self._states.items():
            table = self.market.tables[name]
            for number, file in enumerate(table.files):
                counts = states.loc[states["file"] == number, "state"].value_counts()
                found.append(
                    FileBalance(
                        file,
                        rows_in_file=int(counts.sum()),
                        rows_stored=int(counts.get("stored", 0)),
                        rows_quarantined=int(counts.get("quarantined", 0)),
                        rows_left=int(counts.get("left", 0)),
                        rows_repeated=int(counts.get("repeated", 0)),
                    )
                )
        strangers = (FileBalance(file, error=why) for file, why in self.market.strangers.items())
        return (*found, *strangers)

    def rejects(self) -> list[FileReject]:
        """Every rejected row of the files, whatever partitions were asked for."""
        orders = self.orders.set_index("order_id")
        found = []
        for name, states in self._states.items():
            table = self.market.tables[name]
            bad = states[states["state"] == "quarantined"]
            for place, one in zip(bad.index, bad.to_dict("records"), strict=True):
                row = table.rows.loc[place]
                order_id = row["order_id"] if "order_id" in table.rows.columns else ""
                order = orders.loc[order_id] if order_id and order_id in orders.index else None
                day = None if order is None or pd.isna(order["day"]) else order["day"].date()
                found.append(
                    FileReject(
                        table.files[int(one["file"])],
                        int(one["line"]),
                        str(one["reason"]),
                        day,
                        None if order is None else order["region"] or None,
                        table.payload(int(place)),
                    )
                )
        return found

    def oddities(self) -> dict[str, int]:
        """How many of the stored orders are odd, by ODDITIES."""
        stored = self.asked[~self.asked["order_id"].isin({*self._refused, *self._left_out})]
        return {name: int(stored[name].sum()) for name in ODDITIES}


def read_deliveries(
    config: SourceConfig,
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    timezone: str,
    now: datetime,
) -> DeliveryReading:
    """The orders that were placed on the UTC days `first_day` to `last_day` in these regions.

    All tables are read whole, and every row is judged, whatever is asked for. Moments without an
    offset are local in `timezone`. An hour that comes twice counts as its second turn, unless the
    order would then be placed after what followed.

    Raises SourceError where a table cannot be read, or one that orders need is not there.
    """
    market = read_market(config, timezone, now)
    regions = deliveries_option(config, "regions")
    orders = _judged(market, None if regions is None else set(regions), now)
    within = orders["day"].between(pd.Timestamp(first_day), pd.Timestamp(last_day))
    orders["is_asked"] = orders["reason"].isna() & within & orders["region"].isin(set(centre_ids))
    orders = orders.sort_values("day", kind="stable")
    return DeliveryReading(market, orders)


# -- orders --------------------------------------------------------------------------------------


def _judged(market: Market, regions: Collection[str] | None, now: datetime) -> pd.DataFrame:
    """Every order of a good row, once, with its customer, its reason or None, and its oddities."""
    orders = market.rows("orders").copy()
    orders["file_name"] = [market.tables["orders"].files[one] for one in orders["file"]]
    customers = market.rows("customers").set_index("customer_id")
    person = customers["person_id"].where(customers["person_id"] != "", customers.index)
    orders["person"] = _looked_up(orders["customer_id"], person)
    for name in ("region", "postal_code"):
        orders[name] = _looked_up(orders["customer_id"], customers[name])
    # The first turn of an hour that comes twice, where the second would come after what followed.
    moments = ("approved_at", "handed_over_at", "delivered_at")
    ambiguous = pd.concat(
        [
            orders[name].notna() & (orders[name] != orders[f"{name}_first"])
            for name in ("placed_at", *moments)
        ],
        axis=1,
    ).any(axis=1)
    for earlier, later in _CHAIN:
        wrong = orders[later] < orders[earlier]
        orders[earlier] = orders[earlier].where(~wrong, orders[f"{earlier}_first"])
    orders["day"] = orders["placed_at"].dt.normalize()

    goods = _goods(market)
    bad_items = set(_rejected(market, "items"))
    with_items = set(goods["order_id"])
    paid = set(market.rows("payments")["order_id"])
    status = orders["status"].str.casefold()
    checks: list[tuple[str, Any]] = [
        (
            "unknown_customer: no good row of the table of customers has its customer_id",
            orders["region"] == "",
        ),
        (
            "unknown_region: its region is none of those that exist",
            ~orders["region"].isin(regions) if regions is not None else False,
        ),
        (
            "item_rejected: a row of its items is in quarantine",
            orders["order_id"].isin(bad_items),
        ),
        ("no_items: no row of the table of items is of it", ~orders["order_id"].isin(with_items)),
        (
            "approved_before_placed: its approval comes before it was placed",
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
    reason = np.full(len(orders), None, dtype=object)
    for why, holds in reversed(checks):
        reason[np.broadcast_to(np.asarray(holds, dtype=bool), len(orders))] = why
    orders["reason"] = reason

    # Files do not tell when an order was called off: it counts as known from the promise on, or
    # from the last that is told of it, so that no model ever knows it too early.
    called_off = status.isin(_CALLED_OFF)
    latest = orders[["placed_at", *moments, "promised_at"]].max(axis=1)
    ended = orders["cancelled_at"].where(orders["cancelled_at"].notna(), latest)
    present = pd.Timestamp(now).tz_convert("UTC").tz_localize(None)
    known = (called_off | orders["cancelled_at"].notna()) & (ended <= present)
    orders["ended_at"] = ended.where(known, pd.NaT)

    orders["distance_km"] = _distances(market, orders, goods)
    orders["called_off"] = called_off | orders["cancelled_at"].notna()
    orders["not_approved"] = orders["approved_at"].isna()
    orders["handed_over_before_approved"] = orders["handed_over_at"] < orders["approved_at"]
    orders["delivered_before_approved"] = orders["delivered_at"] < orders["approved_at"]
    orders["delivered_at_missing"] = (status == "delivered") & orders["delivered_at"].isna()
    orders["ambiguous_hour"] = ambiguous
    orders["not_paid"] = ~orders["order_id"].isin(paid)
    for name in ("unknown_product", "untranslated"):
        orders[name] = orders["order_id"].isin(set(goods.loc[goods[name], "order_id"]))
    return orders


# Moments that follow one another, asked from the last to the first.
_CHAIN = (
    ("handed_over_at", "delivered_at"),
    ("approved_at", "handed_over_at"),
    ("placed_at", "approved_at"),
    ("placed_at", "handed_over_at"),
)


def _rejected(market: Market, name: str) -> list[str]:
    """The orders of the rejected rows of a table."""
    table = market.tables.get(name)
    if table is None:
        return []
    orders: list[str] = table.rows.loc[table.rows["reason"].notna(), "order_id"].tolist()
    return [one for one in orders if one]


def _goods(market: Market) -> pd.DataFrame:
    """The good rows of items with what other tables say of their products and sellers."""
    items = market.rows("items").copy()
    products = market.rows("products").set_index("product_id")
    names = market.rows("translations").set_index("category")["category_translated"]
    sellers = market.rows("sellers").set_index("seller_id")["seller_postal_code"]
    category = _looked_up(items["product_id"], products["category"])
    items["category"] = category
    translated = _looked_up(category, names)
    items["category_said"] = translated.where(translated != "", category)
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
    south, west, north, east = (
        np.radians(code.map(middles[name]).astype(float)) for code, name in ends
    )
    chord = (
        np.sin((north - south) / 2) ** 2
        + np.cos(south) * np.cos(north) * np.sin((east - west) / 2) ** 2
    )
    found: pd.Series = (2 * _EARTH_KM * np.arcsin(np.sqrt(chord.clip(upper=1)))).round(1)
    return found


def _is_known(value: Any) -> bool:
    if value is None or value is pd.NaT or value == "":
        return False
    return not (isinstance(value, float) and np.isnan(value))


def _written(at: pd.Timestamp) -> str:
    return f"{at.isoformat()}+00:00"


# -- regions -------------------------------------------------------------------------------------


def delivery_timezone(config: SourceConfig, first_centre: Centre) -> str:
    """The clock of the marketplace: `time_zone`, else that of `country`'s capital, else that of the
    first centre of the file.
    """
    named = deliveries_option(config, "time_zone")
    country = deliveries_option(config, "country")
    if named is None and country is not None:
        named = ZONES.get(country.upper())
    return named or first_centre.timezone


def region_centre(region: str, timezone: str, country: str | None) -> Centre:
    """A region as a centre; it has the holidays of a part of the country that bears its name."""
    subdivision = None
    if country is not None:
        try:
            subdivision = holiday_subdivision(country, region) and region
        except KeyError:
            subdivision = None
    return Centre(
        centre_id=region,
        name=region,
        latitude=None,
        longitude=None,
        country=country.upper() if country else None,
        subdivision=subdivision,
        school_zone=None,
        timezone=timezone,
        daily_capacity=None,
    )


def known_regions(config: SourceConfig, cache: Path) -> tuple[str, ...]:
    """The regions of the source: `regions`, else those its files or its messages have named.

    What a file names is kept in `cache` under its path, size and time: the graph is loaded in every
    run's process. Of messages, those are known that `remember_regions` was told.
    """
    declared = deliveries_option(config, "regions")
    if config.kind == "simulated":
        from flow_platform.sources.deliveries_simulator import REGIONS

        return tuple(one for one in REGIONS if declared is None or one in declared)
    if declared is not None:
        return tuple(declared)
    if config.kind == "kafka":
        return tuple(sorted(read_kept(cache).get(_BY_MESSAGES, [])))
    header = header_of(config, "customers")["region"]
    kept, known = read_kept(cache), {}
    for path in market_files(config):
        if table_of(path) != "customers":
            continue
        state = path.stat()
        stamp = f"{path}|{state.st_size}|{state.st_mtime_ns}|{header}"
        known[stamp] = kept.get(stamp) or sorted(
            {
                region
                for region in map(_region_name, distinct_values(path, config, header))
                if region and why_not_an_id(region) is None
            }
        )
    if any(stamp not in kept for stamp in known):
        with alone_at(cache):
            by_messages = read_kept(cache).get(_BY_MESSAGES, [])
            write_kept(cache, {_BY_MESSAGES: by_messages, **known})
    return tuple(sorted({region for regions in known.values() for region in regions}))


def remember_regions(cache: Path, regions: Collection[str]) -> bool:
    """Keep regions that messages have named; returns whether one of them is new."""
    if set(regions) <= set(read_kept(cache).get(_BY_MESSAGES, [])):
        return False
    with alone_at(cache):
        kept = read_kept(cache)
        known = set(kept.get(_BY_MESSAGES, []))
        write_kept(cache, {**kept, _BY_MESSAGES: sorted(known | set(regions))})
    return True


_BY_MESSAGES = "messages"


def _region_name(value: Any) -> str:
    return clean_text(text(value))
