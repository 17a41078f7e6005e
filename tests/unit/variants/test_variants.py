"""However a table is written, its rows are the true ones, or one clear sentence refuses it."""

from __future__ import annotations

import pytest

from tests.variants.reading import READERS, outcome

# The first of the 200 that `benchmarks/file_variants.py` counts.
WAYS = 40


@pytest.mark.parametrize("reader", READERS)
def test_a_table_is_read_as_it_is_meant_or_refused_as_a_whole(reader: str) -> None:
    found = [outcome(reader, number) for number in range(WAYS)]
    misread = [one for one in found if one.verdict not in ("equal", "refused")]
    assert not misread, "\n".join(f"{one.verdict}: {one.way.text()}" for one in misread)
    assert sum(one.verdict == "equal" for one in found) > WAYS // 4


@pytest.mark.parametrize("reader", READERS)
def test_a_refusal_says_what_to_do(reader: str) -> None:
    for number in range(WAYS):
        one = outcome(reader, number)
        if one.verdict == "refused":
            assert any(" " in words and "Traceback" not in words for words in one.words)
