"""Builds one small seeded home of all five flows, and prints a checksum of each of its tables.

Used to prove that a change of structure changes no forecast: build a home with the old code and one
with the new code, and compare the checksums. Everything goes through the `flow` command, so that
the script runs on any version of the platform.

    python tests/tools/seeded_home.py build /tmp/a --flow .venv/bin/flow
    python tests/tools/seeded_home.py checksums /tmp/a --flow .venv/bin/flow > before.json
    python tests/tools/seeded_home.py compare before.json after.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from psycopg import sql

# Fixed days, so that the same home is built whenever the script runs.
STEPS: tuple[tuple[str, ...], ...] = (
    ("backfill", "parcels", "--from", "2023-06-01", "--to", "2025-02-19", "--history"),
    ("backfill", "parcels", "--from", "2025-02-20", "--to", "2025-03-12"),
    ("backfill", "retail", "--from", "2024-01-01", "--to", "2025-02-24", "--history"),
    ("backfill", "retail", "--from", "2025-02-25", "--to", "2025-03-04"),
    ("backfill", "traffic", "--from", "2024-11-01", "--to", "2025-02-26", "--history"),
    ("backfill", "traffic", "--from", "2025-02-27", "--to", "2025-03-02"),
    ("backfill", "trips", "--from", "2025-01-15", "--to", "2025-02-25", "--history"),
    ("backfill", "trips", "--from", "2025-02-26", "--to", "2025-03-02"),
    ("backfill", "deliveries", "--from", "2024-10-01", "--to", "2025-02-19", "--history"),
    ("segment", "--from", "2025-02", "--to", "2025-03"),
    ("backfill", "deliveries", "--from", "2025-02-20", "--to", "2025-03-05"),
)
ENVIRONMENT = {
    "FLOW_FIRST_DAY": "2023-06-01",
    "FLOW_SECRET": "seeded-home-for-comparison-0123456789",
}
SCHEMAS = ("raw", "merged", "ml", "monitoring", "ops")
# Clock times, places on the disk and numbers that count attempts say nothing about a forecast.
VOLATILE = {
    "trained_at", "decided_at", "loaded_at", "quarantined_at", "settled_at", "tuned_at",
    "decision_id", "artefact_path", "fingerprint", "mark", "request", "study",
}  # fmt: skip


def build(flow: str, home: Path) -> None:
    for step in STEPS:
        start = time.monotonic()
        subprocess.run([flow, *step], check=True, env=_environment(home), stdout=subprocess.DEVNULL)
        print(f"{time.monotonic() - start:6.1f} s  flow {' '.join(step)}", file=sys.stderr)


def checksums(flow: str, home: Path) -> dict[str, list[int | str]]:
    """By table: how many rows it has, and the md5 of their sorted texts, column by column."""
    dsn = subprocess.run(
        [flow, "dsn", "--role", "admin"],
        check=True, capture_output=True, text=True, env=_environment(home),
    ).stdout.strip()  # fmt: skip
    found: dict[str, list[int | str]] = {}
    with psycopg.connect(dsn, options="-c timezone=UTC -c extra_float_digits=3") as connection:
        tables = connection.execute(
            "select table_schema, table_name, array_agg(column_name::text order by"
            " ordinal_position) from information_schema.columns join information_schema.tables"
            " using (table_schema, table_name) where table_type = 'BASE TABLE'"
            " and table_schema = any(%s) group by 1, 2 order by 1, 2",
            (list(SCHEMAS),),
        ).fetchall()
        for schema, table, columns in tables:
            kept = [sql.Identifier(name) for name in columns if name not in VOLATILE]
            row = connection.execute(
                sql.SQL(
                    "select count(*), coalesce(md5(string_agg(line, E'\\n' order by line)), '')"
                    " from (select md5(row({})::text) as line from {}) as lines"
                ).format(sql.SQL(", ").join(kept), sql.Identifier(schema, table))
            ).fetchone()
            assert row is not None
            found[f"{schema}.{table}"] = list(row)
    return found


def compare(before: Path, after: Path) -> int:
    """Print the tables that differ; returns how many."""
    old, new = json.loads(before.read_text()), json.loads(after.read_text())
    different = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    for name in different:
        print(f"{name}: {old.get(name)} became {new.get(name)}")
    print(f"{len(different)} of {len(old.keys() | new.keys())} tables differ")
    return len(different)


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "FLOW_HOME": str(home)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "checksums"):
        command = commands.add_parser(name)
        command.add_argument("home", type=Path)
        command.add_argument("--flow", default="flow", help="the `flow` command to use")
    both = commands.add_parser("compare")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "build":
        build(chosen.flow, chosen.home)
    elif chosen.command == "checksums":
        print(json.dumps(checksums(chosen.flow, chosen.home), indent=1))
    elif compare(chosen.before, chosen.after):
        sys.exit(1)


if __name__ == "__main__":
    main()
