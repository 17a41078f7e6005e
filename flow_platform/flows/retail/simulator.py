"""The simulated web shop: invoice lines of six countries with a shop's weeks, seasons and traps.

Any day can be made alone and is always the same: each country and day has one random stream, keyed
by the seed, the country and the day. It writes nothing and knows no tables.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flow_platform.sources.countries import SUBDIVISIONS
from flow_platform.sources.public_holidays import public_holidays
from flow_platform.sources.random_streams import random_stream

SHOP_COUNTRY, SHOP_TIMEZONE, SHOP_NAME = "GB", "Europe/London", "United Kingdom"
# Invoices on a usual day.
COUNTRIES: dict[str, float] = {
    "EIRE": 2.5,
    "France": 3.0,
    "Germany": 3.5,
    "Netherlands": 1.5,
    "Spain": 1.0,
    "United Kingdom": 28.0,
}
SATURDAY = 5
_WEEK = (1.0, 1.1, 1.05, 1.15, 0.95, 0.0, 0.6)
_LINES_AN_INVOICE = 3.0
_ITEMS = 200
_CUSTOMERS = 400
# Shares of lines: each class of line must occur, about as often as in Online Retail II.
_CANCELLED, _RETURNED, _UNPRICED, _REPEATED, _ANONYMOUS = 0.02, 0.005, 0.006, 0.012, 0.2
# One day in this many has a bad-debt line.
_BAD_DEBT_DAYS = 90

# Descriptions of the shop's lines, simulated or read.
CONTENT = (
    "invoice",
    "stock_code",
    "description",
    "quantity",
    "sold_at",
    "price",
    "customer",
    "country",
)


def trades_on(day: date) -> bool:
    """Whether the simulated shop is open: never on Saturdays, UK holidays and at year's end."""
    year_end = (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1)
    if day.weekday() == SATURDAY or year_end:
        return False
    return day not in public_holidays(SHOP_COUNTRY, SUBDIVISIONS[SHOP_COUNTRY], day.year, day.year)


def simulated_lines(seed: int, first: date, last: date, *, now: datetime) -> pd.DataFrame:
    """The lines of all countries on the shop's days that are over at `now` (aware).

    Columns as a file has them, under our names (sold_at is local, customer an id or None), and day
    (date) and source_line, which counts the day's lines.
    """
    today = now.astimezone(ZoneInfo(SHOP_TIMEZONE)).date()
    last = min(last, today - timedelta(days=1))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    parts = [_day_lines(seed, day) for day in days if trades_on(day)]
    if not parts:
        parts = [_day_lines(seed, date(2020, 1, 6)).iloc[:0]]
    return pd.concat(parts, ignore_index=True)


def _day_lines(seed: int, day: date) -> pd.DataFrame:
    made = [_country_lines(seed, country, usual, day) for country, usual in COUNTRIES.items()]
    lines = pd.DataFrame({name: np.concatenate([part[name] for part in made]) for name in CONTENT})
    lines["day"] = pd.Series([day] * len(lines), dtype=object)
    lines["source_line"] = np.arange(1, len(lines) + 1, dtype="int64")
    return lines


def _country_lines(seed: int, country: str, usual: float, day: date) -> dict[str, np.ndarray]:
    draw = random_stream(seed, country, day)
    # Christmas gifts: the shop's autumn is half as busy again as its spring.
    season = 1 + 0.45 * np.exp(-(((day.timetuple().tm_yday - 318) / 35.0) ** 2))
    mean = usual * _WEEK[day.weekday()] * season * np.exp(draw.normal(0, 0.12))
    sizes = draw.poisson(_LINES_AN_INVOICE, draw.poisson(mean)) + 1
    invoice = np.repeat(np.arange(len(sizes)), sizes)
    count = len(invoice)
    item = draw.integers(0, _ITEMS, count)
    price = np.round(0.42 + 0.07 * item, 2)
    quantity = draw.geometric(0.15, count).astype(float)
    minute = draw.integers(8 * 60, 18 * 60, len(sizes))[invoice]
    first_number = day.toordinal() * 1000 + list(COUNTRIES).index(country) * 150
    number = _texts(first_number + invoice)
    customer = _texts(12000 + draw.integers(0, _CUSTOMERS, len(sizes)))
    customer[draw.random(len(sizes)) < _ANONYMOUS] = None

    kind = draw.random(count)
    cancelled = kind < _CANCELLED
    returned = ~cancelled & (kind < _CANCELLED + _RETURNED)
    unpriced = ~cancelled & ~returned & (kind < _CANCELLED + _RETURNED + _UNPRICED)
    number[cancelled] = [f"C{text}" for text in number[cancelled]]
    quantity[cancelled | returned] *= -1
    price[unpriced] = 0.0
    lines = {
        "invoice": number,
        "stock_code": _texts(20000 + item),
        "description": np.array([f"ITEM {code}" for code in item], dtype=object),
        "quantity": quantity,
        "sold_at": np.datetime64(day, "us") + minute.astype("timedelta64[m]"),
        "price": price,
        "customer": customer[invoice],
        "country": np.full(count, country, dtype=object),
    }
    # A line that is repeated in a file follows its original.
    again = np.repeat(np.arange(count), 1 + (draw.random(count) < _REPEATED))
    lines = {name: column[again] for name, column in lines.items()}
    if country == SHOP_NAME and day.toordinal() % _BAD_DEBT_DAYS == 0 and count:
        lines = {
            name: np.append(column, np.array([_bad_debt(day)[name]], dtype=column.dtype))
            for name, column in lines.items()
        }
    return lines


def _texts(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(str).astype(object)


def _bad_debt(day: date) -> dict[str, object]:
    return {
        "invoice": f"A{day.toordinal()}",
        "stock_code": "B",
        "description": "Adjust bad debt",
        "quantity": 1.0,
        "sold_at": np.datetime64(day, "us") + np.timedelta64(12, "h"),
        "price": -1000.0,
        "customer": None,
        "country": SHOP_NAME,
    }
