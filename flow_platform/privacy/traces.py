"""Looking for words of an erased person in files and databases that should never hold them.

Such words are overwritten in logs, files of the cache that hold them are removed, and every other
place is reported. Tables that hold persons by purpose are in `places.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from flow_platform.ground.roles import ADMIN
from flow_platform.platform import Platform
from flow_platform.sources.erased import is_distinctive
from flow_platform.warehouse.server import (
    DAGSTER_DATABASE,
    MLFLOW_DATABASE,
    OPTUNA_DATABASE,
    WAREHOUSE_DATABASE,
)

DATABASES = (WAREHOUSE_DATABASE, DAGSTER_DATABASE, MLFLOW_DATABASE, OPTUNA_DATABASE)
_CHUNK = 4 * 1024 * 1024
_LONGEST = 1024


@dataclass
class Traces:
    """Places where words were found: overwritten in logs, removed from the cache, and left."""

    overwritten: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    not_sought: int = 0  # words too short, or of too few letters, to be sought in any text


def clean_traces(platform: Platform, words: Iterable[str], pseudonym: str) -> Traces:
    """Seek the words and the pseudonym in FLOW_HOME and in every database of the installation."""
    asked = [word.strip() for word in words]
    sought = [word for word in asked if is_distinctive(word)]
    traces = Traces(not_sought=len(asked) - len(sought))
    sought.append(pseudonym)
    home = platform.settings.home_path
    for path in _files(home):
        _clean_file(home, path, _pattern(sought), traces)
    for database in DATABASES:
        with psycopg.connect(platform.server.dsn(ADMIN, database)) as connection:
            _seek_in_tables(connection, database, sought, traces)
    return traces


def _files(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home).parts
        # The server's own files are rewritten through the server; its log is a log.
        is_servers = inside[0] == "postgres" and inside != ("postgres", "log")
        if not is_servers and inside[0] != "privacy" and path.is_file() and not path.is_symlink():
            yield path


def _clean_file(home: Path, path: Path, pattern: re.Pattern[bytes], traces: Traces) -> None:
    inside = path.relative_to(home)
    try:
        places = _found_in(path, pattern)
        if not places:
            return
        if inside.parts[0] == "cache":
            path.unlink()
            traces.removed.append(str(inside))
        elif _is_log(inside):
            with path.open("r+b") as file:  # in place: a service may be writing to it
                for start, end in places:
                    file.seek(start)
                    file.write(b"*" * (end - start))
            traces.overwritten[str(inside)] = len(places)
        else:
            traces.left[str(inside)] = len(places)
    except FileNotFoundError:
        return
    except OSError:
        traces.left[f"{inside} (cannot be read or written)"] = 1


def _is_log(inside: Path) -> bool:
    return (
        inside.suffix in (".log", ".out", ".err")
        or "logs" in inside.parts
        or (inside.parts == ("postgres", "log"))
    )


def _found_in(path: Path, pattern: re.Pattern[bytes]) -> list[tuple[int, int]]:
    """Where the pattern occurs in a file; portions overlap, so that none hides at a seam."""
    found: set[tuple[int, int]] = set()
    with path.open("rb") as file:
        start, held = 0, b""
        while block := file.read(_CHUNK):
            text = held + block
            found |= {(start + one.start(), start + one.end()) for one in pattern.finditer(text)}
            held = text[-_LONGEST:]
            start += len(text) - len(held)
    return sorted(found)


def _pattern(words: Iterable[str]) -> re.Pattern[bytes]:
    """The words as files may write them: as they are, escaped in JSON or in an address."""
    forms = {form for word in words for form in _forms(word)}
    either = b"|".join(
        rb"[\s+]+".join(re.escape(part.encode()) for part in form.split())
        for form in sorted(forms, key=len, reverse=True)
    )
    return re.compile(rb"(?<![A-Za-z0-9_])(?:" + either + rb")(?![A-Za-z0-9_])", re.IGNORECASE)


def _forms(word: str) -> set[str]:
    written = {word, word.lower(), word.upper(), word.title()}  # bytes know no case beyond ASCII
    return written | {json.dumps(one)[1:-1] for one in written} | {quote(one) for one in written}


def _seek_in_tables(
    connection: psycopg.Connection, database: str, words: list[str], traces: Traces
) -> None:
    # Statements that a server logs must not bring into its log what is sought in it.
    for setting in ("log_parameter_max_length", "log_parameter_max_length_on_error"):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set {} = 0").format(sql.Identifier(setting)))
        except psycopg.errors.InsufficientPrivilege:
            pass
    forms = sorted({form.lower() for word in words for form in _forms(word)})
    parts = [_LIKE.sub(r"\\\1", form.split()[0]) for form in forms]
    # Finding a part is quick, and rules out nearly every row before the pattern is tried.
    asked = {"parts": [f"%{part}%" for part in parts], "patterns": [_posix(one) for one in forms]}
    for schema, table, names, are_bytes in connection.execute(_TEXT_COLUMNS).fetchall():
        text = sql.SQL(" || ' ' || ").join(
            sql.SQL(
                "coalesce(encode({}, 'escape'), '')" if is_bytes else "coalesce({}::text, '')"
            ).format(sql.Identifier(name))
            for name, is_bytes in zip(names, are_bytes, strict=True)
        )
        query = sql.SQL(
            "select count(*) from (select {} as content from {} offset 0) as rows"
            " where lower(content) like any(%(parts)s) and content ~* any(%(patterns)s)"
        ).format(text, sql.Identifier(schema, table))
        row = connection.execute(query, asked).fetchone()
        if row is not None and row[0]:
            traces.left[f"database {database}: {schema}.{table}"] = row[0]


def _posix(word: str) -> str:
    """A PostgreSQL regular expression of the whole word, whatever blanks are in it."""
    parts = [re.sub(r"([^\w\s@-])", r"\\\1", part) for part in word.split()]
    return r"(^|[^[:alnum:]_])" + r"\s+".join(parts) + r"($|[^[:alnum:]_])"


_LIKE = re.compile(r"([%_\\])")
_TEXT_COLUMNS = """
select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum),
    array_agg(t.typname = 'bytea' order by a.attnum)
from pg_attribute a join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'm') and a.attnum > 0 and not a.attisdropped
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and (t.typcategory in ('S', 'A') or t.typname in ('json', 'jsonb', 'bytea', 'xml'))
group by 1, 2 order by 1, 2
"""
