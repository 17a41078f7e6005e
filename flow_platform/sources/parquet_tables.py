"""Parquet as a table. Large files that are read in parts are in `parts.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np

from flow_platform.sources.files import FileUnreadableError, summary_of
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.tables import Column, Table, clean_text


def read_parquet(data: bytes, layouts: Layouts) -> Table:
    """A Parquet file as a table.

    Raises FileUnreadableError where it is damaged or lacks a wanted column.
    """
    import pyarrow.parquet as pq

    try:
        arrow = pq.ParquetFile(BytesIO(data)).read()
    except Exception as error:  # pyarrow raises many kinds on damaged bytes
        raise FileUnreadableError(
            f"is not a readable Parquet file ({summary_of(error)}). Export it again."
        ) from error
    names = [str(name) for name in arrow.column_names]
    layouts.check(names, ".")
    columns = [_readable(arrow.column(place), name) for place, name in enumerate(names)]

    def rows_at(places: Sequence[int]) -> list[Sequence[Any]]:
        taken = [column.arrow.take(np.asarray(places, dtype="int64")) for column in columns]
        return list(zip(*(column.to_pylist() for column in taken), strict=True))

    lines = np.arange(1, arrow.num_rows + 1, dtype="int64")
    header = layouts.header_in(names)
    form = replace(layouts.form_of(names), kind="Parquet")
    return Table(names, lines, dict(enumerate(columns)), rows_at, [], header, form=form)


def _readable(arrow: Any, name: str) -> Column:
    """The column, every value of which Python can hold; as text where it cannot hold one, so that
    this one alone goes to quarantine.

    Raises FileUnreadableError where it has no such texts either.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if pa.types.is_timestamp(arrow.type) and arrow.type.unit == "ns":
            arrow = pc.cast(arrow, pa.timestamp("us", arrow.type.tz), safe=False)
        return _checked(arrow)
    except Exception:  # of many kinds: a date, a decimal or a text that is none
        try:
            return _checked(pc.cast(arrow, pa.string()))
        except Exception as error:
            raise FileUnreadableError(
                f"column {clean_text(name)} cannot be read ({summary_of(error)}). Export it again."
            ) from error


def _checked(arrow: Any) -> Column:
    """The column; raises where Python cannot hold one of its values."""
    import pyarrow as pa

    column, kind = Column.of_arrow(arrow), arrow.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        arrow.validate(full=True)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        _ = column.values
    return column
