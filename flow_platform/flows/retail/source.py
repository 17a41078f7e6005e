"""Invoice lines of a web shop: read from files or simulated, each stored under one class.

No line is dropped: it is stored with one class, quarantined with its reason, left for the partition
it belongs to, or known from another file. Lines are judged in `judging.py`; customers are
pseudonyms before anything leaves here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.retail.customers import pseudonym
from flow_platform.flows.retail.judging import Shop, judge
from flow_platform.flows.retail.layouts import ROW_COLUMNS, is_online_retail, retail_layouts
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.shop import shop_timezone
from flow_platform.flows.retail.simulator import CONTENT, simulated_lines
from flow_platform.ground.local_time import days_index, local_midnight_after
from flow_platform.sources import clocks
from flow_platform.sources.amounts import other_currency
from flow_platform.sources.dates import MONTH_FIRST, SourceDates, UndecidedDatesError
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.landing import (
    Landing,
    Load,
    all_stored,
    refused_landing,
    rejected_frame,
    stacked,
)
from flow_platform.sources.reader import read_source
from flow_platform.sources.tables import Table

LINE_CLASSES = ("cancellation", "bad_debt", "return", "no_price", "duplicate", "sale")
DAY_COLUMNS = ("centre_id", "day", "shop_sale_lines", "seen_before", "available_at")


@dataclass(frozen=True)
class RetailLanding(Landing):
    """The result of a load of invoice lines; `rows` have ROW_COLUMNS.

    `days` (DAY_COLUMNS) has one row per asked country and day, counted over the whole source; it is
    made when it is first asked for.
    """

    make_days: Callable[[], pd.DataFrame]

    @cached_property
    def days(self) -> pd.DataFrame:
        return self.make_days()


def classed(lines: pd.DataFrame) -> pd.Series:
    """The one class of each line of a frame with invoice, quantity, price and occurrence."""
    first = lines["invoice"].str[:1].str.upper()
    conditions = [
        first == "C",
        first == "A",
        lines["quantity"] < 0,
        lines["price"] <= 0,
        lines["occurrence"] > 1,
    ]
    return pd.Series(
        np.select(conditions, LINE_CLASSES[:-1], LINE_CLASSES[-1]), index=lines.index, dtype=object
    )


# -- a load --------------------------------------------------------------------------------------


def read_retail(
    config: RetailSource,
    first_day: date,
    last_day: date,
    countries: Collection[str],
    *,
    key: bytes,
    now: datetime,
    seed: int,
) -> RetailLanding:
    """The invoice lines of the shop's days `first_day` to `last_day` in `countries`.

    A line is its content and its number among equal lines of its file. Over files the union is
    taken: a line that two files hold is one line. Every sheet of a workbook is a file here. Moments
    are the shop's local time; one with an offset is turned into it. `key` makes pseudonyms; `now`
    (aware) decides which days are in the future; `seed` is that of the simulated shop.

    A table that cannot be read is an entry with `error` in `files`; it stops nothing else.
    """
    asked = _Asked(first_day, last_day, list(dict.fromkeys(countries)), shop_timezone(config))
    if config.kind == "simulated":
        return _simulated(asked, key, now, seed)
    tables = list(read_source(config, retail_layouts(config)))
    dates = _dates_of(config, tables)
    try:
        shop = Shop(asked.timezone, key, dates.form, now)
    except UndecidedDatesError as error:
        landing = refused_landing(_rows(_no_lines(), asked.timezone), str(config.path), error)
        return RetailLanding(
            landing.rows,
            landing.rejected,
            landing.files,
            lambda: pd.DataFrame(columns=list(DAY_COLUMNS)),
            is_refused=True,
        )
    load, lines = Load(), []
    first_sales: dict[str, date] = {}
    currency: dict[str, str] = {}
    for file, table in tables:
        if isinstance(table, FileUnreadableError):
            load.unreadable(file, table)
            continue
        if (other := other_currency(file, table, ("price",), currency)) is not None:
            load.unreadable(file, other)
            continue
        found = judge(file, table, config, shop)
        good = found.lines[found.reasons.good]
        rejected = found.rejected(key)
        load.judged(
            file,
            good=len(good),
            rejected=rejected,
            encoding=table.encoding,
            form=table.form,
            dates=dates.reading(file),
        )
        _note_first_sales(first_sales, good)
        lines.append(_of_asked_days(good, asked, file))
    union = _union(lines, load, asked)
    return RetailLanding(
        _rows(union[union["country"].isin(asked.countries)], asked.timezone),
        rejected_frame(load.rejected),
        load.balances(str(config.path)),
        lambda: _days(union, first_sales, asked),
    )


def _dates_of(
    config: RetailSource, tables: Sequence[tuple[str, Table | FileUnreadableError]]
) -> SourceDates:
    """How all tables write their moments. Online Retail II circulates with its months first."""
    whole = [(file, table) for file, table in tables if isinstance(table, Table)]
    is_known = bool(whole) and all(is_online_retail(table.header) for _, table in whole)
    dates = SourceDates(config.date_format, MONTH_FIRST if is_known else None)
    dates.note_tables(whole, ("sold_at", "available_at"))
    return dates


@dataclass(frozen=True)
class _Asked:
    """The partitions of a load, and the shop's clock."""

    first_day: date
    last_day: date
    countries: list[str]
    timezone: str


def _of_asked_days(good: pd.DataFrame, asked: _Asked, file: str) -> pd.DataFrame:
    """The good lines of a file on the asked days, of all countries, numbered among equal ones."""
    within = good[(good["day"] >= asked.first_day) & (good["day"] <= asked.last_day)].copy()
    within["source_file"] = file
    within["occurrence"] = _occurrences(within)
    return within


def _union(parts: list[pd.DataFrame], load: Load, asked: _Asked) -> pd.DataFrame:
    """The lines of all files, each once; what is stored and repeated is noted in `load`."""
    lines = stacked(parts, _no_lines)
    repeated = pd.Series(False, index=lines.index)
    if len(parts) > 1:
        repeated = lines.duplicated([*CONTENT, "occurrence"])
    wanted = lines["country"].isin(asked.countries)
    for file, those in repeated[wanted].groupby(lines.loc[wanted, "source_file"]):
        load.stored(str(file), int((~those).sum()), repeated=int(those.sum()))
    return lines[~repeated]


def _simulated(asked: _Asked, key: bytes, now: datetime, seed: int) -> RetailLanding:
    lines = simulated_lines(seed, asked.first_day, asked.last_day, now=now)
    lines["customer"] = [pseudonym(key, customer) for customer in lines["customer"]]
    lines["source_file"] = "simulated"
    codes, days = pd.factorize(lines["day"])
    lines["available_at"] = clocks.midnights_after(list(days), [asked.timezone] * len(days))[codes]
    lines["occurrence"] = _occurrences(lines)
    rows = _rows(lines[lines["country"].isin(asked.countries)], asked.timezone)
    return RetailLanding(
        rows,
        rejected_frame([]),
        (all_stored(rows, "simulated"),),
        lambda: _days(lines, None, asked),
    )


def _occurrences(lines: pd.DataFrame) -> pd.Series:
    """The number of each line among the equal lines of its file, from 1."""
    return lines.groupby(list(CONTENT), sort=False, dropna=False).cumcount() + 1


def _is_sale(lines: pd.DataFrame) -> pd.Series:
    return classed(lines.assign(occurrence=1)) == "sale"


def _note_first_sales(first_sales: dict[str, date], lines: pd.DataFrame) -> None:
    sold = lines[_is_sale(lines)]
    for country, day in sold.groupby("country")["day"].min().items():
        first_sales[str(country)] = min(day, first_sales.get(str(country), day))


def _days(lines: pd.DataFrame, first_sales: dict[str, date] | None, asked: _Asked) -> pd.DataFrame:
    """DAY_COLUMNS of each country and day; in the simulated shop every country has always sold."""
    index = days_index(asked.first_day, asked.last_day)
    sold = lines[classed(lines) == "sale"]["day"].value_counts()
    sales = [int(sold.get(day.date(), 0)) for day in index]
    over = local_midnight_after(index, asked.timezone)
    parts = [
        pd.DataFrame(
            {
                "centre_id": pd.Series([country] * len(index), dtype=object),
                "day": index,
                "shop_sale_lines": np.asarray(sales, dtype="int64"),
                "seen_before": True
                if first_sales is None
                else index > pd.Timestamp(first_sales.get(country, date.max)),
                "available_at": over,
            }
        )
        for country in asked.countries
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(DAY_COLUMNS))


def _rows(lines: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Lines as rows of raw.retail."""
    sold_at = clocks.local_in_utc(
        lines["sold_at"], timezone, first_turn=False, skipped="shift_forward"
    )
    rows = lines.rename(columns={"country": "centre_id"}).assign(
        day=pd.DatetimeIndex(pd.to_datetime(lines["day"])).as_unit("us"),
        sold_at=pd.DatetimeIndex(sold_at).tz_localize("UTC"),
        available_at=pd.DatetimeIndex(lines["available_at"]).tz_localize("UTC").as_unit("us"),
        has_customer=lines["customer"].notna().astype(bool),
        line_class=classed(lines),
        customer=lines["customer"].where(lines["customer"].notna(), None),
    )
    rows["occurrence"] = rows["occurrence"].astype("int64")
    return rows[list(ROW_COLUMNS)].reset_index(drop=True)


def _no_lines() -> pd.DataFrame:
    texts = dict.fromkeys(("invoice", "stock_code", "description", "customer", "country"), object)
    types: dict[str, Any] = {
        **texts,
        "quantity": float,
        "price": float,
        "sold_at": "datetime64[us]",
        "day": object,
        "available_at": "datetime64[us]",
        "source_file": object,
        "source_line": "int64",
        "occurrence": "int64",
    }
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in types.items()})
