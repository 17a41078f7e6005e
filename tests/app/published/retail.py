"""Retail: two countries, three measures, a shop that is closed on Saturdays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from tests.app.published.parcels import MODEL
from tests.app.published.tables import copy, cover, midnight, use_models

COUNTRIES = {"France": 300.0, "United Kingdom": 14000.0}
RETAIL = {"quantity": 1.0, "invoices": 0.005, "revenue": 1.8}


def fill_retail(admin_dsn: str, last_issue: date, *, issues: int = 30) -> None:
    """Retail in addition to parcels: two countries, three measures, closed on Saturdays."""
    days = [last_issue - timedelta(days=back) for back in range(120, -29, -1)]
    random = np.random.default_rng(5)
    sold = {
        (country, measure, day): float(np.rint(level * share * random.uniform(0.8, 1.2)))
        for country, level in COUNTRIES.items()
        for measure, share in RETAIL.items()
        for day in days
        if day.weekday() != 5
    }
    actuals = [
        ("retail", measure, country, midnight(day), day, value)
        for (country, measure, day), value in sold.items()
        if day <= last_issue
    ]
    with psycopg.connect(admin_dsn) as connection:
        copy(connection, "centres", _centres())
        copy(connection, "actuals", actuals)
        copy(connection, "predictions", _predictions(sold, last_issue, issues))
        copy(connection, "leaderboard", _leaders(last_issue))
        copy(connection, "merged_retail", _merged(sold, days, last_issue))
        copy(connection, "trading_calendar", _trading(days, last_issue))
        connection.execute(
            "insert into published.freshness values ('retail', 'actuals', %s, now(), 1),"
            " ('retail', 'predictions', %s, now(), 1)",
            [max(day for _, _, day in sold if day <= last_issue), last_issue],
        )
        cover(connection, "retail")
        use_models(connection, "retail")


Sold = dict[tuple[str, str, date], float]


def _predictions(sold: Sold, last_issue: date, issues: int) -> list[tuple[Any, ...]]:
    predictions: list[tuple[Any, ...]] = []
    for back in range(issues):
        issued_on = last_issue - timedelta(days=back)
        issued_at = datetime.combine(issued_on + timedelta(days=1), datetime.min.time(), UTC)
        for country in COUNTRIES:
            for measure in RETAIL:
                for horizon in range(1, 15):
                    day = issued_on + timedelta(days=horizon)
                    if day.weekday() == 5:
                        continue
                    middle = sold[country, measure, day] * 1.03
                    predictions.append(
                        (
                            *("retail", measure, country, midnight(day), day, horizon, middle),
                            *(middle * 0.8, middle * 1.2, middle * 0.7, middle * 1.3),
                            *(issued_at, issued_on, MODEL.format(month=f"{issued_on:%Y-%m}")),
                        )
                    )
    return predictions


def _leaders(last_issue: date) -> list[tuple[Any, ...]]:
    month = last_issue.replace(day=1)
    return [
        ("retail", measure, month, name, 9.5 * at, 7.5 * at, 0.2 * at, 0.5 * at, 0.1, 0.8, at == 1)
        for measure in RETAIL
        for at, name in enumerate(("blend", "lightgbm", "seasonal_naive"), start=1)
    ]


def _merged(sold: Sold, days: list[date], last_issue: date) -> list[tuple[Any, ...]]:
    return [
        (
            *(country, day),
            *(sold.get((country, measure, day)) for measure in RETAIL),
            *(0.04 * sold.get((country, "quantity", day), 0.0), 5.0),
        )
        for country in COUNTRIES
        for day in days
        if day <= last_issue
    ]


def _trading(days: list[date], last_issue: date) -> list[tuple[Any, ...]]:
    reason = "closed weekday (Saturday, traded 0 of 8 weeks)"
    return [
        (
            day,
            day.weekday(),
            day.weekday() != 5,
            reason if day.weekday() == 5 else None,
            day <= last_issue,
        )
        for day in days
    ]


def _centres() -> list[tuple[Any, ...]]:
    return [
        (country, country, None, None, None, None, None, "Europe/London", None, "retail")
        for country in COUNTRIES
    ]
