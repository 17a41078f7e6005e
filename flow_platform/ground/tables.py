"""A table of the warehouse as Python describes it: its name, and its columns with their types.

The tables themselves are made by migrations; a test holds that the two agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: its name, its PostgreSQL type, and what its values are, in a few words."""

    name: str
    type: str
    description: str


# Columns that many tables have, by name.
_SHARED = {
    one.name: one
    for one in (
        Column("centre_id", "text", "The centre."),
        Column("day", "date", "Partition day (UTC)."),
        Column("available_at", "timestamptz", "When the row became known."),
        Column("source_file", "text", "File that has the row."),
        Column("source_line", "bigint", "Line of the file."),
    )
}


@dataclass(frozen=True)
class Table:
    """A table (schema.name) and its columns, in their order."""

    name: str
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, name: str, columns: str) -> Table:
        """The table of a text with a column a line: name, type, description.

        Two blanks or more separate the three. A line with nothing but the name of a column that
        many tables have (centre_id, day, available_at, source_file, source_line) is that column.
        Raises ValueError for any other line.

        >>> Table.of("raw.parcels", '''
        ...     centre_id
        ...     parcels    double precision  Parcels of the row.
        ... ''').names
        ('centre_id', 'parcels')
        """
        return cls(name, tuple(map(_column, columns.strip().splitlines())))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


def _column(line: str) -> Column:
    parts = re.split(r"  +", line.strip())
    if len(parts) == 3:
        return Column(*parts)
    if len(parts) == 1 and parts[0] in _SHARED:
        return _SHARED[parts[0]]
    raise ValueError(
        f"{line.strip()!r} is no column. Write its name, type and description, each two blanks"
        " apart."
    )
