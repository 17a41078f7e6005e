"""CSV files that are read in parts: whatever is around a table, its rows are the same."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flow_platform.flows.trips.options import TripsSource
from flow_platform.sources import parts
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.parts import Parts, open_parts

HEADER = ["site", "day", "n"]
OURS = {"centre_id": "site", "day": "day", "parcels": "n"}
ROWS = [["1", "2025-01-01", "7"], ["2", "2025-01-02", "a b"], ["1", "2025-01-03", "é"]]


def fits(names: Sequence[str]) -> bool:
    return set(HEADER) <= {name.strip() for name in names}


def opened(path: Path, **keys: Any) -> Parts:
    return open_parts(path, TripsSource(kind="files", path="x", zones="x", **keys), fits)


def rows_of(file: Parts) -> dict[int, list[str | None]]:
    """The rows by their numbers, in the columns of HEADER."""
    found: dict[int, tuple[str | None, ...]] = {}
    for table in file.tables(OURS):
        columns = [table.column(ours).by_row().tolist() for ours in OURS]
        found.update(zip(table.lines.tolist(), zip(*columns, strict=True), strict=True))
    return {number: list(row) for number, row in sorted(found.items())}


TRUE = dict(enumerate(ROWS, start=1))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    separator=st.sampled_from([",", ";", "\t", "|"]),
    line_break=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    is_stated=st.booleans(),
    titles=st.lists(
        st.sampled_from(["Trips of 2025", "", "Exported 2025-02-01, by hand", ";;;", ",,", "n"]),
        max_size=6,
    ),
    ends=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    is_quoted=st.booleans(),
    is_packed=st.booleans(),
)
def test_the_rows_are_the_same_under_any_dressing(
    tmp_path: Path,
    separator: str,
    line_break: str,
    encoding: str,
    is_stated: bool,
    titles: list[str],
    ends: list[int],
    is_quoted: bool,
    is_packed: bool,
) -> None:
    quote = '"' if is_quoted else ""
    written = [
        separator.join(f"{quote}{field}{quote}" for field in row) + separator * end
        for row, end in zip([HEADER, *ROWS], ends, strict=True)
    ]
    lines = [*([f"sep={separator}"] if is_stated else []), *titles, *written]
    data = line_break.join([*lines, ""]).encode(encoding)
    path = tmp_path / ("a.csv.gz" if is_packed else "a.csv")
    path.write_bytes(gzip.compress(data) if is_packed else data)
    file = opened(path)
    assert file.names == HEADER
    assert rows_of(file) == TRUE
    assert file.broken == []
    # From its beginning again, one column alone.
    (*_, table) = file.tables(OURS, only=("day",))
    assert table.names == ["day"]


def test_a_row_with_a_field_too_few_or_something_beyond_the_header_is_a_broken_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(
        "site;day;n\n1;2;3\n1;2\n4;5;6;\n7;8;9;note\n\n8;8;8;;\n9;9;9\n"
    )
    file = opened(tmp_path / "a.csv")
    assert rows_of(file) == {
        1: ["1", "2", "3"],
        3: ["4", "5", "6"],
        5: ["8", "8", "8"],
        6: ["9", "9", "9"],
    }
    assert [(row.line, row.payload) for row in file.broken] == [
        (2, '{"(line)": "1;2"}'),
        (4, '{"(line)": "7;8;9;note"}'),
    ]


def test_rows_are_numbered_through_all_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_CSV_BLOCK_BYTES", 200)
    lines = [f"{number};day;{number}" + ";" * (number % 3) for number in range(1, 101)]
    lines[40] = "cut"
    (tmp_path / "a.csv").write_text("\n".join(["A title", "site;day;n", *lines]))
    file = opened(tmp_path / "a.csv")
    found = rows_of(file)
    assert list(found) == [number for number in range(1, 101) if number != 41]
    assert all(row[0] == str(number) for number, row in found.items())
    assert [row.line for row in file.broken] == [41]


def test_the_header_is_the_line_after_those_that_are_to_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("site;day;n\n\nsite;day;n;note\n1;2;3;4\n")
    file = opened(tmp_path / "a.csv", skip_rows=2)
    assert file.names == [*HEADER, "note"]
    assert rows_of(file) == {1: ["1", "2", "3"]}


def test_the_separator_that_is_set_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("site;day;n\n1;2;3\n")
    assert opened(tmp_path / "a.csv", separator=",").names == ["site;day;n"]


@pytest.mark.parametrize("header", ["site;day;n", "Société;;\nsite;day;n"])
def test_a_file_that_is_not_in_utf_8_is_read_in_the_encoding_that_it_shows(
    tmp_path: Path, header: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{header}\n1;2;é\n".encode("latin-1"))
    assert rows_of(opened(path))[1] == ["1", "2", "é"]
    assert opened(path).encoding == "cp1252"
    assert rows_of(opened(path, encoding="latin-1"))[1] == ["1", "2", "é"]
    assert opened(path, encoding="latin-1").encoding is None


def test_bytes_that_are_not_utf_8_far_behind_the_header_are_an_error_with_the_remedy(
    tmp_path: Path,
) -> None:
    body = b"site;day;n\n" + b"1;2;3\n" * 50_000 + "1;2;é\n".encode("latin-1")
    (tmp_path / "a.csv").write_bytes(body)
    with pytest.raises(FileUnreadableError, match=r"Name its encoding in sources\.toml"):
        rows_of(opened(tmp_path / "a.csv"))


def test_a_header_that_is_not_known_is_read_in_the_encoding_that_it_shows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("durée;b\n1;2\n".encode("latin-1"))
    assert opened(tmp_path / "a.csv").names == ["durée", "b"]
