"""Road traffic: counters of Paris, with readings and a forecast every hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from tests.app.published.tables import copy, cover, use_models

ROADS = (
    ("101", "Périphérique Auteuil", 48.8479, 2.2580, 5200.0),
    ("102", "Périphérique Italie", 48.8191, 2.3600, 5600.0),
    ("103", "Périphérique Bagnolet", 48.8652, 2.4130, 5400.0),
    ("104", "Périphérique Clignancourt", 48.9003, 2.3450, 5500.0),
    ("105", "Avenue des Champs-Élysées", 48.8700, 2.3050, 1500.0),
    ("106", "Rue de la Convention", 48.8400, 2.2930, 420.0),
    ("107", "Rue Saint-Antoine", 48.8537, 2.3650, 700.0),
    ("108", "Boulevard de Magenta", 48.8760, 2.3560, 900.0),
    ("109", "A1 Saint-Denis", 48.9300, 2.3600, 4800.0),
    ("110", "A6 Gentilly", 48.8130, 2.3440, 4600.0),
    ("111", "A13 Saint-Cloud", 48.8430, 2.2200, 4100.0),
    ("112", "A4 Charenton", 48.8230, 2.4050, 5000.0),
)
TRAFFIC_MODEL = "lightgbm-2026-11-7c2b9d04"
# This counter has no reading in the last hours, because its road was closed.
CLOSED = "103"
# Share of a busy hour in each hour of a day, and the share from which each level begins.
SHARE_OF_HOURS = np.interp(np.arange(24), [0, 4, 8, 13, 18, 23], [0.25, 0.1, 0.95, 0.7, 1.0, 0.3])
_LEVELS = ((0.9, "blocked"), (0.75, "saturated"), (0.5, "dense"), (0.0, "fluid"))


def this_hour() -> datetime:
    """The newest issue of a platform that forecasts every hour."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


_ACCURACY = """
    insert into published.accuracy
    with errors as (
        select p.*, a.value, p.prediction - a.value as error
        from published.predictions p
        join published.actuals a using (flow, measure, centre_id, target_at)
        where p.flow = 'traffic'
    )
    select flow, measure, coalesce(centre_id, '*'), horizon, min(date), max(date), count(*),
        avg(abs(error)), sqrt(avg(error ^ 2)), avg(abs(error) / nullif(value, 0)),
        sum(abs(error)) / sum(value), 0.55 + 0.005 * horizon, sum(error) / sum(value),
        avg((value between lower_80 and upper_80)::int),
        avg((value between lower_95 and upper_95)::int), avg(value), 0.72 - 0.02 * horizon
    from errors
    group by grouping sets ((flow, measure, centre_id, horizon), (flow, measure, horizon))
"""
_ZONE = ZoneInfo("Europe/Paris")
_HOUR = timedelta(hours=1)

Rows = list[tuple[Any, ...]]


def fill_traffic(
    admin_dsn: str,
    last_issue: datetime,
    *,
    counters: int = 3,
    placed: bool = True,
    issues: int = 30,
    file: str = "simulated",
) -> None:
    """Road traffic in addition to parcels, as if a forecast had been made every hour until
    `last_issue`.

    The first counter has one hour without a reading, five hours before the last issue; CLOSED has
    none since four hours before it.
    """
    random = np.random.default_rng(9)
    roads = _roads(random, counters)
    first = last_issue - (issues + 48) * _HOUR
    ends = [first + step * _HOUR for step in range(issues + 48 + 25)]
    merged: Rows = []
    actuals: Rows = []
    predictions: Rows = []
    for road in roads:
        vehicles, shares = _hours(random, road[4], ends)
        merged += _merged(road[0], vehicles, shares, last_issue)
        predictions += _predictions(random, road[0], vehicles, shares, last_issue, issues)
    actuals += [
        ("traffic", "vehicles", counter, end, day, value)
        for counter, _, end, day, _, value, *_ in merged
        if value is not None
    ]
    with psycopg.connect(admin_dsn) as connection:
        copy(connection, "centres", _centres(roads, placed))
        copy(connection, "merged_traffic", merged)
        copy(connection, "actuals", actuals)
        copy(connection, "predictions", predictions)
        load = ("traffic", "load-traffic", last_issue, file, len(merged), len(merged), 0, None)
        copy(connection, "loads", [load])
        newest = (last_issue.date(), last_issue)
        fresh = [
            ("traffic", "actuals", *newest, len(actuals)),
            ("traffic", "predictions", *newest, len(predictions)),
        ]
        copy(connection, "freshness", fresh)
        connection.execute(_ACCURACY)
        cover(connection, "traffic")
        use_models(connection, "traffic")
        connection.execute("analyze")


def _roads(random: np.random.Generator, counters: int) -> Rows:
    """The ROADS, or the first of them, and as many made-up ones as there are more counters."""
    return [
        *ROADS[:counters],
        *(
            (
                str(2000 + index),
                f"Rue {2000 + index}",
                float(48.857 + 0.03 * random.normal()),
                float(2.34 + 0.05 * random.normal()),
                float(np.rint(np.exp(random.normal(6.5, 0.9)))),
            )
            for index in range(counters - len(ROADS))
        ),
    ]


def _hours(
    random: np.random.Generator, usual: float, ends: list[datetime]
) -> tuple[dict[datetime, float], dict[datetime, float]]:
    """The vehicles of a counter in each hour, and its share of what the road can take."""
    vehicles: dict[datetime, float] = {}
    shares: dict[datetime, float] = {}
    ease = float(random.uniform(0.55, 1.05))
    for end in ends:
        hour = (end - _HOUR).astimezone(_ZONE).hour
        shares[end] = float(SHARE_OF_HOURS[hour] * random.uniform(0.88, 1.12))
        vehicles[end] = float(np.rint(usual * shares[end]))
        shares[end] *= ease
    return vehicles, shares


def _merged(
    counter: str,
    vehicles: dict[datetime, float],
    shares: dict[datetime, float],
    last_issue: datetime,
) -> Rows:
    rows: Rows = []
    for end in vehicles:
        if end > last_issue:
            continue
        local = (end - _HOUR).astimezone(_ZONE)
        closed = counter == CLOSED and end > last_issue - 4 * _HOUR
        silent = closed or (counter == ROADS[0][0] and end == last_issue - 5 * _HOUR)
        value = None if silent else vehicles[end]
        state = "barred" if closed else None if silent else "open"
        rows.append(
            (
                *(counter, end.date(), end, local.date(), local.hour, value, None),
                *(None if silent else _level(shares[end]), state),
                *(None if silent else end + timedelta(minutes=4), 0 if silent else 1),
            )
        )
    return rows


def _predictions(
    random: np.random.Generator,
    counter: str,
    vehicles: dict[datetime, float],
    shares: dict[datetime, float],
    last_issue: datetime,
    issues: int,
) -> Rows:
    rows: Rows = []
    for back in range(issues - 1, -1, -1):
        issued_at = last_issue - back * _HOUR
        for horizon in range(1, 25):
            end = issued_at + horizon * _HOUR
            width = 0.05 + 0.004 * horizon
            middle = float(vehicles[end] * (1 + random.normal(0, width)))
            spread = middle * width
            rows.append(
                (
                    *("traffic", "vehicles", counter, end),
                    *((end - _HOUR).astimezone(_ZONE).date(), horizon, middle),
                    *(middle - 1.2816 * spread, middle + 1.2816 * spread),
                    *(max(middle - 1.96 * spread, 0.0), middle + 1.96 * spread),
                    *(issued_at, issued_at.date(), TRAFFIC_MODEL),
                    _level(shares[end] * 0.98),
                )
            )
    return rows


def _centres(roads: Rows, placed: bool) -> Rows:
    return [
        (
            *(counter, name, latitude if placed else None, longitude if placed else None, "FR"),
            *("75", "C", "Europe/Paris", None, "traffic", "Paris", "Paris"),
        )
        for counter, name, latitude, longitude, _ in roads
    ]


def _level(share: float) -> str:
    return next(level for least, level in _LEVELS if share >= least)
