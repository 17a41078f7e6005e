"""Invoice lines of one table, judged line by line: typed columns, and why a line is rejected.

Which lines are stored, and under which class, is in `source.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.retail.customers import pseudonym, veiled
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.shop import country_fault
from flow_platform.sources import clocks, values
from flow_platform.sources.amounts import amount
from flow_platform.sources.dates import DateForm
from flow_platform.sources.judging import Parsed, Reasons, judged_numbers
from flow_platform.sources.landing import RejectedRow, broken_rows, rejected_rows
from flow_platform.sources.tables import Table, objects, payload_json

# No line of a shop comes near a billion pieces or pounds; a larger number is a broken field.
LARGEST_NUMBER = 1e9


@dataclass(frozen=True)
class Shop:
    """What judging needs to know of a source: its clock, the key of pseudonyms, how its dates are
    written, and the present (aware).
    """

    timezone: str
    key: bytes
    dates: DateForm
    now: datetime


@dataclass
class JudgedLines:
    """One table, judged: `lines` has CONTENT, day, available_at and source_line by row."""

    file: str
    table: Table
    lines: pd.DataFrame
    reasons: Reasons

    def rejected(self, key: bytes) -> list[RejectedRow]:
        """The rejected lines, whole but for their customers, which are pseudonyms."""
        customer = self.table.names.index(self.table.header["customer"])

        def payloads(table: Table, places: Sequence[int]) -> list[str]:
            return [
                payload_json(
                    table.names,
                    [*row[:customer], pseudonym(key, row[customer]), *row[customer + 1 :]],
                )
                for row in table.rows_at(places)
            ]

        bad = self.lines.iloc[self.reasons.bad]
        rows = rejected_rows(
            self.file, self.table, self.reasons, bad["day"], bad["country"], payloads=payloads
        )
        return rows + broken_rows(self.file, self.table.broken, lambda text: veiled(text, key))


def judge(file: str, table: Table, config: RetailSource, shop: Shop) -> JudgedLines:
    """The lines of a table, each with a reason where it cannot be stored."""
    reasons = Reasons(len(table))

    def texts(ours: str, parse: Callable[[Any], Any] = values.name_text) -> np.ndarray:
        if (column := table.get(ours)) is None:
            return np.full(len(table), "", dtype=object)
        return column.by_row(parse)

    def numbers(ours: str, parse: Callable[[Any, str, str], Parsed]) -> np.ndarray:
        return judged_numbers(
            table.column(ours),
            lambda value: _bounded(parse(value, ours, config.marks), ours),
            reasons,
        )

    def faults(ours: str, fault_of: Callable[[str], str | None]) -> None:
        column = table.column(ours)
        of_value = column.parsed(lambda value: fault_of(values.name_text(value)))
        reasons.of_values(of_value, column.codes)

    faults("invoice", _invoice_fault)
    sold_at, day, available_at = _moments(table, shop, reasons)
    quantity, price = numbers("quantity", values.number), numbers("price", amount)
    faults("country", country_fault)
    if (stated := table.get("available_at")) is not None:
        zones = np.full(len(table), shop.timezone, dtype=object)
        clocks.hold_back(stated, shop.dates, available_at, zones, reasons)
    lines = pd.DataFrame(
        {
            "invoice": texts("invoice", values.whole_id),
            "stock_code": texts("stock_code", values.whole_id),
            "description": texts("description"),
            "quantity": quantity,
            "sold_at": sold_at,
            "price": price,
            "customer": texts("customer", lambda value: pseudonym(shop.key, value)),
            "country": texts("country"),
            "day": day,
            "source_line": table.lines,
            "available_at": available_at,
        }
    )
    for name in ("invoice", "stock_code", "description", "customer", "country"):
        lines[name] = lines[name].astype(object)
    return JudgedLines(file, table, lines, reasons)


def _bounded(parsed: Parsed, name: str) -> Parsed:
    found, fault = parsed
    if fault is None and abs(found) > LARGEST_NUMBER:
        return math.nan, f"too_large: {name} is beyond {LARGEST_NUMBER:.0f}"
    return found + 0.0, fault


def _invoice_fault(invoice: str) -> str | None:
    return None if invoice else "missing_value: invoice is empty"


def _moments(
    table: Table, shop: Shop, reasons: Reasons
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By row: the shop's local time of the sale, its day (a date), and when it is known (UTC)."""
    column = table.column("sold_at")
    today = clocks.today_in(shop.timezone, shop.now)
    stamps: list[Any] = []
    days: list[date | None] = []
    faults: list[str | None] = []
    for value in column.values:
        stamp, day = None, None
        at, fault = shop.dates.moment(value, "sold_at")
        if fault is None:
            day = clocks.local_day(at, shop.timezone)
            fault = clocks.day_fault(day, "sold_at", today)
        if fault is None and at is not None:
            stamp = pd.Timestamp(at)
            if stamp.tzinfo is not None:
                stamp = stamp.tz_convert(shop.timezone).tz_localize(None)
        stamps.append(stamp)
        days.append(day)
        faults.append(fault)
    reasons.of_values(faults, column.codes)
    sold_at = pd.to_datetime(stamps).astype("datetime64[us]").to_numpy()
    good_days = [None if fault else day for day, fault in zip(days, faults, strict=True)]
    known = clocks.midnights_after(good_days, [shop.timezone] * len(days))
    return sold_at[column.codes], objects(days)[column.codes], known[column.codes]
