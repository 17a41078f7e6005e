"""Ways of writing a table: kinds of files, separators, encodings, forms of values, dressing.

A way is drawn by its number, so that a failure is found again.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd

Kind = Literal["id", "day", "moment", "number", "text"]
_WHOLE = re.compile(r"0|[1-9]\d*", re.ASCII)
# So many rows that files which overlap share; and the first rows, which stay together.
_OVERLAP, _EQUAL_ROWS = 5, 4
_EXCEL_EPOCH = datetime(1899, 12, 30)

# How a day may be written, and the form of strptime by which it is read; None where there is none.
DAY_FORMS: dict[str, str | None] = {
    "iso": None,
    "native": None,
    "iso_with_time": None,
    "iso_with_offset": None,
    "day_slash_month": "%d/%m/%Y",
    "month_slash_day": "%m/%d/%Y",
    "day.month": "%d.%m.%Y",
    "day-month": "%d-%m-%Y",
    "year/month": "%Y/%m/%d",
    "two_digit_year": "%d/%m/%y",
    "compact": "%Y%m%d",
    "serial": None,
    "epoch": None,
    "iso_week": "%G-W%V-%u",
}
# What a number on its own may be declared as.
_NAMED_FORMS = {"serial": "excel", "epoch": "epoch"}


@dataclass(frozen=True)
class TrueTable:
    """A table as it is meant: names and kinds of its columns, and rows of typed values.

    Ids and texts are str, days date, moments datetime without a zone, local to `timezone`. An empty
    field is None.
    """

    kinds: dict[str, Kind]
    rows: list[list[Any]]
    timezone: str = "UTC"


@dataclass(frozen=True)
class Way:
    """How a table is written, and the keys of sources.toml that its owner sets for it."""

    container: Literal["csv", "xlsx", "parquet"] = "csv"
    parts: Literal["one", "two files", "overlapping files", "two sheets"] = "one"
    separator: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    quotes_all: bool = False
    days: str = "iso"
    clock_12: bool = False
    decimal: str = "."
    thousands: str = ""
    float_ids: bool = False
    wide: bool = False
    dressing: tuple[str, ...] = ()
    order: int = 0
    keys: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """In one line, what differs from plain CSV."""
        plain = Way()
        names = [one for one in self.__dataclass_fields__ if one != "order"]
        differs = [one for one in names if getattr(self, one) != getattr(plain, one)]
        return ", ".join(f"{one}={getattr(self, one)!r}" for one in differs) or "plain CSV"


def drawn_way(number: int, containers: Sequence[str], *, can_be_wide: bool = False) -> Way:
    """The way of this number."""
    chance = random.Random(number)
    container: Any = chance.choice(containers)
    made: dict[str, Any] = {"container": container, "order": number}
    made["parts"] = chance.choice(
        ["one", "one", "two files", "overlapping files", *(["two sheets"] * 2)]
        if container == "xlsx"
        else ["one", "one", "two files", "overlapping files"]
    )
    made["days"] = chance.choice(
        [form for form in DAY_FORMS if container != "csv" or form != "native"]
    )
    made["clock_12"] = chance.random() < 0.2
    made["float_ids"] = chance.random() < 0.4
    if container == "csv":
        made["separator"] = chance.choice([",", ";", "\t", "|"])
        made["encoding"] = chance.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
        made["line_end"] = chance.choice(["\n", "\r\n", "\r"])
        made["quotes_all"] = chance.random() < 0.3
    if container != "parquet":
        made["dressing"] = tuple(sorted(chance.sample(_dressings(container), chance.randint(0, 2))))
    if container == "csv" and chance.random() < 0.4:
        made["decimal"], made["thousands"] = chance.choice(
            [(",", ""), (",", "."), (",", " "), (".", ",")]
        )
        if "," in made["decimal"] + made["thousands"] and made["separator"] == ",":
            made["separator"] = ";"
    made["keys"] = _keys(made, chance.random() < 0.5)
    if can_be_wide and chance.random() < 0.5:
        made["wide"] = True
        # Without the keys of a wide table it is refused.
        if chance.random() < 0.8:
            made["keys"] |= {"layout": "wide", "columns": {"day": "day"}}
        if "extra column" in made.get("dressing", ()) and made["keys"]:
            made["keys"]["ignore"] = ["remark"]
    return Way(**made)


def _dressings(container: str) -> list[str]:
    common = ["titles", "totals", "empty column", "blank lines", "padded header", "extra column"]
    return [*common, *(["sep line", "trailing separators"] if container == "csv" else [])]


def _keys(made: dict[str, Any], is_careful: bool) -> dict[str, Any]:
    """What an owner writes who read the guide; one who did not writes nothing."""
    if not is_careful:
        return {}
    keys: dict[str, Any] = {}
    form = DAY_FORMS[made["days"]] or _NAMED_FORMS.get(made["days"])
    if form is not None:
        keys["date_format"] = form
    if made.get("decimal", ".") != ".":
        keys["decimal"] = made["decimal"]
    if made.get("thousands"):
        keys["thousands"] = made["thousands"]
    if made.get("encoding", "utf-8") not in ("utf-8", "utf-8-sig"):
        keys["encoding"] = made["encoding"]
    return keys


# -- values --------------------------------------------------------------------------------------


def _stamp(at: datetime, way: Way, timezone: str, *, is_day: bool) -> Any:
    """A day or a moment in the form of this way: a text, a number, or a datetime."""
    if way.days == "native":
        return at
    if way.days == "serial":
        days = (at - _EXCEL_EPOCH) / timedelta(days=1)
        return int(days) if is_day else round(days, 10)
    if way.days == "epoch":
        return int(at.replace(tzinfo=ZoneInfo(timezone)).timestamp())
    if way.days == "iso_with_offset":
        return at.replace(tzinfo=ZoneInfo(timezone)).isoformat()
    if is_day:
        if way.days == "iso_with_time":
            return f"{at:%Y-%m-%d %H:%M:%S}"
        return at.strftime(DAY_FORMS[way.days] or "%Y-%m-%d")
    day = at.strftime(DAY_FORMS[way.days] or "%Y-%m-%d")
    return f"{day} {at:%I:%M:%S %p}" if way.clock_12 else f"{day} {at:%H:%M:%S}"


def _number(value: float, way: Way) -> Any:
    if way.container != "csv":
        return value
    whole, _, fraction = repr(abs(value)).partition(".")
    if way.thousands:
        whole = f"{int(whole):,}".replace(",", way.thousands)
    sign, shown = "-" if value < 0 else "", "" if fraction in ("", "0") else way.decimal + fraction
    return f"{sign}{whole}{shown}"


def _id(value: str, way: Way) -> Any:
    if not (way.float_ids and _WHOLE.fullmatch(value)):
        return value
    return f"{value}.0" if way.container == "csv" else float(value)


def _cell(value: Any, kind: Kind, way: Way, timezone: str) -> Any:
    if value is None:
        return None
    if kind == "id":
        return _id(value, way)
    if kind == "number":
        return _number(value, way)
    if kind == "day":
        return _stamp(datetime.combine(value, time()), way, timezone, is_day=True)
    return _stamp(value, way, timezone, is_day=False) if kind == "moment" else value


def date_format(way: Way, *, is_day: bool) -> dict[str, Any]:
    """The keys of a way for a table of days or of moments."""
    keys = dict(way.keys)
    form = keys.get("date_format", "")
    if "%" in form and not is_day:
        keys["date_format"] = f"{form} {'%I:%M:%S %p' if way.clock_12 else '%H:%M:%S'}"
    return keys


# -- files ---------------------------------------------------------------------------------------


def write(folder: Path, stem: str, table: TrueTable, way: Way) -> None:
    """Write a table into a folder, as files whose names begin with `stem`."""
    chance = random.Random(way.order)
    if way.wide:
        table = _wide(table)
    order = list(table.kinds)
    chance.shuffle(order)
    places = [list(table.kinds).index(name) for name in order]
    rows = [
        [
            _cell(row[place], table.kinds[name], way, table.timezone)
            for name, place in zip(order, places, strict=True)
        ]
        for row in table.rows
    ]
    parts = _parts(rows, way, chance)
    dressed = [_dressed(order, part, table, way) for part in parts]
    if way.container == "xlsx":
        books = [dressed] if way.parts == "two sheets" else [[part] for part in dressed]
        for number, sheets in enumerate(books, start=1):
            _write_book(folder / f"{stem}_{number}.xlsx", sheets)
        return
    for number, (names, part, lines) in enumerate(dressed, start=1):
        path = folder / f"{stem}_{number}.{way.container}"
        if way.container == "parquet":
            _write_parquet(path, names, part, table, way)
        else:
            path.write_bytes(_csv_text(names, part, lines, way).encode(way.encoding))


def _wide(table: TrueTable) -> TrueTable:
    """A column for each id, a row for each day; the table has one number for each pair."""
    kinds_in_order = list(table.kinds.values())
    id_, day = kinds_in_order.index("id"), kinds_in_order.index("day")
    ids = list(dict.fromkeys(row[id_] for row in table.rows))
    days = list(dict.fromkeys(row[day] for row in table.rows))
    cells = {(row[day], row[id_]): row[3 - id_ - day] for row in table.rows}
    kinds: dict[str, Kind] = {"day": "day", **dict.fromkeys(ids, "number")}
    return TrueTable(
        kinds, [[day, *(cells[day, one] for one in ids)] for day in days], table.timezone
    )


def _parts(rows: list[list[Any]], way: Way, chance: random.Random) -> list[list[list[Any]]]:
    if way.parts == "one":
        return [rows]
    # Equal rows of one file are as many counts, of two files they are one: they are first here.
    cut = chance.randint(min(_EQUAL_ROWS + _OVERLAP, len(rows) - 1), len(rows) - 1)
    again = rows[cut - _OVERLAP :] if way.parts == "overlapping files" else rows[cut:]
    return [rows[:cut], again]


def _dressed(
    order: list[str], rows: list[list[Any]], table: TrueTable, way: Way
) -> tuple[list[str], list[list[Any]], list[str]]:
    """Names, rows and the lines above them."""
    names, rows = list(order), [list(row) for row in rows]
    if "totals" in way.dressing:
        rows.append(_totals(order, rows, table, way))
    if "extra column" in way.dressing:
        names, rows = ["remark", *names], [["ok", *row] for row in rows]
    if "empty column" in way.dressing:
        names, rows = [*names, ""], [[*row, None] for row in rows]
    if "padded header" in way.dressing:
        names = [f" {name} " for name in names]
    lines = ["Export of the planning system", "created for you"] if "titles" in way.dressing else []
    return names, rows, lines


def _totals(order: list[str], rows: list[list[Any]], table: TrueTable, way: Way) -> list[Any]:
    """A row "Total" under the first id, or day where no column has ids; and numbers."""
    kinds = table.kinds.values()
    first = next(name for name in order if table.kinds[name] == ("id" if "id" in kinds else "day"))
    number = _cell(12345.0, "number", way, table.timezone)
    return [
        "Total" if name == first else number if table.kinds[name] == "number" else None
        for name in order
    ]


def _csv_text(names: list[str], rows: list[list[Any]], lines: list[str], way: Way) -> str:
    out = StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if way.quotes_all else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=way.separator, lineterminator=way.line_end, quoting=quoting)
    if "sep line" in way.dressing:
        out.write(f"sep={way.separator}{way.line_end}")
    out.writelines(f"{line}{way.line_end}" for line in lines)
    more = ["", ""] if "trailing separators" in way.dressing else []
    for row in [names, *rows]:
        writer.writerow(["" if cell is None else cell for cell in row] + more)
        if "blank lines" in way.dressing:
            out.write(way.line_end)
    return out.getvalue()


def _write_book(path: Path, sheets: list[tuple[list[str], list[list[Any]], list[str]]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, (names, rows, lines) in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet {number}")
        for line in lines:
            sheet.append([line])
        for row in [names, *rows]:
            sheet.append([cell if cell is not None else None for cell in row])
    book.save(path)


def _write_parquet(
    path: Path, names: list[str], rows: list[list[Any]], table: TrueTable, way: Way
) -> None:
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    for name in table.kinds:
        column = frame[name]
        present = column.dropna()
        if len(present) and all(isinstance(cell, float | int) for cell in present):
            frame[name] = column.astype(float)
        elif len(present) and all(isinstance(cell, datetime) for cell in present):
            frame[name] = pd.to_datetime(column)
        else:
            # A column of ids has one type; what is no number stays a text, with its point.
            frame[name] = column.map(lambda cell: cell if cell is None else str(cell))
    frame.to_parquet(path, index=False)
