"""What a command reports of rows that were refused, and how it exits."""

from __future__ import annotations

import pandas as pd
import pytest

from flow_platform.sources.judging import A_FEW
from flow_platform.sources.landing import FileBalance, RejectedRow, no_file, rejected_frame
from flow_platform.stages.loading import Balance, balance_of
from flow_platform.stages.refusals import NOTHING_STORED, Loads, refused


def balance(*files: tuple[str, int, int, int], reason: str = "undecodable: bytes") -> Balance:
    """Of files with a name, and how many rows are stored, quarantined and left."""
    balances = [
        FileBalance.of(name, good=stored + left, rejected=bad, stored=stored)
        for name, stored, bad, left in files
    ]
    rejects = [
        RejectedRow(name, line, reason, None, None, "{}")
        for name, _, bad, _ in files
        for line in range(bad)
    ]
    return balance_of(balances, 0, rejected=rejected_frame(rejects))


def test_a_warning_names_file_count_reason_and_remedy() -> None:
    (sentence,) = refused("retail", balance(("a.csv", 20, 40, 0)))
    assert sentence.startswith("a.csv: 40 of 60 rows were refused, most often because of undecod")
    assert "Set encoding in section [retail] of sources.toml." in sentence
    assert sentence.endswith("flow quarantine list --flow retail")


@pytest.mark.parametrize(("bad", "warnings"), [(0, 0), (A_FEW, 0), (A_FEW + 1, 1)])
def test_a_few_refused_rows_are_no_warning(bad: int, warnings: int) -> None:
    assert len(refused("parcels", balance(("a.csv", 100, bad, 0)))) == warnings


def test_a_file_of_which_every_row_is_refused_is_a_warning_however_short() -> None:
    assert len(refused("parcels", balance(("a.csv", 0, 1, 0), ("b.csv", 5, 0, 0)))) == 1


def test_the_commonest_reason_is_that_of_the_file() -> None:
    rows = [
        RejectedRow("a.csv", 1, "wrong_type: day", None, None, "{}"),
        RejectedRow("a.csv", 2, "ragged: 3 fields", None, None, "{}"),
        RejectedRow("a.csv", 3, "ragged: 3 fields", None, None, "{}"),
        RejectedRow("b.csv", 1, "wrong_type: day", None, None, "{}"),
    ]
    found = balance_of([], 0, rejected=rejected_frame(rows))
    assert found.reasons == {"a.csv": "ragged: 3 fields", "b.csv": "wrong_type: day"}
    assert found.rejected == {"ragged": 2, "wrong_type": 2}


@pytest.mark.parametrize(
    ("files", "strict", "code"),
    [
        ([("a.csv", 0, 20, 0)], False, NOTHING_STORED),
        ([("a.csv", 0, 20, 0), ("b.csv", 1, 0, 0)], False, 0),
        ([("a.csv", 0, 20, 3)], False, 0),
        ([("a.csv", 5, 1, 0)], False, 0),
        ([("a.csv", 5, 1, 0)], True, NOTHING_STORED),
        ([("a.csv", 5, 0, 0)], True, 0),
        ([], True, 0),
    ],
)
def test_the_exit_code(files: list[tuple[str, int, int, int]], strict: bool, code: int) -> None:
    assert Loads([("parcels", balance(*files))]).exit_code(strict) == code


def test_the_runs_of_a_command_are_judged_together() -> None:
    first, second = balance(("a.csv", 0, 2, 5)), balance(("a.csv", 5, 2, 0))
    loads = Loads([("parcels", first), ("parcels", second)])
    assert loads.rows_stored == 5 and loads.rows_refused == 2
    assert loads.exit_code(strict=False) == 0 and not loads.has_nothing


def test_rows_of_other_days_alone_are_named() -> None:
    loads = Loads([("parcels", balance(("a.csv", 0, 0, 7)))])
    assert loads.has_nothing and "The 7 good rows" in loads.sentences()[0]
    assert loads.exit_code(strict=False) == 0


def test_a_load_without_rejects_has_no_reasons() -> None:
    found = balance_of([], 0, rejected=pd.DataFrame({"reason": [], "source_file": []}))
    assert found.rejected == {} and found.reasons == {}


def test_a_file_that_could_not_be_read_is_refused_and_one_that_is_not_there_is_missing() -> None:
    broken = FileBalance.unreadable("a.csv", ValueError("is no table."))
    missing = no_file("b/*.csv")
    assert Loads([("parcels", balance_of([broken], 0))]).exit_code(strict=False) == NOTHING_STORED
    loads = Loads([("parcels", balance_of([missing], 0))])
    assert loads.exit_code(strict=True) == 0
    assert loads.sentences() == [missing.error]
