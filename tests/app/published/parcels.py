"""Parcels: five centres, of which one has never reported, two years of counts with holes, and the
forecasts of 60 issue days; with the models, loads and drift of the page Data status.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from tests.app.published.tables import CENTRES, copy, cover, make_tables, midnight, use_models

NEVER_REPORTED = "5"
LEVEL = {"1": 52000.0, "2": 33000.0, "3": 24000.0, "4": 27000.0}
WEEKDAY = np.array([1.12, 1.08, 1.03, 1.0, 0.97, 0.55, 0.0])
MODEL = "lightgbm-{month}-5f3a9c1e"
_EXPLANATIONS = """
    insert into published.explanations
    select flow, measure, centre_id, date, issued_on, prediction, prediction - 400, 0, -100,
        2000, 100, -1600
    from published.predictions
"""
_FRESHNESS = """
    insert into published.freshness
    select 'parcels', 'actuals', max(date), max(target_at) + interval '1 day', count(*)
    from published.actuals
    union all
    select 'parcels', 'predictions', max(issued_on), max(issued_at), count(*)
    from published.predictions
"""
_ACCURACY = """
    insert into published.accuracy
    with errors as (
        select p.*, a.value, p.prediction - a.value as error
        from published.predictions p
        join published.actuals a using (flow, measure, centre_id, date)
        where a.date > %s::date - 60
    )
    select flow, measure, coalesce(centre_id, '*'), horizon, min(date), max(date), count(*),
        avg(abs(error)), sqrt(avg(error ^ 2)), avg(abs(error) / nullif(value, 0)),
        sum(abs(error)) / nullif(sum(value), 0), 0.61, sum(error) / nullif(sum(value), 0),
        avg((value between lower_80 and upper_80)::int),
        avg((value between lower_95 and upper_95)::int), avg(value)
    from errors
    group by grouping sets ((flow, measure, centre_id, horizon), (flow, measure, horizon))
"""


def yesterday() -> date:
    """The day whose close is the newest issue of a platform that runs as it should."""
    return datetime.now(ZoneInfo("Europe/Paris")).date() - timedelta(days=1)


def fill(
    admin_dsn: str, last_issue: date, *, days: int = 730, issues: int = 60, holes: int = 3
) -> None:
    """Fill the tables as if the platform had run every evening until `last_issue`.

    `days` of counts per centre up to `last_issue`, `holes` of them missing in the last month, and
    `issues` issue days x 14 horizons. Sundays are zero, not missing.
    """
    make_tables(admin_dsn)
    calendar = {row[1]: row for row in _calendar(last_issue)}
    counts = _counts(calendar, last_issue, days)
    missing = {("1", last_issue - timedelta(days=4 + 9 * index)) for index in range(holes)}
    actuals = [
        ("parcels", "parcels", centre, midnight(day), day, value)
        for (centre, day), value in counts.items()
        if day <= last_issue and (centre, day) not in missing
    ]
    named_days = [(c[0], *row[1:], "parcels") for c in CENTRES for row in calendar.values()]
    with psycopg.connect(admin_dsn) as connection:
        copy(connection, "actuals", actuals)
        copy(connection, "predictions", _predictions(counts, last_issue, issues))
        copy(connection, "calendar", named_days)
        copy(connection, "models", _models(last_issue))
        copy(connection, "drift", _drift(last_issue))
        copy(connection, "loads", _loads(last_issue))
        connection.execute(_EXPLANATIONS)
        connection.execute(_FRESHNESS)
        connection.execute(_ACCURACY, [last_issue])
        cover(connection, "parcels")
        use_models(connection, "parcels")


def _counts(
    calendar: dict[date, tuple[Any, ...]], last_issue: date, days: int
) -> dict[tuple[str, date], float]:
    """The parcels of each centre on each day, to twenty days after the last issue."""
    counts: dict[tuple[str, date], float] = {}
    for centre, level in LEVEL.items():
        random = np.random.default_rng(int(centre))
        noise = random.normal(0, 0.035, days + 20)
        for index in range(days + 20):
            day = last_issue - timedelta(days=days - 1 - index)
            season = 1 + 0.08 * np.sin(2 * np.pi * (day.timetuple().tm_yday - 100) / 365)
            event = 0.3 if calendar.get(day, (None,) * 7)[6] else 0.0
            value = level * WEEKDAY[day.weekday()] * season * (1 + event + noise[index])
            counts[centre, day] = float(np.rint(max(value, 0)))
    return counts


def _predictions(
    counts: dict[tuple[str, date], float], last_issue: date, issues: int
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for centre in LEVEL:
        random = np.random.default_rng(100 + int(centre))
        for back in range(issues - 1, -1, -1):
            issued_on = last_issue - timedelta(days=back)
            issued_at = datetime.combine(issued_on + timedelta(days=1), datetime.min.time(), UTC)
            for horizon in range(1, 15):
                day = issued_on + timedelta(days=horizon)
                width = 0.032 * (1 + horizon / 20)
                middle = counts[centre, day] * (1 + random.normal(0.002, width))
                spread = abs(middle) * width
                rows.append(
                    (
                        *("parcels", "parcels", centre, midnight(day), day, horizon, middle),
                        *(middle - 1.2816 * spread, middle + 1.2816 * spread),
                        *(max(middle - 1.96 * spread, 0.0), middle + 1.96 * spread),
                        *(issued_at, issued_on, MODEL.format(month=f"{issued_on:%Y-%m}")),
                    )
                )
    return rows


def _calendar(last_issue: date) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for offset in range(-120, 60):
        day = last_issue + timedelta(days=offset)
        holiday = "Fête de la Distribution" if offset == 3 else None
        event = "Black Friday" if offset in (-30, -29, 5, 6) else None
        school = "Vacances de démonstration" if 8 <= offset <= 20 else None
        rows.append((None, day, holiday, offset == 4, school is not None, school, event))
    return rows


def _models(last_issue: date) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for back, wape in ((2, 0.041), (1, 0.039), (0, 0.038)):
        month = (last_issue.replace(day=1) - timedelta(days=28 * back)).replace(day=1)
        cutoff = datetime(month.year, month.month, 1, tzinfo=UTC)
        for candidate, factor in (("lightgbm", 1.0), ("sarima", 1.3), ("seasonal_naive", 1.9)):
            rows.append(
                (
                    *("parcels", "parcels", candidate, month, cutoff),
                    candidate + MODEL.format(month=f"{month:%Y-%m}").removeprefix("lightgbm"),
                    *(candidate == "lightgbm", 1100.0 * factor, wape * factor, 0.6 * factor),
                    *(1600.0 * factor, 0.79, 40880, month - timedelta(days=700)),
                    *(month - timedelta(days=1), "5f3a9c1e" * 8, cutoff + timedelta(hours=2)),
                )
            )
    return rows


def _drift(last_issue: date) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for centre, *_ in CENTRES:
        for back in range(5):
            day = last_issue - timedelta(days=back)
            for feature, psi in (("parcels", 0.12), ("temperature_mean", 0.22)):
                drifts = centre == "2" and feature == "parcels"
                status = "drift" if drifts else "insufficient" if centre == NEVER_REPORTED else "ok"
                value = None if status == "insufficient" else psi + (0.5 if drifts else 0)
                rows.append(
                    ("parcels", centre, day, feature, value, 0.31, 0.2, 0.4, 28, 168, status)
                )
    return rows


def _loads(last_issue: date) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for back in range(30):
        at = datetime.combine(last_issue - timedelta(days=back), datetime.min.time(), UTC)
        rows.append(
            (
                *(
                    "parcels",
                    f"load-{back:03d}",
                    at + timedelta(hours=27),
                    f"colis_{at:%Y%m%d}.csv",
                ),
                *(400, 400 - back % 3, back % 3, None),
            )
        )
    broken = datetime.combine(last_issue, datetime.min.time(), UTC)
    rows.append(
        (
            *("parcels", "load-broken", broken + timedelta(hours=27), "colis_lyon.xlsx", 0, 0, 0),
            "colis_lyon.xlsx: not an Excel file. Export it again, or correct `path`.",
        )
    )
    return rows
