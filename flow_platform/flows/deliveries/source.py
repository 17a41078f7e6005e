"""Orders of a marketplace's files, with their rows of all tables, as events.

Every row of every table is accounted for: it is part of an order that becomes events, quarantined
with its reason, left for the partition it belongs to, or repeated. Tables are read in `files.py`,
orders judged in `orders.py`, events written in `loading.py`. Reasons quote no row, which may
identify a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.files import Market, read_market
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.deliveries.orders import ODDITIES, goods_of, judged_orders
from flow_platform.sources.landing import FileBalance, RejectedRow


@dataclass(frozen=True)
class FileEvent:
    """One event as a topic would have it, and the file and line it is from."""

    topic: str
    body: dict[str, Any]
    file: str
    line: int


@dataclass
class DeliveryReading:
    """The orders of some partitions, and the fate of every row; made by `read_deliveries`.

    Call `refuse` and `leave_out` for what was not stored, then `balances` and `rejects`.
    """

    market: Market
    orders: pd.DataFrame
    _refused: dict[str, str] = field(default_factory=dict)
    _left_out: set[str] = field(default_factory=set)
    _people_left_out: set[str] = field(default_factory=set)

    # -- events ------------------------------------------------------------------------------

    @property
    def asked(self) -> pd.DataFrame:
        """The good orders of the asked partitions, by day and position in the file."""
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
        goods = goods_of(self.market)
        goods = goods[goods["order_id"].isin(set(self.asked["order_id"]))]
        for one in goods.to_dict("records"):
            item = {
                "product": one["product_id"],
                "seller": one["seller_id"],
                "category": one["category_name"],
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
        """Every person whom the tables name, by their ids as files have them."""
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
        known, reasons = self._order_reasons()
        asked = set(self.asked["order_id"]) - set(self._refused) - self._left_out
        states = {}
        for name, table in self.market.tables.items():
            rows = table.rows
            if "order_id" in rows.columns:
                reason = self._row_reasons(name, rows, known, reasons)
                stored = rows["order_id"].isin(asked)
            else:
                reason, stored = rows["reason"].tolist(), self._used(name, rows, asked)
            state = np.select(
                [
                    rows["is_repeated"].to_numpy(dtype=bool),
                    self._erased(name, rows).to_numpy(dtype=bool),
                    np.array([isinstance(one, str) for one in reason], dtype=bool),
                    stored.to_numpy(dtype=bool),
                ],
                ["repeated", "left", "quarantined", "stored"],
                "left",
            )
            states[name] = pd.DataFrame(
                {"file": rows["file"], "line": rows["line"], "state": state, "reason": reason}
            )
        return states

    def _order_reasons(self) -> tuple[set[str], dict[str, str]]:
        """The orders of which there is a row, and the reasons of those that are rejected."""
        table = self.market.tables["orders"].rows
        faulty = table[table["reason"].notna() & (table["order_id"] != "")]
        orders = self.orders.set_index("order_id")
        reasons = {
            **dict(zip(faulty["order_id"], faulty["reason"], strict=True)),
            # Of several rows of one order the good one counts.
            **orders["reason"].to_dict(),
            **self._refused,
        }
        return set(reasons), {one: why for one, why in reasons.items() if isinstance(why, str)}

    @staticmethod
    def _row_reasons(
        name: str, rows: pd.DataFrame, known: set[str], reasons: Mapping[str, str]
    ) -> list[str | None]:
        """The reason of each row of an order's tables: its own, or that of its order."""

        def of_order(order_id: str, is_repeated: bool) -> str | None:
            if name == "orders":
                return None if is_repeated else reasons.get(order_id)
            if order_id not in known:
                return "unknown_order: no row of the table of orders has its order_id"
            if order_id not in reasons:
                return None
            code = reasons[order_id].split(":")[0]
            return f"order_rejected: its order is in quarantine ({code})"

        return [
            own if isinstance(own, str) else of_order(order_id, is_repeated)
            for own, order_id, is_repeated in zip(
                rows["reason"], rows["order_id"], rows["is_repeated"], strict=True
            )
        ]

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
        goods = goods_of(self.market)
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
            for number, file in enumerate(self.market.tables[name].files):
                counts = states.loc[states["file"] == number, "state"].value_counts()
                rejected = int(counts.get("quarantined", 0))
                found.append(
                    FileBalance.of(
                        file,
                        good=int(counts.sum()) - rejected,
                        rejected=rejected,
                        stored=int(counts.get("stored", 0)),
                        repeated=int(counts.get("repeated", 0)),
                        encoding=self.market.tables[name].encodings[number],
                        form=self.market.tables[name].forms[number],
                        dates=self.market.dates.reading(file),
                    )
                )
        strangers = (FileBalance(file, error=why) for file, why in self.market.strangers.items())
        return (*found, *strangers)

    def rejects(self) -> list[RejectedRow]:
        """Every rejected row of the files, whatever partitions were asked for."""
        found = []
        for name, states in self._states.items():
            table = self.market.tables[name]
            bad = states[states["state"] == "quarantined"]
            order_ids = [""] * len(bad)
            if "order_id" in table.rows.columns:
                order_ids = table.rows.loc[bad.index, "order_id"].tolist()
            found += [
                RejectedRow(table.files[file], line, reason, *self._partition(order_id), payload)
                for file, line, reason, order_id, payload in zip(
                    bad["file"].tolist(),
                    bad["line"].tolist(),
                    bad["reason"].tolist(),
                    order_ids,
                    table.payloads(bad.index.tolist()),
                    strict=True,
                )
            ]
        return found

    def of_orders(self, rejects: Sequence[RejectedRow]) -> list[RejectedRow]:
        """Those of the rejects that are rows of orders: a row of another table is of one."""
        files = set(self.market.tables["orders"].files)
        return [one for one in rejects if one.source_file in files]

    def stored_orders(self) -> pd.DataFrame:
        """The orders that were stored: source_file, centre_id and day of each."""
        names = {"file_name": "source_file", "region": "centre_id", "day": "day"}
        return self._stored[list(names)].rename(columns=names)

    @property
    def _stored(self) -> pd.DataFrame:
        return self.asked[~self.asked["order_id"].isin({*self._refused, *self._left_out})]

    def _partition(self, order_id: str) -> tuple[date | None, str | None]:
        """The day and the region of an order, None where they are not known."""
        return self._partitions.get(order_id, (None, None))

    @cached_property
    def _partitions(self) -> dict[str, tuple[date | None, str | None]]:
        days = [None if pd.isna(day) else day.date() for day in self.orders["day"]]
        regions = [region or None for region in self.orders["region"]]
        return dict(zip(self.orders["order_id"], zip(days, regions, strict=True), strict=True))

    def oddities(self) -> dict[str, int]:
        """How many of the stored orders are odd, by ODDITIES."""
        return {name: int(self._stored[name].sum()) for name in ODDITIES}


def read_deliveries(
    config: DeliveriesSource,
    first_day: date,
    last_day: date,
    centre_ids: Collection[str],
    *,
    timezone: str,
    now: datetime,
) -> DeliveryReading:
    """The orders that were placed on the UTC days `first_day` to `last_day` in these regions.

    All tables are read whole, and every row is judged, whatever is asked for. Moments without an
    offset are local in `timezone`. An hour that occurs twice counts as its second turn, unless the
    order would then be placed after its next event.

    Raises SourceError if a table cannot be read, or one that orders need is missing, and
    UndecidedDatesError where the order of day and month is not known.
    """
    market = read_market(config, timezone, now)
    regions = config.regions
    orders = judged_orders(market, None if regions is None else set(regions), now)
    within = orders["day"].between(pd.Timestamp(first_day), pd.Timestamp(last_day))
    orders["is_asked"] = orders["reason"].isna() & within & orders["region"].isin(set(centre_ids))
    orders = orders.sort_values("day", kind="stable")
    return DeliveryReading(market, orders)


def _is_known(value: Any) -> bool:
    if value is None or value is pd.NaT or value == "":
        return False
    return not (isinstance(value, float) and np.isnan(value))


def _written(at: pd.Timestamp) -> str:
    return f"{at.isoformat()}+00:00"
