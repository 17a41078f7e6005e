"""One reader: the fast and the careful way, all kinds of files and their parts give equal rows."""

from __future__ import annotations

import ast
import gzip
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flow_platform.sources import values
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.csv_tables import careful_csv, fast_csv
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.parts import open_parts
from flow_platform.sources.reader import distinct_values, read_file
from flow_platform.sources.tables import Column, Table
from flow_platform.sources.values import text

PROJECT_ROOT = Path(__file__).resolve().parents[3]
PLATFORM = PROJECT_ROOT / "flow_platform"

NAMES = {"centre_id": "site", "day": "date", "parcels": "n", "note": "note"}
LAYOUTS = Layouts((NAMES,), ("centre_id", "day", "parcels"))
WHOLE = Layouts((NAMES,), ("centre_id", "day", "parcels"), every_column=True)
NUMBERS = Layouts((NAMES,), ("centre_id", "day", "parcels"), floats=("parcels",))
HEADER = ["site", "date", "n", "note", "lane"]
CELLS = (
    *("1", "07", "4264.0", "", " ", "NaN", "-nan", "inf", "1e400", "0x1", "1_0", "-0", "+5", ".5"),
    *("2025-03-28", "été", "场地", "\u2028", "\x1c", "\ufeff", "a|b", "x;y", "NA", "null", "'"),
)
QUOTED = ('"7"', '"a,b"', '"say ""so"""', '""')
DAMAGE = b'"\n,; \r1.\xe9\0'


def config(**keys: Any) -> SourceConfig:
    return SourceConfig(kind="files", path="x", **keys)


def csv_file(number: int) -> bytes:
    """A CSV file of odd cells; every second one is damaged."""
    chance = random.Random(number)
    separator = chance.choice((",", ";", "\t"))
    cells = (*chance.sample(CELLS, 4), *chance.sample(QUOTED, chance.choice((0, 1, 2))))
    rows = [[chance.choice(cells) for _ in HEADER] for _ in range(chance.randrange(20))]
    rows = [[cell.replace("\t", " ") for cell in row] for row in rows]
    rows = [[cell if separator not in cell else f'"{cell.strip(chr(34))}"' for cell in row]
            for row in rows]  # fmt: skip
    lines = [separator.join(row) for row in [HEADER, *rows]]
    if chance.random() < 0.2:
        lines.insert(chance.randrange(1, len(lines) + 1), chance.choice(("", "  ", "1", "1,2,3")))
    content = bytearray(chance.choice(("\n", "\r\n")).join(lines).encode())
    content += chance.choice((b"", b"\n", b"\n\n"))
    for _ in range(chance.choice((0, 1, 3)) if number % 2 else 0):
        content[chance.randrange(len(content))] = chance.choice(DAMAGE)
    return chance.choice((b"", b"", b"\xef\xbb\xbf")) + bytes(content)


def shown(table: Table) -> list[Any]:
    """All that a flow can learn of a table; numbers as texts, since a table may have either."""
    columns = {}
    for ours in table.header:
        column = table.column(ours)
        columns[ours] = column.by_row().tolist()
    every = list(range(len(table)))
    rows = [list(row) for row in table.rows_at(every)]
    return [table.names, dict(table.header), table.lines.tolist(), table.broken, columns, rows]


@pytest.mark.parametrize("layouts", [LAYOUTS, WHOLE])
def test_the_fast_way_gives_the_table_of_the_careful_one_or_none(layouts: Layouts) -> None:
    fast_ones = 0
    for number in range(400):
        data = csv_file(number)
        try:
            fast = fast_csv(data, config(), layouts)
        except FileUnreadableError as error:
            with pytest.raises(FileUnreadableError) as careful_error:
                careful_csv(data, config(), layouts)
            assert str(error) == str(careful_error.value)
            continue
        if fast is not None:
            fast_ones += 1
            assert shown(fast) == shown(careful_csv(data, config(), layouts)), number
            assert set(fast.columns) >= set(range(5) if layouts.every_column else ())
    assert fast_ones > 100


PLAIN = ("1", "2.5", "-3", "1e3", "0.1", "5.", "123456789012345678", "1E-3", "-0", "00", " 7 ")


@pytest.mark.parametrize("written", [*CELLS, *PLAIN])
def test_a_number_that_is_read_at_once_is_that_of_its_text(written: str) -> None:
    data = f"site,date,n\n1,2025-03-28,{written}\n2,2025-03-28,5\n".encode()
    table = fast_csv(data, config(), NUMBERS)
    assert table is not None
    found = table.column("parcels").numbers
    value, fault = values.number(written, "parcels", ".")
    if written in PLAIN:
        assert found is not None and fault is None
    if found is not None:
        assert fault is None or fault.startswith("missing_value")
        np.testing.assert_array_equal(found, [value, 5.0])


@pytest.mark.parametrize("odd", ["inf", "-nan", "nan(1)", "1_0", "0x1", "ten", "1e999", "１"])
def test_a_number_that_only_arrow_would_read_is_left_as_its_text(odd: str) -> None:
    data = f"site,date,n\n1,2025-03-28,{odd}\n2,2025-03-28,5\n".encode()
    table = fast_csv(data, config(), NUMBERS)
    assert table is not None
    assert table.column("parcels").numbers is None
    assert table.column("parcels").by_row().tolist() == [odd, "5"]


# -- kinds of files ------------------------------------------------------------------------------

ROWS = [("1", "2025-03-28", "10", "x"), ("07", "2025-03-29", "2.5", "été"), ("1", "", "10", "")]


def write(folder: Path, name: str) -> Path:
    path, header = folder / name, list(NAMES.values())
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(row) for row in [header, *ROWS]))
    elif path.suffix == ".parquet":
        columns = [pa.array(list(column)) for column in zip(*ROWS, strict=True)]
        pq.write_table(pa.Table.from_arrays(columns, names=header), path)
    else:
        book = openpyxl.Workbook()
        for row in [header, *ROWS]:
            book.active.append(list(row))
        book.save(path)
    return path


def only_table(path: Path, layouts: Layouts = LAYOUTS, **keys: Any) -> Table:
    ((_, table),) = read_file(path, config(**keys), layouts)
    assert isinstance(table, Table), table
    return table


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    for name, first_line in (("a.csv", 2), ("a.parquet", 1), ("a.xlsx", 2)):
        table = only_table(write(tmp_path, name))
        assert table.lines.tolist() == [first_line, first_line + 1, first_line + 2]
        for place, ours in enumerate(NAMES):
            cells = [text(value) for value in table.column(ours).by_row()]
            assert cells == [row[place] for row in ROWS]
        assert [text(cell) for cell in table.rows_at([1])[0]] == list(ROWS[1])
        assert distinct_values(tmp_path / name, config(), "no", "site") == {"1", "07"}


def test_the_parts_of_a_file_hold_the_rows_of_the_whole(tmp_path: Path) -> None:
    whole = only_table(write(tmp_path, "a.csv"))
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    for path in (tmp_path / "a.csv", packed, write(tmp_path, "a.parquet")):
        opened = open_parts(path, config())
        (part,) = opened.tables(NAMES)
        assert part.lines.tolist() == [1, 2, 3] and opened.broken == []
        for ours in NAMES:
            cells = [text(value) for value in part.column(ours).by_row()]
            assert cells == [text(value) for value in whole.column(ours).by_row()]
        assert [text(cell) for cell in part.rows_at([2])[0]] == list(ROWS[2])


def test_a_part_counts_rows_without_those_that_it_could_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("site,date,n\n1,2,3\ncut\n\n4,5,6\n7,8\n9,9,9\n")
    opened = open_parts(path, config())
    (part,) = opened.tables({"centre_id": "site"})
    assert part.lines.tolist() == [1, 3, 5]
    assert [row.line for row in opened.broken] == [2, 4]
    assert opened.broken[0].payload == '{"(line)": "cut"}'


def test_all_sheets_of_a_workbook_are_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.xlsx")
    book = openpyxl.load_workbook(path)
    book.copy_worksheet(book["Sheet"]).title = "2025"
    book.create_sheet("other").append(["a", "b"])
    book.create_sheet("empty")
    book.save(path)
    found = dict(read_file(path, config(), LAYOUTS))
    assert [name.partition(" [")[2] for name in found] == ["Sheet]", "2025]", "other]"]
    assert [isinstance(table, Table) for table in found.values()] == [True, True, False]
    ((name, _),) = read_file(path, config(sheet="2025"), LAYOUTS)
    assert name.endswith("[2025]")


def test_a_value_that_python_cannot_hold_costs_its_row_and_not_its_file(tmp_path: Path) -> None:
    far = pa.array([0, 9 * 10**17], pa.timestamp("us"))
    table = pa.table({"site": ["1", "2"], "date": far, "n": [1, 2], "other": far})
    pq.write_table(table, tmp_path / "a.parquet")
    days = only_table(tmp_path / "a.parquet").column("day").by_row().tolist()
    assert [isinstance(day, str) for day in days] == [True, True]
    assert only_table(tmp_path / "a.parquet").rows_at([1])[0][3] == days[1]


def test_an_optional_column_that_is_there_twice_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("site,date,n,note,note\n1,2,3,a,b\n")
    table = only_table(tmp_path / "a.csv")
    assert table.get("note") is None
    assert table.rows_at([0]) == [["1", "2", "3", "a", "b"]]


# -- columns -------------------------------------------------------------------------------------


def test_distinct_values_are_those_of_the_file_with_their_types() -> None:
    column = Column(lambda: [1, 1.0, True, "1", None, [1], 1])
    assert len(column.values) == 7  # what has no hash cannot be compared
    column = Column(lambda: [1, 1.0, True, "1", None, 1])
    assert [type(value) for value in column.values] == [int, float, bool, str, type(None)]
    assert column.codes.tolist() == [0, 1, 2, 3, 4, 0]
    assert column.numbers is None


@pytest.mark.parametrize(
    ("array", "cells"),
    [
        (pa.array(["a", None, "a"]), ["a", None, "a"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([Decimal("1.50"), None]), [Decimal("1.50"), None]),
        (pa.array([datetime(2025, 1, 1)]), [datetime(2025, 1, 1)]),
        (pa.array([[1], [1], None]), [[1], [1], None]),
        (pa.array([True, None]), [True, None]),
        (pa.nulls(2), [None, None]),
        (pa.array([], pa.string()), []),
    ],
)
def test_a_column_of_arrow_has_the_cells_that_arrow_has(array: Any, cells: list[Any]) -> None:
    for one in (array, pa.chunked_array([array[:1], array[1:]])):
        assert Column.of_arrow(one).by_row().tolist() == cells


def test_the_two_turns_of_an_hour_in_a_zone_stay_two_moments() -> None:
    # In Python they are equal, as the clock shows the same time.
    turns = [datetime(2021, 10, 31, hour, tzinfo=UTC) for hour in (0, 1)]
    column = Column.of_arrow(pa.array(turns, pa.timestamp("us", tz="Europe/Paris")))
    assert column.codes.tolist() == [0, 1]
    assert [moment.astimezone(UTC) for moment in column.values] == turns


def test_floating_numbers_of_a_file_are_numbers_at_once() -> None:
    numbers = Column.of_arrow(pa.array([1.5, None, float("inf")])).numbers
    assert numbers is not None
    np.testing.assert_array_equal(numbers, [1.5, np.nan, np.inf])
    assert Column.of_arrow(pa.array([1, 2])).numbers is None


# -- who reads -----------------------------------------------------------------------------------

READERS = {
    "csv_tables",
    "heads",
    "parquet_tables",
    "workbooks",
    "parts",
    "reader",
    "settings_files",
}
# What looks whether a download is whole, and what reads shapes of zones, longer than any field.
OTHERS = {"taxi_site": {"pyarrow.parquet"}, "school_holidays": {"csv"}}
LIBRARIES = {"csv", "openpyxl", "pyarrow.csv", "pyarrow.parquet"}


def test_only_the_reader_opens_files_of_rows() -> None:
    for path in [*PLATFORM.glob("sources/*.py"), *PLATFORM.glob("flows/**/*.py")]:
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        if path.stem not in READERS:
            assert imported & LIBRARIES <= OTHERS.get(path.stem, set()), path
