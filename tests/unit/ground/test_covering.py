"""Touched partitions are covered by few rectangles."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flow_platform.ground.rectangle import covering

CENTRES = tuple("abcdefghij")
FIRST = date(2025, 1, 1)
CELLS = st.sets(
    st.tuples(st.sampled_from(CENTRES), st.integers(0, 400).map(lambda n: FIRST + timedelta(n))),
    min_size=1,
    max_size=60,
)


@given(CELLS, st.integers(1, 5))
def test_every_cell_lies_in_a_rectangle_and_there_are_not_too_many(
    cells: set[tuple[str, date]], most: int
) -> None:
    found = covering(cells, CENTRES, most)
    assert len(found) <= most
    for centre, day in cells:
        assert any(centre in one.centres and one.first_day <= day <= one.last_day for one in found)
    for one in found:
        start = CENTRES.index(one.centres[0])
        assert one.centres == CENTRES[start : start + len(one.centres)]


def test_days_far_apart_are_not_joined_by_all_that_lies_between() -> None:
    cells = {("a", FIRST), ("b", FIRST), ("a", FIRST + timedelta(300))}
    assert [len(one) for one in covering(cells, CENTRES, 4)] == [2, 1]


def test_what_a_run_would_do_on_the_way_is_done_in_one_run() -> None:
    cells = {("a", FIRST), ("c", FIRST + timedelta(9))}
    assert [len(one) for one in covering(cells, CENTRES, 4)] == [30]


def test_nothing_touched_asks_for_nothing() -> None:
    assert covering([], CENTRES, 4) == []
