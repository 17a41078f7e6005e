"""The one reader of files of rows: any file of a source as tables, each row accounted for.

CSV, Parquet and workbooks are in modules of their own, files too large for memory in `parts.py`.
Which columns a flow wants, and what it makes of their values, is in the module of each flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.csv_tables import read_csv
from flow_platform.sources.files import FileUnreadableError, Kind, bytes_of, kind_of, source_files
from flow_platform.sources.layouts import Layouts, named_so
from flow_platform.sources.marks import check_marks
from flow_platform.sources.parquet_tables import read_parquet
from flow_platform.sources.tables import Table, clean_text
from flow_platform.sources.wide_tables import rows_of_cells
from flow_platform.sources.workbooks import sheet_table, sheets_in


def read_source(
    config: SourceConfig, layouts: Layouts
) -> Iterator[tuple[str, Table | FileUnreadableError]]:
    """The tables of all files of a source, in the order of their paths, as `read_file` gives them.

    A file is read when its table is asked for.
    """
    for path in source_files(config):
        yield from read_file(path, config, layouts)


def read_file(
    path: Path, config: SourceConfig, layouts: Layouts
) -> list[tuple[str, Table | FileUnreadableError]]:
    """The tables of a file, each with its name, or with an error instead of the table.

    .parquet and .pq are Parquet, .xlsx and .xlsm workbooks, everything else CSV. Every sheet of a
    workbook is a table of its own, unless `sheet` names one; an empty sheet among others is none.
    Of a workbook with several it is called "book.xlsx [sheet]". An error says what is wrong with
    the file and what to do.
    """
    name = clean_text(str(path))
    try:
        if kind_of(path) is not Kind.WORKBOOK:
            return [(name, _checked(_whole_table(path, config, layouts), config, layouts))]
        sheets = sheets_in(bytes_of(path), config)
    except FileUnreadableError as error:
        return [(name, error)]
    found: list[tuple[str, Table | FileUnreadableError]] = []
    for label, cells in sheets.items():
        try:
            table = sheet_table(cells, config, layouts)
            found.append((name + label, _checked(table, config, layouts)))
        except FileUnreadableError as error:
            found.append((name + label, error))
    return found


def _whole_table(path: Path, config: SourceConfig, layouts: Layouts) -> Table:
    data, kind = bytes_of(path), kind_of(path)
    if kind is Kind.PARQUET:
        return read_parquet(data, layouts)
    if kind is Kind.OTHER_WORKBOOK:
        raise FileUnreadableError(
            f"is a {path.suffix.casefold()} workbook, which is not read here. Save it as .xlsx or"
            " CSV."
        )
    return read_csv(data, config, layouts)


def _checked(table: Table, config: SourceConfig, layouts: Layouts) -> Table:
    """A table as a long one whose numbers have the marks that are expected."""
    long = table if layouts.wide is None else rows_of_cells(table, layouts.wide)
    check_marks(long, config, layouts)
    return long


def distinct_values(path: Path, config: SourceConfig, *names: str) -> set[Any]:
    """The distinct values of whichever of `names` a file has; other columns are not kept.

    Of a Parquet file only that column is read. A table that cannot be read, or has none of the
    names, gives nothing.
    """
    if kind_of(path) is Kind.PARQUET:
        return _distinct_in_parquet(path, names)
    layouts = Layouts([{"wanted": name} for name in names], ("wanted",))
    return {
        value
        for _, table in read_file(path, config, layouts)
        if isinstance(table, Table)
        for value in table.column("wanted").values
    }


def _distinct_in_parquet(path: Path, names: tuple[str, ...]) -> set[Any]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            found = (one for name in names for one in named_so(name, file.schema_arrow.names))
            name = next(found)
            column = file.read(columns=[name]).column(0)
        return set(column.unique().to_pylist())
    except Exception:  # pyarrow raises many kinds on damaged bytes; the load names the file
        return set()
