"""A small city and its published tables, for the service and its benchmark, without a pipeline.

Trips are drawn from a stated rule, models are trained on them as Dagster would, and the published
relations are tables of the contract's columns. The views themselves are tested where they are made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from psycopg import sql

from flow_platform.flows.trips.models.data import TripData, TripInputs, TripSpec
from flow_platform.flows.trips.models.engine import ENGINE
from flow_platform.models.artefacts import checksum_of
from flow_platform.models.trainer import Trainer
from flow_platform.warehouse import embedded
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.server import Server, create_roles_and_databases
from tests.published_columns import SHARED

ZONES = (
    (1, "Harbour", "South", 40.70, -74.01),
    (2, "Market", "South", 40.72, -73.99),
    (3, "Station", "North", 40.75, -73.98),
    (4, "Hill", "North", 40.80, -73.95),
    (5, "Airport", "East", 40.64, -73.78),
)
UNKNOWN_ZONE = 99
TIMEZONE = "America/New_York"

TABLES = SHARED | {
    "trip_conditions": "place text, timezone text, date date, holiday text,"
    " is_public_holiday bool, is_bridge_day bool, is_school_holiday bool, temperature_mean float8,"
    " precipitation_mm float8, snowfall_cm float8, wind_max_kmh float8",
    "trip_predictions": "trip_id text, centre_id text, pickup_at timestamptz, model text,"
    " predicted_minutes float8, lower_80 float8, upper_80 float8, actual_minutes float8,"
    " model_version text, day date",
    "delivery_orders": "order_id text, centre_id text, status text, shipper text, category text,"
    " price float8, placed_at timestamptz, promised_at timestamptz, predicted_at timestamptz,"
    " lower_80 float8, upper_80 float8, late_probability float8, threshold float8,"
    " is_high_risk bool, reasons jsonb, scored_at timestamptz, last_action text,"
    " last_acted_at timestamptz, last_note text, last_author text, is_resolved bool",
    "trip_minutes_by_hour": "centre_id text, local_hour int, trips bigint, mean_minutes float8,"
    " mean_distance_km float8",
    "trip_minutes_by_weekday": "centre_id text, weekday int, trips bigint, mean_minutes float8,"
    " mean_distance_km float8",
    "trip_minutes_by_borough": "centre_id text, dropoff_centre_id text, trips bigint,"
    " mean_minutes float8, mean_distance_km float8",
    "trip_minutes_by_zone_pair": "centre_id text, pickup_zone int, dropoff_zone int,"
    " pickup_zone_name text, dropoff_zone_name text, trips bigint, mean_minutes float8,"
    " mean_distance_km float8",
    "models": "flow text, measure text, candidate text, month date, cutoff timestamptz,"
    " model_version text, is_champion bool, mae float8, rmse float8, mape float8, wape float8,"
    " mase float8, bias float8, coverage_80 float8, coverage_95 float8, trained_rows bigint,"
    " train_first date, train_last date, sha256 text, trained_at timestamptz, artefact_path text",
    "promotions": "decision_id bigint generated always as identity, flow text, measure text,"
    " effective_day date, decided_at timestamptz default now(), kind text, champion_version text,"
    " challenger_version text, promoted bool, serving_candidate text, serving_month date,"
    " reason text, decided_by text",
    "centres": "centre_id text, name text, latitude float8, longitude float8, country text,"
    " subdivision text, school_zone text, timezone text, daily_capacity float8, flow text,"
    " area text, place text",
    "alerts": "flow text, centre_id text, date date, kind text, subject text, state text,"
    " detail text",
    "loads": "flow text, load_id text, loaded_at timestamptz, file text, first_day date,"
    " last_day date, rows_in_file bigint, rows_read bigint, rows_stored bigint,"
    " rows_quarantined bigint, rows_left bigint, error text, rows_repeated bigint",
}
LATEST = (
    "create view latest_predictions as select distinct on (flow, measure, centre_id, target_at) *"
    " from predictions order by flow, measure, centre_id, target_at, issued_at desc"
)


@dataclass(frozen=True)
class Vintage:
    """A trained model in the home, and its row of published.models."""

    row: Mapping[str, Any]

    @property
    def version(self) -> str:
        return str(self.row["model_version"])


def started(home: Path) -> Server:
    """A database in `home` with the service's tables and the city, and without a model."""
    server = Server(embedded.start(home), None)
    make_database(server)
    fill_city(server, datetime.now(UTC).date())
    return server


def make_database(server: Server) -> None:
    """Roles, migrated tables, and the published tables, empty; what was there is dropped."""
    create_roles_and_databases(server)
    migrate(server)
    with psycopg.connect(server.dsn("admin"), autocommit=True) as connection:
        # Its rights: the service's role may read what this one makes in `published`.
        connection.execute("set role flow_transform")
        connection.execute("set search_path = published")
        connection.execute("drop view if exists latest_predictions")
        for name, columns in TABLES.items():
            connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(name)))
            connection.execute(f"create table {name} ({columns})".encode())
        connection.execute(LATEST)


def insert(server: Server, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows into a published table."""
    rows = list(rows)
    if not rows:
        return
    names = list(rows[0])
    statement = sql.SQL("insert into published.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(map(sql.Placeholder, names)),
    )
    with psycopg.connect(server.dsn("admin")) as connection, connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def execute(server: Server, statement: str, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
    """Run a statement as the administrator, with `%s` or `%(name)s`; returns its rows."""
    with psycopg.connect(server.dsn("admin")) as connection:
        cursor = connection.execute(statement.encode(), named or values or None)
        return cursor.fetchall() if cursor.description else []


def fill_city(server: Server, today: date, zones: Sequence[tuple[Any, ...]] = ZONES) -> None:
    """The zones, and the conditions of 400 days back to 30 ahead; every tenth day is a holiday."""
    names = ("zone_id", "zone", "centre_id", "latitude", "longitude")
    insert(server, "trip_zones", [dict(zip(names, zone, strict=True)) for zone in zones])
    days = [today + timedelta(days=n) for n in range(-400, 31)]
    insert(
        server,
        "trip_conditions",
        [
            {
                "place": "1",
                "timezone": TIMEZONE,
                "date": day,
                "is_public_holiday": day.toordinal() % 10 == 0,
                "is_bridge_day": False,
                "is_school_holiday": day.month == 7,
                "temperature_mean": 12.5,
                "precipitation_mm": 1.5,
                "snowfall_cm": None,
                "wind_max_kmh": 20.0,
            }
            for day in days
        ],
    )
    boroughs = sorted({zone[2] for zone in zones})
    insert(
        server,
        "centres",
        [
            {"centre_id": one, "name": one, "timezone": TIMEZONE, "flow": "trips", "place": "1"}
            for one in boroughs
        ],
    )


def draw_trips(
    rows: int, cutoff: pd.Timestamp, zones: Sequence[tuple[Any, ...]] = ZONES, seed: int = 7
) -> TripData:
    """Trips of the 40 days before `cutoff`: 4 minutes and 2.2 a km, slower at rush hours."""
    random = np.random.default_rng(seed)
    places = np.array([zone[0] for zone in zones], dtype=np.int64)
    where = np.array([zone[3:5] for zone in zones], dtype=float)
    start, end = random.integers(0, len(places), (2, rows))
    seconds = np.sort(random.integers(0, 40 * 86_400 - 7_200, rows))
    first = np.datetime64((cutoff - pd.Timedelta(days=40)).tz_localize(None), "us")
    pickup = first + seconds.astype("timedelta64[s]")
    minute = (seconds // 60) % 1440
    apart = np.hypot(*((where[start] - where[end]) * np.array([111.0, 84.0])).T)
    distance = np.maximum(0.6, apart * random.uniform(1.2, 1.5, rows))
    rush = 1 + 0.4 * np.exp(-(((minute / 60) - 17.5) ** 2) / 8)
    minutes = np.maximum(1.5, (4 + 2.2 * distance) * rush * random.lognormal(0, 0.2, rows))
    unknown = np.full(rows, np.nan)
    return TripData(
        inputs=TripInputs(
            pickup_zone=places[start],
            dropoff_zone=places[end],
            local_minute=minute,
            weekday=((seconds // 86_400) % 7).astype(np.int64),
            is_public_holiday=np.zeros(rows),
            is_school_holiday=np.zeros(rows),
            temperature_mean=unknown,
            precipitation_mm=unknown,
            snowfall_cm=unknown,
            wind_max_kmh=unknown,
            planned_distance_km=distance,
        ),
        pickup_at=pickup,
        available_at=pickup + (minutes * 60).astype("timedelta64[s]"),
        minutes=minutes,
        distance_km=distance,
        zones=np.column_stack([places, where]).astype(float),
    )


def train_artefacts(
    measure: str, candidate: str, data: TripData, cutoff: pd.Timestamp
) -> dict[str, bytes]:
    return Trainer(ENGINE).train(candidate, data, cutoff, TripSpec(measure, seed=1)).artefacts


def slower(data: TripData, factor: float) -> TripData:
    """The same trips, each `factor` times as long: a model of them is known by its predictions."""
    return replace(data, minutes=data.minutes * factor)


def keep(
    home: Path,
    measure: str,
    candidate: str,
    month: date,
    artefacts: Mapping[str, bytes],
    *,
    is_champion: bool = True,
) -> Vintage:
    """Put artefacts into the home as the registry does; the row is not in the database yet."""
    checksum = checksum_of(artefacts)
    path = Path("models") / "trips" / measure / uuid.uuid4().hex
    (home / path).mkdir(parents=True, exist_ok=True)
    for name, content in artefacts.items():
        (home / path / name).write_bytes(content)
    return Vintage(
        {
            "flow": "trips",
            "measure": measure,
            "candidate": candidate,
            "month": month,
            "cutoff": datetime(month.year, month.month, 1, tzinfo=UTC),
            "model_version": f"{candidate}-{month:%Y-%m}-{checksum[:8]}",
            "is_champion": is_champion,
            "mae": 3.0,
            "rmse": 4.0,
            "coverage_80": 0.8,
            "trained_rows": 1000,
            "train_first": month - timedelta(days=40),
            "train_last": month - timedelta(days=1),
            "sha256": checksum,
            "trained_at": datetime.now(UTC),
            "artefact_path": str(path),
        }
    )


def serve(server: Server, vintage: Vintage) -> None:
    """Let a vintage be the champion of its measure, in one transaction, as training does."""
    row = vintage.row
    names = list(row)
    with psycopg.connect(server.dsn("admin")) as connection:
        connection.execute(
            "delete from published.models where flow = %(flow)s and measure = %(measure)s", row
        )
        connection.execute(
            sql.SQL("insert into published.models ({}) values ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join(map(sql.Placeholder, names)),
            ),
            row,
        )
