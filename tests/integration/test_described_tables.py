"""The columns that Dagster shows of each asset are those of its table in the database."""

from __future__ import annotations

import pytest

from flow_platform.definitions import build_definitions
from flow_platform.ground.roles import ADMIN
from flow_platform.platform import Platform

pytestmark = pytest.mark.integration

# Dagster's types are written by hand in Python, by PostgreSQL in dbt's.
SAME = {"timestamptz": "timestamp with time zone"}


def test_every_asset_shows_all_columns_of_its_table_with_their_types(filled: Platform) -> None:
    with filled.store(ADMIN).connect() as connection:
        rows = connection.execute(
            "select attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod)"
            " from pg_attribute where attnum > 0 and not attisdropped and attrelid in"
            " (select oid from pg_class where relkind in ('r', 'v', 'p'))"
        ).fetchall()
    stored: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        stored.setdefault(table, {})[column] = kind
    graph = build_definitions(filled).resolve_asset_graph()
    wrong = {}
    for key in graph.materializable_asset_keys:
        metadata = graph.get(key).metadata
        table = ".".join(str(metadata["dagster/table_name"]).split(".")[-2:])
        columns = metadata["dagster/column_schema"].columns
        shown = {one.name: SAME.get(one.type, one.type) for one in columns}
        if shown != stored[table]:
            wrong[key.to_user_string()] = sorted(set(shown.items()) ^ set(stored[table].items()))
    assert wrong == {}
