"""The made-up tables, and what all flows fill them with: copied rows, and how often bands held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from tests.published_columns import SHARED

TABLES = SHARED | {
    "actuals": "flow text, measure text, centre_id text, target_at timestamptz, date date,"
    " value float8",
    "explanations": "flow text, measure text, centre_id text, date date, issued_on date,"
    " prediction float8, usual float8, by_calendar float8, by_weather float8, by_events float8,"
    " by_recent_level float8, by_trend float8",
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
    "trip_durations_daily": "centre_id text, date date, weekday int, local_hour int,"
    " dropoff_centre_id text, trips bigint, minutes float8, distance_km float8",
    "trip_zone_pairs_daily": "centre_id text, date date, pickup_zone int, dropoff_zone int,"
    " trips bigint, minutes float8, distance_km float8, scored bigint, absolute_error float8",
    "trip_calibration_daily": "centre_id text, date date, model text, from_minutes int,"
    " trips bigint, predicted float8, actual float8, inside_80 bigint",
    "trip_accuracy": "centre_id text, date date, model text, trips bigint, mae float8, rmse float8,"
    " r2 float8, bias float8, coverage_80 float8, mean_width_80 float8, mean_actual float8,"
    " sd_actual float8, by_fallback bigint, model_version text",
    "model_use": "flow text, measure text, model_version text, newest_day date, predictions bigint",
    "streams": "flow text, source text, partition text, position bigint, rows_stored bigint,"
    " rows_quarantined bigint, rows_repeated bigint, last_event_at timestamptz,"
    " last_message_at timestamptz",
    "loads": "flow text, load_id text, loaded_at timestamptz, file text, rows_read bigint,"
    " rows_stored bigint, rows_quarantined bigint, error text",
    "days_not_whole": "flow text, centre_id text, day date, rows_refused bigint,"
    " rows_without_day bigint, rows_stored bigint, reason text",
}

# The centres file: sorting centres of parcels.
CENTRES = [
    ("1", "Paris Nord (Gennevilliers)", 48.93, 2.29, "FR", "92", "C", "Europe/Paris", 62000.0),
    ("2", "Lyon (Vénissieux)", 45.70, 4.89, "FR", "69", "A", "Europe/Paris", 41000.0),
    ("3", "Marseille (Vitrolles)", 43.46, 5.25, "FR", "13", "B", "Europe/Paris", None),
    ("4", "Lille (Lesquin)", 50.59, 3.11, "FR", "59", "B", "Europe/Paris", 34000.0),
    ("5", "Strasbourg (Geispolsheim)", 48.52, 7.65, "FR", "67", "B", "Europe/Paris", 16000.0),
]


def make_role(admin_dsn: str) -> None:
    """The role the app reads with, as the platform makes it: select on `published`, no more."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        if not connection.execute(
            "select 1 from pg_roles where rolname = 'flow_dashboard'"
        ).fetchone():
            connection.execute("create role flow_dashboard login")


def make_tables(admin_dsn: str) -> None:
    """The published tables, empty but for the centres, and one private table in addition."""
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
        copy(connection, "centres", [(*centre, "parcels") for centre in CENTRES])


def cover(connection: psycopg.Connection, flow: str) -> None:
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


def midnight(day: date) -> datetime:
    """The beginning of a day in Paris."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Paris"))


def copy(connection: psycopg.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows to a published table, given by its first columns."""
    if not rows:
        return
    names = [column.split()[0] for column in TABLES[table].split(", ")][: len(rows[0])]
    target = sql.SQL("copy published.{} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(target) as copied:
        for row in rows:
            copied.write_row(row)


def use_models(connection: psycopg.Connection, flow: str) -> None:
    """Which model made the predictions of the newest day of a series flow."""
    connection.execute(
        """
        insert into published.model_use
        select flow, measure, model_version, issued_on, count(*) from published.predictions
        where flow = %(flow)s and issued_on = (
            select max(issued_on) from published.predictions where flow = %(flow)s
        )
        group by flow, measure, model_version, issued_on
        """,
        {"flow": flow},
    )
