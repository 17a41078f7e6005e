"""The sheets of .xlsx workbooks as tables."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.files import FileUnreadableError, summary_of
from flow_platform.sources.heads import header_place, named, names_of
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.tables import (
    BrokenRow,
    Table,
    bad_characters,
    clean_text,
    payload_json,
    table_of_rows,
)

# The cells of a sheet: its rows that are not empty, each with its number.
Cells = list[tuple[int, Any]]


def sheets_in(data: bytes, config: SourceConfig) -> dict[str, Cells]:
    """The cells of the sheet that `sheet` names, else of all, by what the file's name gets for it.

    That is " [title]", and nothing where the workbook has one sheet alone. A formula counts as its
    last computed value, and as missing where it was never computed. An empty sheet among others is
    left out.

    Raises FileUnreadableError where the workbook is damaged or lacks the sheet.
    """
    import openpyxl

    try:
        book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True)
    except Exception as error:  # openpyxl, zipfile and the XML parser raise many kinds
        raise _no_workbook(error) from error
    every = titles = [sheet.title for sheet in book.worksheets]
    if config.sheet is not None:
        if config.sheet not in titles:
            raise FileUnreadableError(
                f"has no sheet {config.sheet!r} (found: {', '.join(titles)})."
                " Correct sheet in sources.toml."
            )
        titles = [config.sheet]
    sheets = {title: _cells(book, title) for title in titles}
    filled = {title: cells for title, cells in sheets.items() if cells} or sheets
    return {
        f" [{clean_text(title)}]" if len(every) > 1 else "": cells
        for title, cells in filled.items()
    }


def _no_workbook(error: BaseException) -> FileUnreadableError:
    return FileUnreadableError(
        f"is not a readable .xlsx workbook ({summary_of(error)}). Save it again as .xlsx or CSV."
    )


def _cells(book: Any, title: str) -> Cells:
    try:
        sheet = book[title]
        if hasattr(sheet, "reset_dimensions"):
            sheet.reset_dimensions()
        return [
            (line, row)
            for line, row in enumerate(sheet.iter_rows(values_only=True), start=1)
            if any(value is not None and value != "" for value in row)
        ]
    except Exception as error:  # as above: a sheet is parsed when it is read
        raise _no_workbook(error) from error


def sheet_table(cells: Cells, config: SourceConfig, layouts: Layouts) -> Table:
    """A sheet as a table; titles above its header are passed over.

    Raises FileUnreadableError where it has no row or lacks a wanted column.
    """
    if not cells:
        raise FileUnreadableError("holds no row. Remove it, or export it again.")
    if config.skip_rows is not None:
        # Rows as Excel counts them, empty ones too.
        cells = [(line, row) for line, row in cells if line > config.skip_rows] or cells[-1:]
        place = 0
    else:
        place = header_place(cells, lambda one: layouts.fits(names_of(one[1])))
    header = names_of(cells[place][1])
    names = header[: named(header)]
    layouts.check(names, "; the sheet and skip_rows are set there too.")
    rows: list[list[Any]] = []
    lines: list[int] = []
    broken: list[BrokenRow] = []
    for line, row in cells[place + 1 :]:
        values = list(row) + [None] * (len(names) - len(row))
        while len(values) > len(names) and values[-1] in (None, ""):
            values.pop()
        fault = _fault(values, len(names))
        if fault is None:
            rows.append(values)
            lines.append(line)
        else:
            broken.append(BrokenRow(line, fault, payload_json(names, values)))
    table = table_of_rows(names, rows, lines, broken, layouts.header_in(names))
    form = replace(layouts.form_of(names), kind="sheet", header_line=cells[place][0])
    return replace(table, form=form)


def _fault(values: list[Any], width: int) -> str | None:
    if len(values) > width:
        return f"ragged: the row has {len(values)} cells, the header {width}"
    texts = [value for value in values if isinstance(value, str)]
    return next((fault for text in texts if (fault := bad_characters(text))), None)
