"""Rows are judged in one way, and the rows of every file add up."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from flow_platform.sources import clocks
from flow_platform.sources.judging import Reasons, first_equal, judged_numbers
from flow_platform.sources.kept import changing, named_in_files, read_kept
from flow_platform.sources.landing import (
    FileBalance,
    broken_rows,
    rejected_frame,
    rejected_rows,
)
from flow_platform.sources.tables import BrokenRow, Column, table_of_rows
from flow_platform.sources.values import number, whole_id


def test_a_row_keeps_the_first_reason_that_it_is_given() -> None:
    reasons = Reasons(4)
    reasons.where(np.array([True, False, False, False]), "a: first")
    reasons.of_values(["b: second", None], np.array([0, 0, 1, 1]))
    reasons.at(1, "c: third")
    reasons.at(2, "c: third")
    assert reasons.good.tolist() == [False, False, False, True]
    assert reasons.texts(np.arange(4)).tolist() == ["a: first", "b: second", "c: third", None]


def test_no_row_is_judged_without_a_fault() -> None:
    reasons = Reasons(0)
    reasons.of_values([], np.empty(0, dtype="int32"))
    assert reasons.bad.tolist() == [] and reasons.texts(reasons.bad).tolist() == []


@pytest.mark.parametrize("has_numbers", [True, False])
def test_numbers_are_parsed_one_by_one_only_where_they_must_be(has_numbers: bool) -> None:
    import pyarrow as pa

    cells = [1.0, 2.0, -3.0, 1.0]
    column = Column.of_arrow(pa.array(cells)) if has_numbers else Column(lambda: cells)
    parsed = []

    def parse(value: float) -> tuple[float, str | None]:
        parsed.append(value)
        return (value, None) if value >= 0 else (np.nan, f"negative: n is {value:g}")

    reasons = Reasons(4)
    found = judged_numbers(column, parse, reasons, sound=lambda numbers: numbers >= 0)
    assert found[[0, 1, 3]].tolist() == [1.0, 2.0, 1.0]
    assert reasons.texts(reasons.bad).tolist() == ["negative: n is -3"]
    assert parsed == ([-3.0] if has_numbers else [1.0, 2.0, -3.0])


def test_equal_rows_name_the_first_of_them() -> None:
    texts = np.array(["a", "b", "a", None, None], dtype=object)
    numbers = np.array([1.0, 1.0, 1.0, np.nan, np.nan])
    assert first_equal(texts, numbers).tolist() == [0, 1, 0, 3, 3]
    assert first_equal(np.array([], dtype=object)).tolist() == []


def test_a_rejected_row_is_kept_whole_with_its_line() -> None:
    table = table_of_rows(["n", "note"], [["1", "x"], ["a", "\0"]], [2, 5], [], {"count": "n"})
    reasons = Reasons(2)
    judged_numbers(table.column("count"), lambda value: number(value, "count", "."), reasons)
    rows = rejected_rows("f.csv", table, reasons, [None], ["c\0"])
    rows += broken_rows("f.csv", [BrokenRow(9, "ragged: short", "{}")])
    frame = rejected_frame(rows)
    assert frame["source_line"].tolist() == [5, 9]
    assert frame["reason"].tolist()[0] == "wrong_type: count is 'a', not a plain number"
    assert json.loads(frame["payload"][0]) == {"n": "a", "note": "␀"}
    assert frame["centre_id"].tolist() == ["c␀", None]


def test_what_is_not_stored_rejected_or_repeated_was_left() -> None:
    balance = FileBalance.of("f", good=10, rejected=3, stored=4, repeated=1)
    assert (balance.rows_in_file, balance.rows_left, balance.rows_read) == (13, 5, 7)
    assert balance.rows_read == balance.rows_stored + balance.rows_quarantined


# -- clocks and ids ------------------------------------------------------------------------------


def test_an_hour_that_comes_twice_has_two_turns_and_a_skipped_one_none() -> None:
    local = np.array(["2021-10-31T02:30", "2021-03-28T02:30", "2021-05-01T10:00"], "M8[us]")
    first, second = (
        clocks.local_in_utc(local, "Europe/Paris", first_turn=turn) for turn in (True, False)
    )
    assert np.isnat(first).tolist() == np.isnat(second).tolist() == [False, True, False]
    assert (second - first)[[0, 2]].tolist() == [
        datetime(2021, 1, 1, 1) - datetime(2021, 1, 1),
        datetime(2021, 1, 1) - datetime(2021, 1, 1),
    ]
    moved = clocks.local_in_utc(local, "Europe/Paris", first_turn=True, skipped="shift_forward")
    assert moved[1] == np.datetime64("2021-03-28T01:00", "us")


@pytest.mark.parametrize(
    ("value", "written"),
    [(4264, "4264"), (4264.0, "4264"), ("4264.0", "4264"), ("07", "07"), ("07.00", "07"),
     ("1.50", "1.50"), (" a ", "a"), (None, "")],
)  # fmt: skip
def test_an_id_is_one_text_however_a_spreadsheet_writes_it(value: object, written: str) -> None:
    assert whole_id(value) == written


# -- what files have named -----------------------------------------------------------------------


def test_a_file_is_asked_once_until_it_or_its_reading_changes(tmp_path: Path) -> None:
    cache, path = tmp_path / "deep" / "c.json", tmp_path / "a"
    path.write_text("x")
    asked: list[Path] = []

    def names_in(one: Path) -> list[str]:
        asked.append(one)
        return one.read_text().split()

    for _ in range(3):
        assert named_in_files(cache, [path], "one way", names_in) == [["x"]]
    assert len(asked) == 1
    assert named_in_files(cache, [path], "another way", names_in) == [["x"]]
    path.write_text("x y")
    assert named_in_files(cache, [path], "another way", names_in) == [["x", "y"]]
    assert len(asked) == 3
    assert named_in_files(cache, [], "another way", names_in) == []
    assert read_kept(cache) == {"files": {}}


def test_a_file_that_names_nothing_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("")
    answers = iter([[], ["late"]])
    for expected in ([], ["late"], ["late"]):
        found = named_in_files(tmp_path / "c.json", [path], "", lambda _: next(answers))
        assert found == [expected]


def test_what_messages_have_named_outlives_what_files_name(tmp_path: Path) -> None:
    cache, path = tmp_path / "c.json", tmp_path / "a"
    path.write_text("x")
    with changing(cache) as document:
        document["messages"] = ["b"]
    named_in_files(cache, [path], "", lambda _: ["x"])
    assert read_kept(cache)["messages"] == ["b"]
    before = cache.stat().st_mtime_ns
    with changing(cache) as document:
        document["messages"] = ["b"]
    assert cache.stat().st_mtime_ns == before
