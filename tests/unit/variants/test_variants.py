"""However a table is written, its rows are the true ones, or one clear sentence refuses it."""

from __future__ import annotations

from functools import cache

import pytest

from tests.variants.reading import READERS, Outcome, outcome

# The first of the 200 that `benchmarks/file_variants.py` counts.
WAYS = 40


@cache
def outcomes(reader: str) -> list[Outcome]:
    return [outcome(reader, number) for number in range(WAYS)]


@pytest.mark.parametrize("reader", READERS)
def test_a_table_is_read_as_it_is_meant_or_refused_as_a_whole(reader: str) -> None:
    found = outcomes(reader)
    misread = [one for one in found if one.verdict not in ("equal", "refused")]
    assert not misread, "\n".join(f"{one.verdict}: {one.way.text()}" for one in misread)
    assert sum(one.verdict == "equal" for one in found) > WAYS // 4


@pytest.mark.parametrize("reader", READERS)
def test_a_refusal_says_what_to_do(reader: str) -> None:
    for one in outcomes(reader):
        if one.verdict == "refused":
            assert any(" " in words and "Traceback" not in words for words in one.words)
