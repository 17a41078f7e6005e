"""Reading frames from the warehouse and replacing partitions in it, each as its own role.

The only place where Python writes bulk rows. What the rows mean is decided by the callers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from flow_platform.ground.errors import WarehouseError
from flow_platform.ground.rectangle import Rectangle
from flow_platform.warehouse.server import Server

# Rows a transaction carries at the most: bounds memory and the work a crash throws away.
_ROWS_A_TRANSACTION = 500_000
# The first key of the advisory locks of writers; dbt_project.yml has the same.
WRITE_LOCKS = 7301


@dataclass(frozen=True)
class Store:
    """The warehouse database seen as one role."""

    server: Server
    role: str

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection in a transaction: committed at the end, rolled back on an error."""
        try:
            connection = psycopg.connect(
                self.server.dsn(self.role), connect_timeout=10, options="-c timezone=UTC"
            )
        except psycopg.OperationalError as error:
            raise WarehouseError(
                f"The warehouse cannot be reached as {self.role}: {error}."
                " `flow status` says what is up; `flow up` starts it."
            ) from error
        with connection:
            yield connection

    def read(self, query: str, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The rows of `query` as a frame: timestamptz in UTC, date as datetime64, jsonb as objects.

        Goes through COPY and Arrow, which reads ten times as many rows a second as a cursor does.
        """
        with self.connect() as connection:
            cursor = psycopg.ClientCursor(connection)
            text = cursor.mogrify(query, params)  # COPY takes no parameters of its own
            cursor.execute(f"select * from ({text}) as asked limit 0")
            assert cursor.description is not None
            types = {column.name: column.type_code for column in cursor.description}
            buffer = io.BytesIO()
            with cursor.copy(f"copy ({text}) to stdout (format csv)") as copy:
                for block in copy:
                    buffer.write(block)
        buffer.seek(0)
        return frame_of(buffer, types)

    def replace(
        self,
        table: str,
        frame: pd.DataFrame,
        rectangle: Rectangle,
        *,
        equal: Mapping[str, str] | None = None,
        since: tuple[str, Any] | None = None,
    ) -> int:
        """Replace the rows of `rectangle` in `table` (schema.name) by the rows of `frame`.

        `frame` has a column per table column it fills, `centre_id` and `day` among them; `equal`
        narrows what is deleted in tables that several flows share; `since`, a column and a value,
        leaves rows alone whose column is less. Delete and insert are one transaction for each slice
        of centres, so a reader sees a partition as it was or as it is. One writer of a table and
        flow at a time: others wait, then replace what it wrote. Returns the rows written. Rows
        outside of `rectangle` raise WarehouseError.
        """
        fixed = dict(equal or {})
        days = pd.to_datetime(frame["day"])
        outside = ~frame["centre_id"].isin(rectangle.centres) | ~days.between(
            pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day)
        )
        if bool(outside.any()):
            first = frame[outside.to_numpy()].iloc[0]
            raise WarehouseError(
                f"{int(outside.sum())} rows for {table} lie outside of the partitions asked for,"
                f" the first at centre {first['centre_id']}, day {first['day']}. This is a fault in"
                " the source's code: it must return the asked partitions only."
            )
        rows_a_centre = max(1, len(frame) // max(1, len(rectangle.centres)))
        slices = rectangle.by_centres(max(1, _ROWS_A_TRANSACTION // rows_a_centre))
        delete = sql.SQL(
            "delete from {} where centre_id = any(%(centres)s)"
            " and day between %(first)s and %(last)s {}"
        ).format(
            _table(table),
            sql.SQL("").join(
                [
                    *(
                        sql.SQL(" and {} = {}").format(sql.Identifier(name), sql.Literal(value))
                        for name, value in fixed.items()
                    ),
                    *(
                        [
                            sql.SQL(" and {} >= {}").format(
                                sql.Identifier(since[0]), sql.Literal(since[1])
                            )
                        ]
                        if since
                        else []
                    ),
                ]
            ),
        )
        for part in slices:
            rows = frame[frame["centre_id"].isin(part.centres)]
            with self.connect() as connection, connection.cursor() as cursor:
                lock_writes(connection, table, fixed)
                cursor.execute(
                    delete,
                    part.window,
                )
                copy_rows(cursor, table, rows.assign(**fixed))
        return len(frame)


def lock_writes(
    connection: psycopg.Connection, table: str, narrowed: Mapping[str, str] | None = None
) -> None:
    """Wait until no other transaction writes to `table` (schema.name), and keep others waiting.

    Every transaction that deletes rows and inserts others in their place begins with this: without
    it two at once would not see each other's rows and keep both. `narrowed` names the part of a
    table that several flows share. Held until the transaction ends.
    """
    part = "".join(f" {name}={value}" for name, value in sorted((narrowed or {}).items()))
    # Two keys: locks of one key, as the registry's, can never be taken for these.
    connection.execute(
        "select pg_advisory_xact_lock(%s, hashtext(%s))", (WRITE_LOCKS, table + part)
    )


def frame_of(buffer: io.BytesIO, types: Mapping[str, int]) -> pd.DataFrame:
    """The rows of a COPY in CSV as `Store.read` gives them; `types` are OIDs by column."""
    import pyarrow as pa
    import pyarrow.csv

    if not buffer.getbuffer().nbytes:
        table = pa.table({name: pa.array([], _arrow_type(code)) for name, code in types.items()})
    else:
        table = pyarrow.csv.read_csv(
            buffer,
            pyarrow.csv.ReadOptions(column_names=list(types)),
            # A row of one column that is null is an empty line.
            pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types={name: _arrow_type(code) for name, code in types.items()},
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    frame = table.to_pandas()
    for name, code in types.items():
        if code == OIDS["date"]:
            frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
        elif code == OIDS["jsonb"]:
            frame[name] = [json.loads(one) if isinstance(one, str) else None for one in frame[name]]
    return frame


def copy_rows(cursor: psycopg.Cursor, table: str, frame: pd.DataFrame) -> None:
    """COPY `frame` into `table` inside the cursor's transaction; columns go by name.

    The cursor is one of `Store.connect`: its session takes moments without an offset as UTC.
    """
    if frame.empty:
        return
    import pyarrow as pa
    import pyarrow.csv

    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    # Moments that bear a zone are written twenty times slower, half of the cost of a load.
    bare = [
        pa.field(
            one.name, pa.timestamp(one.type.unit) if pa.types.is_timestamp(one.type) else one.type
        )
        for one in arrow.schema
    ]
    arrow = arrow.cast(pa.schema(bare))
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(
        arrow, buffer, pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    )
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        _table(table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    with cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())


def _table(name: str) -> sql.Composed:
    return sql.SQL(".").join(map(sql.Identifier, name.split(".")))


OIDS = {
    name: psycopg.postgres.types[name].oid
    for name in (
        "date",
        "timestamptz",
        "float8",
        "numeric",
        "int2",
        "int4",
        "int8",
        "bool",
        "jsonb",
    )
}


def _arrow_type(code: int) -> Any:
    import pyarrow as pa

    return {
        OIDS["date"]: pa.date32(),
        OIDS["timestamptz"]: pa.timestamp("us", tz="UTC"),
        OIDS["float8"]: pa.float64(),
        OIDS["numeric"]: pa.float64(),
        OIDS["int2"]: pa.int64(),
        OIDS["int4"]: pa.int64(),
        OIDS["int8"]: pa.int64(),
        OIDS["bool"]: pa.bool_(),
    }.get(code, pa.string())
