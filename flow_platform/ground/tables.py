"""A table of the warehouse as Python describes it: its name, and its columns with their types.

The tables themselves are made by migrations; a test holds that the two agree.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: its name, its PostgreSQL type, and what its values are, in a few words."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Table:
    """A table (schema.name) and its columns, in their order.

    >>> Table("raw.example", (Column("day", "date", "Partition day (UTC)."),)).names
    ('day',)
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


CENTRE = Column("centre_id", "text", "The centre.")
DAY = Column("day", "date", "Partition day (UTC).")
AVAILABLE_AT = Column("available_at", "timestamptz", "When the row became known.")
SOURCE_FILE = Column("source_file", "text", "File that has the row.")
SOURCE_LINE = Column("source_line", "bigint", "Line of the file.")
