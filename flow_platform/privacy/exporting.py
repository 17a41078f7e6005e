"""All data of a person, as one JSON file that only its owner can read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.roles import ADMIN
from flow_platform.ground.state_files import create_file
from flow_platform.platform import Platform
from flow_platform.privacy.holdings import Holdings, Person, holdings_of_person
from flow_platform.privacy.places import NOTES, QUARANTINE, select_rows


@dataclass(frozen=True)
class Export:
    """Where an export was written, and how many rows by table it has."""

    path: Path
    rows: dict[str, int]


def export(platform: Platform, person: Person, actor: str, output: Path | None = None) -> Export:
    """Write all data of a person; without `output` into FLOW_HOME/privacy/exports.

    Rows are as the tables hold them, rejected ones with the sealed text. Raises ConfigurationError
    if the file exists or cannot be written.
    """
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    pseudonym = pseudonyms.customer(person.customer_id)
    with platform.store(ADMIN).connect() as connection:
        connection.execute("set transaction isolation level repeatable read")
        held = holdings_of_person(connection, person, pseudonyms)
        tables = {
            place.table: rows
            for place in held.places
            if (rows := select_rows(connection, place, held.theirs))
        }
        _add_sealed_and_notes(connection, held, tables)
        counts = {table: len(rows) for table, rows in tables.items()}
        path = output or _default_path(platform, pseudonym)
        export = {
            "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "customer": person.customer_id,
            "emails": list(person.emails),
            "names": list(person.names),
            "pseudonym": pseudonym,
            "rows": counts,
            "tables": tables,
        }
        _write(path, json.dumps(export, ensure_ascii=False, indent=2, default=str))
        connection.execute(
            "insert into ops.privacy_audit (actor, action, subject, rows)"
            " values (%s, 'export', %s, %s)",
            (actor, pseudonyms.erased_customer(pseudonym), Jsonb(counts)),
        )
    return Export(path, counts)


def remove_exports(platform: Platform, pseudonym: str) -> int:
    """Delete a person's files in FLOW_HOME/privacy/exports; returns how many."""
    found = list(exports_folder(platform).glob(f"{pseudonym}-*"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def exports_folder(platform: Platform) -> Path:
    return platform.privacy_folder / "exports"


def _add_sealed_and_notes(
    connection: Any, held: Holdings, tables: dict[str, list[dict[str, object]]]
) -> None:
    for row in held.sealed:
        facts = connection.execute(
            "select to_jsonb(q) - 'subjects' - 'payload' || (q.payload - 'sealed')"
            " from ops.quarantine as q where q.ctid = %s::tid",
            (row.ctid,),
        ).fetchone()[0]
        tables.setdefault(QUARANTINE, []).append({**facts, "payload": row.text})
    for note in held.notes:
        facts = connection.execute(
            "select to_jsonb(a) from ops.desk_actions as a where action_id = %s",
            (note.action_id,),
        ).fetchone()[0]
        tables.setdefault(NOTES, []).append(facts)


def _default_path(platform: Platform, pseudonym: str) -> Path:
    folder = exports_folder(platform)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Named by the pseudonym, so that erasing finds it.
    return folder / f"{pseudonym}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.json"


def _write(path: Path, text: str) -> None:
    if not create_file(path, text):
        raise ConfigurationError(f"{path} exists. Name another file with --output.")
