"""Which refused rows make a day not whole, and that every reason of the code base is classified."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.flows.trips.judging import REASONS
from flow_platform.ground.rectangle import Rectangle
from flow_platform.settings import PROJECT_ROOT
from flow_platform.sources.landing import RejectedRow, rejected_frame
from flow_platform.sources.whole_days import (
    EFFECTS,
    Limits,
    NotWhole,
    Refused,
    days_not_whole,
    stored_rows,
)

FIRST = date(2025, 3, 1)
CENTRES = ("A", "B", "C")
# "C" is a centre of the flow that is not asked for.
ASKED = Rectangle(("A", "B"), FIRST, FIRST + timedelta(days=2))
COUNTS, RECORDS = Limits(0.0, 0.01), Limits(0.2, 0.2)
# Texts that begin like a reason and are none.
NO_REASONS = {"failed", "series", "distance", "price"}
_CODE = re.compile(r"^([a-z][a-z0-9]*(?:_[a-z0-9]+)*): ")


def row(
    reason: str, day: date | None = FIRST, centre_id: str | None = "A", file: str = "a.csv"
) -> RejectedRow:
    return RejectedRow(file, 2, reason, day, centre_id, "{}")


def cells(*stored: tuple[str, str, date]) -> pd.DataFrame:
    """Stored rows, each with its file, centre and day."""
    frame = pd.DataFrame(list(stored), columns=["source_file", "centre_id", "day"])
    return frame.assign(day=pd.to_datetime(frame["day"]))


def judged(
    rejects: list[RejectedRow],
    stored: pd.DataFrame,
    limits: Limits = COUNTS,
    rows_in_files: dict[str, int] | None = None,
) -> NotWhole:
    refused = Refused()
    refused.add(rejected_frame(rejects))
    if rows_in_files is None:
        files = [*stored["source_file"], *(one.source_file for one in rejects)]
        rows_in_files = dict(Counter(files))
    return days_not_whole(refused, [stored_rows(stored)], rows_in_files, ASKED, CENTRES, limits)


def marked(found: NotWhole) -> set[tuple[str, date]]:
    days = pd.to_datetime(found.days["day"]).dt.date
    return set(zip(found.days["centre_id"], days, strict=True))


# -- the reasons ---------------------------------------------------------------------------------


def _texts(path: Path) -> Iterator[str]:
    """The beginnings of the texts of a module, docstrings left out; names in them are resolved."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value
        elif isinstance(node, ast.JoinedStr) and len(node.values) > 1:
            head, then = node.values[:2]
            if isinstance(head, ast.FormattedValue) and isinstance(then, ast.Constant):
                name = ast.unparse(head.value)
                yield f"{named.get(name, '')!s}{then.value!s}"


def codes_of_the_code_base() -> set[str]:
    found = set(REASONS)
    for folder in ("sources", "flows", "streams", "warehouse", "stages"):
        for path in (PROJECT_ROOT / "flow_platform" / folder).rglob("*.py"):
            found |= {match[1] for text in _texts(path) if (match := _CODE.match(text))}
    return found - NO_REASONS


def test_every_reason_of_the_code_base_is_classified_and_no_other() -> None:
    assert codes_of_the_code_base() == set(EFFECTS)


def test_a_reason_that_nobody_classified_takes_its_row_away_from_the_day() -> None:
    assert marked(judged([row("of_a_new_flow: x")], cells())) == {("A", FIRST)}


@pytest.mark.parametrize("code", sorted(EFFECTS))
def test_a_refused_row_marks_its_day_only_if_the_day_lacks_it(code: str) -> None:
    later = FIRST + timedelta(days=1)
    stored = cells(*[("a.csv", "A", later)] * 1000)
    assert marked(judged([row(f"{code}: x")], stored)) == (
        {("A", FIRST)} if EFFECTS[code] == "lost" else set()
    )


# -- the rule ------------------------------------------------------------------------------------


def test_one_refused_row_makes_a_day_of_counts_not_whole_and_no_other() -> None:
    stored = cells(*[("a.csv", "A", FIRST)] * 999, ("a.csv", "B", FIRST))
    found = judged([row("negative_count: x")], stored)
    (mark,) = found.days.to_dict("records")
    assert mark == {
        "centre_id": "A",
        "day": pd.Timestamp(FIRST),
        "rows_refused": 1,
        "rows_without_day": 0,
        "rows_stored": 999,
        "reason": "negative_count",
    }
    assert found.by_file == {"a.csv": 1}


@pytest.mark.parametrize(("bad", "is_marked"), [(2, False), (3, True)])
def test_a_day_of_records_lacks_more_than_the_usual_share(bad: int, is_marked: bool) -> None:
    stored = cells(*[("a.csv", "A", FIRST)] * (10 - bad))
    found = judged([row("no_distance: x")] * bad, stored, RECORDS)
    assert marked(found) == ({("A", FIRST)} if is_marked else set())


@pytest.mark.parametrize(
    "reject",
    [
        row("wrong_type: x", day=None),
        row("wrong_type: x", centre_id=None),
        row("not_an_id: x", centre_id="=A"),
        row("before_2005: x", day=date(1925, 3, 1)),
    ],
    ids=lambda one: f"{one.reason} {one.day} {one.centre_id}",
)
def test_a_row_without_day_or_centre_may_be_of_any_day_of_its_file(reject: RejectedRow) -> None:
    stored = cells(("a.csv", "A", FIRST), ("a.csv", "B", FIRST), ("b.csv", "B", ASKED.last_day))
    few = {"a.csv": 100, "b.csv": 100}
    assert marked(judged([reject], stored, rows_in_files=few)) == set()
    found = judged([reject] * 2, stored, rows_in_files=few)
    assert marked(found) == {("A", FIRST), ("B", FIRST)}
    assert found.by_file == {"a.csv": 2}
    assert set(found.days["rows_without_day"]) == {2}


def test_rows_of_other_centres_and_days_mark_nothing_here() -> None:
    rejects = [
        row("wrong_type: x", centre_id="C"),
        row("wrong_type: x", day=ASKED.last_day + timedelta(days=1)),
        row("unknown_centre: x", centre_id="Z"),
        row("totals_row: x", centre_id="Total"),
    ]
    assert judged(rejects, cells(("a.csv", "A", FIRST))).days.empty


def test_the_reason_is_the_commonest_and_of_equal_ones_the_first_in_the_alphabet() -> None:
    rejects = [row("wrong_type: x"), row("ragged: 1"), row("ragged: 2"), row("wrong_type: y")]
    assert judged(rejects, cells()).days["reason"].tolist() == ["ragged"]


# -- the rule again, written another way ---------------------------------------------------------

days = st.sampled_from([None, *(FIRST + timedelta(days=n) for n in range(4))])
centres = st.sampled_from([None, "Z", *CENTRES])
files = st.sampled_from(["a.csv", "b.csv"])
rejects = st.lists(
    st.builds(row, st.sampled_from([f"{code}: x" for code in EFFECTS]), days, centres, files),
    max_size=25,
)
rows = st.lists(
    st.tuples(files, st.sampled_from(ASKED.centres), st.dates(FIRST, ASKED.last_day)), max_size=40
)


def expected(
    refused: list[RejectedRow], stored: list[tuple[str, str, date]], limits: Limits
) -> set[tuple[str, date]]:
    in_file = Counter([one.source_file for one in refused] + [file for file, _, _ in stored])
    own: Counter[tuple[str, date]] = Counter()
    lost: Counter[str] = Counter()
    for one in refused:
        effect = EFFECTS[one.reason.partition(":")[0]]
        if effect == "nothing":
            continue
        if effect == "lost" and one.day is not None and one.centre_id in CENTRES:
            own[one.centre_id, one.day] += 1
        else:
            lost[one.source_file] += 1
    good = Counter((centre, day) for _, centre, day in stored)
    found = {
        (centre, day)
        for (centre, day), bad in own.items()
        if centre in ASKED.centres
        and day <= ASKED.last_day
        and bad > limits.most_lost * (bad + good[centre, day])
    }
    doubtful = {file for file, bad in lost.items() if bad > limits.most_without_day * in_file[file]}
    return found | {(centre, day) for file, centre, day in stored if file in doubtful}


@settings(max_examples=60, deadline=None)
@given(rejects, rows, st.sampled_from([COUNTS, RECORDS]))
def test_marks_are_those_of_the_rule_whatever_was_refused(
    refused: list[RejectedRow], stored: list[tuple[str, str, date]], limits: Limits
) -> None:
    found = judged(refused, cells(*stored), limits)
    assert marked(found) == expected(refused, stored, limits)
    assert found.days["reason"].notna().all()
    # In parts, as a large file is read, the same days are found.
    parts = Refused()
    for part in (refused[:9], refused[9:]):
        parts.add(rejected_frame(part))
    in_file = dict(Counter([r.source_file for r in refused] + [file for file, _, _ in stored]))
    again = days_not_whole(parts, [stored_rows(cells(*stored))], in_file, ASKED, CENTRES, limits)
    pd.testing.assert_frame_equal(again.days, found.days)
