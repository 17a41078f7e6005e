"""Wide tables: a line for each day and a column for each centre, or the other way round.

Each cell that is not empty becomes a row, at this one place for all flows and kinds of files. What
the cells mean, and which centres there are, is the business of each flow's module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.ground.source_config import WideSource
from flow_platform.sources import values
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.ids import is_total
from flow_platform.sources.layouts import Layouts, Wide, folded
from flow_platform.sources.tables import BrokenRow, Column, Table, clean_text, objects, payload_json

# What the heading and the content of a cell are called in its row.
HEADING, CELL = "(column)", "(cell)"


def wide_layouts(config: WideSource, value: str) -> Layouts:
    """The headers of a wide source, whose cells hold what we call `value`."""
    time, mapped = config.time_column, config.columns
    sides = [one for one in (time, "centre_id") if one in mapped] or [time, "centre_id"]
    known = {"available_at": mapped["available_at"]} if "available_at" in mapped else {}
    return Layouts(
        tuple({side: mapped.get(side, side), **known} for side in sides),
        (time, "centre_id", *known),
        numbers=(value,),
        counts=(value,),
        every_column=True,
        wide=Wide(time, "centre_id", value, tuple(config.ignore)),
    )


def rows_of_cells(table: Table, wide: Wide) -> Table:
    """A wide table as a long one: a row for each cell that is not empty, line by line.

    A row has the line's number, and of the line what the header maps; the column's heading is in
    HEADING, the content in CELL. A line or a column that adds up others, and a line that does not
    begin with its day or centre, are broken rows: the line is one, the column one for each cell.

    Raises FileUnreadableError where the table is long, or two columns have one heading.
    """
    side, other = wide.time, wide.centre
    if side not in table.header:
        side, other = other, side
    places = {ours: table.names.index(theirs) for ours, theirs in table.header.items()}
    headings = _headings(table, wide, side, other, set(places.values()))
    first = table.columns[places[side]]
    filled = np.zeros((len(table), len(headings)), dtype=bool)
    for number, place in enumerate(headings):
        column = table.columns[place]
        filled[:, number] = ~_empty(column)[column.codes]
    line_faults = first.parsed(lambda value: _line_fault(value, table.header[side]))[first.codes]
    lost = np.array([one is not None for one in line_faults], dtype=bool) & filled.any(axis=1)
    broken = [
        BrokenRow(int(table.lines[at]), line_faults[at], payload_json(table.names, row))
        for at, row in zip(
            np.flatnonzero(lost).tolist(), table.rows_at(np.flatnonzero(lost).tolist()), strict=True
        )
    ]
    filled &= ~lost[:, None]
    titles = [table.names[place] for place in headings]
    totals = np.array([is_total(one) for one in titles], dtype=bool)
    broken += _totals(table, filled & totals, headings, places[side])
    lines, numbers = np.nonzero(filled & ~totals)
    kept = {table.names[place]: table.columns[place] for place in places.values()}
    columns = [Column.of_distinct(one.values, one.codes[lines]) for one in kept.values()]
    columns += [
        Column.of_distinct(objects(titles), numbers.astype("int32")),
        _cells([table.columns[place] for place in headings], lines, numbers),
    ]
    return replace(
        table,
        names=[*kept, HEADING, CELL],
        lines=table.lines[lines],
        columns=dict(enumerate(columns)),
        rows_at=_rows_at(columns),
        broken=[*table.broken, *broken],
        header={**table.header, other: HEADING, wide.value: CELL},
    )


def ids_with_numbers(table: Table, wide: Wide, marks: str) -> np.ndarray:
    """Whether a distinct centre of a table made of cells has a number at all (bool by value): a
    column of notes has none."""
    ids, cells = table.column(wide.centre), table.column(wide.value)
    fits = cells.parsed(lambda value: values.number(value, wide.value, marks)[1] is None)
    found = np.zeros(len(ids.values), dtype=bool)
    found[ids.codes[fits[cells.codes].astype(bool)]] = True
    return found


def _headings(table: Table, wide: Wide, side: str, other: str, mapped: set[int]) -> list[int]:
    """The places of the columns that are centres or moments: all that are not mapped or ignored."""
    ignored = {folded(one) for one in wide.ignore}
    found = [
        place
        for place, name in enumerate(table.names)
        if place not in mapped and folded(name) not in ignored
    ]
    names = [values.whole_id(table.names[place]) for place in found]
    long = [name for name in names if folded(name) in (folded(other), folded(wide.value))]
    if long:
        raise FileUnreadableError(
            f"has columns {table.header[side]} and {clean_text(long[0])}, so it is no wide table:"
            ' remove layout = "wide" in sources.toml, or name a column that is no centre in ignore.'
        )
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise FileUnreadableError(
            f"two columns are called {clean_text(twice[0])}. Rename one, so that it is clear which"
            " is meant."
        )
    return found


def _empty(column: Column) -> np.ndarray:
    """Whether a value of a column is that of an empty cell, by distinct value."""

    def is_empty(value: Any) -> bool:
        if isinstance(value, str):
            return not value.strip()
        return value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value))

    return column.parsed(is_empty).astype(bool)


def _line_fault(value: Any, name: str) -> str | None:
    written = values.name_text(value)
    if not written:
        return f"missing_value: {name} is empty in a line with counts"
    if is_total(written):
        return f"totals_row: {name} is {written[:60]!r}, so the line adds up others"
    return None


def _totals(
    table: Table, filled: np.ndarray, headings: Sequence[int], first: int
) -> list[BrokenRow]:
    """The cells of columns that add up others."""
    lines, numbers = np.nonzero(filled)
    found = []
    for line, number in zip(lines.tolist(), numbers.tolist(), strict=True):
        name, (row,) = table.names[headings[number]], table.rows_at([line])
        shown = payload_json(
            [table.names[first], HEADING, CELL], [row[first], name, row[headings[number]]]
        )
        reason = (
            f"totals_row: the column {clean_text(name)[:60]!r} adds up others; name it in ignore"
        )
        found.append(BrokenRow(int(table.lines[line]), reason, shown))
    return found


def _cells(columns: Sequence[Column], lines: np.ndarray, numbers: np.ndarray) -> Column:
    """The cells at these lines of these columns, as one column."""
    starts = np.cumsum([0, *(len(one.values) for one in columns)])
    if not columns:
        return Column(list)
    every = np.concatenate([one.values for one in columns])
    codes = np.column_stack([one.codes for one in columns])[lines, numbers]
    return Column.of_distinct(every, (codes + starts[numbers]).astype("int32"))


def _rows_at(columns: Sequence[Column]) -> Callable[[Sequence[int]], list[tuple[Any, ...]]]:
    def rows_at(places: Sequence[int]) -> list[tuple[Any, ...]]:
        at = np.asarray(places, dtype="int64")
        return list(zip(*(one.values[one.codes[at]] for one in columns), strict=True))

    return rows_at
