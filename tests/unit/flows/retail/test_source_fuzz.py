"""Two hundred mutated files of invoice lines: never a crash, never a silent loss, no raw customer.

The mutations are those of `test_daily_counts_fuzz.py`, seeded, so that a failure is found again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.flows.retail.samples import FRANCE, LINES, NEW, OLD, UK, balances, read
from tests.unit.sources.balances import assert_payloads_are_whole, checked_rejects
from tests.unit.sources.test_daily_counts_fuzz import (
    BYTE_MUTATIONS,
    ROW_MUTATIONS,
    Rows,
    as_csv,
    as_excel,
    as_parquet,
)


def sound_rows(chance: random.Random) -> Rows:
    lines = [chance.choice(LINES) for _ in range(chance.randint(1, 30))]
    return [["" if value is None else str(value) for value in line] for line in lines]


def written(rows: Rows, names: Sequence[str], number: int) -> tuple[str, bytes]:
    if number % 5 == 3:
        return "parquet", as_parquet(rows, names)
    if number % 5 == 4:
        return "xlsx", as_excel(rows, names)
    return "csv", as_csv(rows, names)


@pytest.mark.parametrize("batch", range(4))
def test_fifty_mutated_files_balance_and_never_crash(tmp_path: Path, batch: int) -> None:
    sound: dict[str, int] = {}
    for number in range(batch * 50, batch * 50 + 50):
        chance = random.Random(number)
        rows = chance.choice(ROW_MUTATIONS)(sound_rows(chance), chance)
        suffix, content = written(rows, NEW if number % 2 else OLD, number)
        mutated = chance.choice(BYTE_MUTATIONS)(content, chance)
        path = tmp_path / f"{number:04d}.{suffix}"
        path.write_bytes(mutated)
        if mutated == content and suffix != "csv":
            sound[str(path).split(" [")[0]] = len(rows)

    landing = read(tmp_path / "*")
    assert balances(landing)
    for file in landing.files:
        checked_rejects(landing, file)
        if file.error is None and file.file.split(" [")[0] in sound:
            assert file.rows_in_file == sound[file.file.split(" [")[0]]
    assert_payloads_are_whole(landing)
    assert landing.rows["centre_id"].isin([UK, FRANCE]).all()
    assert (landing.rows["has_customer"] == landing.rows["customer"].notna()).all()
    assert not landing.rows["customer"].isin(["13085", "15311", "12682"]).any()
