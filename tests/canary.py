"""Where words are found in an installation: every table of every database, sealed texts, files.

Written apart from `flow_platform/privacy`, which it judges: it looks at everything, by brute force.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.platform import Platform

_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'p') and n.nspname <> 'pg_toast' order by 1, 2
"""


def places_of(platform: Platform, words: Iterable[str]) -> list[str]:
    """Each place in which one of the words occurs, whatever its case and however it is escaped.

    Looks at every row of every table of every database of the server, system catalogs included, at
    what sealed payloads say, and at the name and content of every file in FLOW_HOME but those that
    the database server keeps its tables in.
    """
    forms = sorted({form for word in words for form in _forms(word)})
    assert all(len(form) > 3 for form in forms), "too short a word is found everywhere"
    return [
        *_in_databases(platform, forms),
        *_in_sealed_rows(platform, forms),
        *_in_files(platform.settings.home_path, forms),
    ]


def _forms(word: str) -> set[str]:
    low = word.lower()
    return {low, json.dumps(low)[1:-1], low.encode().hex()}


def _in_databases(platform: Platform, forms: list[str]) -> list[str]:
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        databases = [
            row[0]
            for row in connection.execute("select datname from pg_database where datallowconn")
        ]
    found = []
    for database in databases:
        with psycopg.connect(platform.server.dsn("admin", database)) as connection:
            for schema, table in connection.execute(_TABLES).fetchall():
                name = sql.Identifier(schema, table)
                text = _whole(connection, name)
                present = [form for form in forms if form in text]
                if present:
                    query = sql.SQL("select t::text from {} as t").format(name)
                    rows = [row[0].lower() for row in connection.execute(query)]
                    found += [
                        f"{database}: {schema}.{table}: {form!r} in {count} rows"
                        for form in present
                        for count in [sum(form in row for row in rows)]
                    ]
    return found


def _whole(connection: psycopg.Connection, table: sql.Identifier) -> str:
    """All rows of a table as one text in small letters; binary, in which nothing is escaped."""
    query = sql.SQL("copy (select t::text from {} as t) to stdout (format binary)").format(table)
    with connection.cursor().copy(query) as blocks:
        return b"".join(map(bytes, blocks)).decode("utf-8", "replace").lower()


def _in_sealed_rows(platform: Platform, forms: list[str]) -> list[str]:
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        rows = connection.execute(
            "select source_file, source_line, payload ->> 'sealed' from ops.quarantine"
            " where payload ->> 'sealed' is not null"
        ).fetchall()
    found = []
    for file, line, sealed in rows:
        text = platform.kept(DeliveriesContext).pseudonyms.unseal(sealed).lower()
        found += [f"sealed {file} {line}: {form!r}" for form in forms if form in text]
    return found


def _in_files(home: Path, forms: list[str]) -> list[str]:
    found = []
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        found += [f"name of {inside}: {form!r}" for form in forms if form in str(inside).lower()]
        is_servers = inside.parts[0] == "postgres" and inside.parts[1:] != ("log",)
        if is_servers or not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        text = content.decode("utf-8", "replace").lower()
        found += [f"{inside}: {form!r}" for form in forms if form in text]
    return found
