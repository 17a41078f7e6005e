"""Rows of files of records are stored, quarantined with their reason, or left; none is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.ground.record_columns import RecordColumns
from flow_platform.sources.landing import Landing
from flow_platform.sources.record_rows import read_records
from flow_platform.sources.simulated_flows import simulated_records
from tests.unit.sources.samples import NOW, plain_centre

COLUMNS = RecordColumns("claim_id", "opened_at", "amount", ("size",), ("kind",))
CENTRES = [plain_centre("1"), plain_centre("NY", "America/New_York")]
HEADER = "claim_id,centre_id,opened_at,ended_at,amount,size,kind\n"
FIRST, LAST = date(2025, 3, 1), date(2025, 3, 31)


def read(folder: Path, **keys: object) -> Landing:
    config = ParcelsSource(kind="files", path=str(folder / "*.csv"), **keys)  # type: ignore[arg-type]
    landing = read_records(config, COLUMNS, CENTRES, FIRST, LAST, ["1", "NY"], now=NOW)
    for file in landing.files:
        assert file.rows_in_file == file.rows_stored + file.rows_quarantined + file.rows_left
    assert len(landing.rejected) == sum(file.rows_quarantined for file in landing.files)
    return landing


def test_moments_are_local_to_the_centre_unless_they_have_an_offset(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        HEADER + "a,NY,2025-03-05 20:00,2025-03-06 20:00,2,1,x\nb,NY,2025-03-05T20:00:00Z,,,,\n"
    )
    rows = read(tmp_path).rows.set_index("claim_id")
    assert rows.loc["a", "opened_at"] == pd.Timestamp("2025-03-06 01:00", tz="UTC")
    # The partition is the UTC day.
    assert rows.loc["a", "day"] == pd.Timestamp("2025-03-06")
    assert rows.loc["b", "opened_at"] == pd.Timestamp("2025-03-05 20:00", tz="UTC")
    assert rows.loc["b", ["available_at", "amount", "size", "kind"]].isna().all()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",1,2025-03-05,,,,", "missing_value: claim_id"),
        ("a,,2025-03-05,,,,", "missing_value: centre_id"),
        ("a,9,2025-03-05,,,,", "unknown_centre"),
        ("a,1,,,,,", "missing_value: opened_at"),
        ("a,1,2025-02-30,,,,", "impossible_date: opened_at"),
        ("a,1,2004-02-03,,,,", "before_2005"),
        ("a,1,2031-01-01,,,,", "future_moment: opened_at"),
        ("a,1,2025-03-05,2025-03-04,1,,", "ends_before_it_begins"),
        ("a,1,2025-03-05,,1,,", "missing_value: ended_at"),
        ("a,1,2025-03-05,2025-03-06,,,", "missing_value: amount"),
        ("a,1,2025-03-05,2025-03-06,-1,,", "negative: amount"),
        ("a,1,2025-03-05,2025-03-06,1e999,,", "not_finite: amount"),
        ("a,1,2025-03-05,2025-03-06,1,wide,", "wrong_type: size"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_with_its_reason(
    tmp_path: Path, row: str, reason: str
) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}{row}\nz,1,2025-03-05,2025-03-06,1,1,x\n")
    landing = read(tmp_path)
    assert landing.rows["claim_id"].tolist() == ["z"]
    ((found, line),) = landing.rejected[["reason", "source_line"]].to_numpy().tolist()
    assert found.startswith(reason)
    assert line == 2


def test_of_several_rows_of_a_key_the_newest_is_kept_across_files(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(
        HEADER + "a,1,2025-03-05,2025-03-09,9,1,x\nb,1,2025-03-05,,,1,x\n"
    )
    (tmp_path / "2.csv").write_text(
        HEADER + "a,1,2025-03-05,,,1,x\nb,1,2025-03-05,2025-03-07,7,1,x\n"
    )
    landing = read(tmp_path)
    assert dict(zip(landing.rows["claim_id"], landing.rows["amount"], strict=True)) == {
        "a": 9.0,
        "b": 7.0,
    }
    assert landing.rejected["reason"].str.startswith("duplicate: ").all()
    assert landing.rejected["reason"].str.contains("1.csv:2 has the same claim_id").any()


def test_rows_of_other_days_and_centres_are_left_for_their_partition(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        HEADER + "a,1,2025-02-05,,,1,x\nb,1,2025-03-05,,,1,x\nc,NY,2025-04-05,,,1,x\n"
    )
    (file,) = read(tmp_path).files
    assert (file.rows_stored, file.rows_left) == (1, 2)


def test_a_file_without_a_column_is_named_and_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("claim_id,centre_id\na,1\n")
    (tmp_path / "2.csv").write_text(HEADER + "a,1,2025-03-05,,,1,x\n")
    broken, sound = read(tmp_path).files
    assert broken.error is not None and "opened_at" in broken.error
    assert sound.rows_stored == 1


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "n,site,opened_at,ended_at,amount,size,kind\na,1,2025-03-05,,,,\n"
    )
    landing = read(tmp_path, columns={"claim_id": "n", "centre_id": "site"})
    assert landing.rows["claim_id"].tolist() == ["a"]


def test_simulated_outcomes_are_there_only_once_they_are_known() -> None:
    simulated = simulated_records("claims", COLUMNS, CENTRES, 1)
    now = datetime(2025, 3, 20, 12, tzinfo=UTC)
    landing = read_records(
        ParcelsSource(), COLUMNS, CENTRES, FIRST, LAST, ["1"], now=now, simulated=simulated
    )
    rows, at = landing.rows, pd.Timestamp(now)
    assert rows["opened_at"].max() <= at and set(rows["centre_id"]) == {"1"}
    assert (rows["available_at"].isna() == rows["amount"].isna()).all()
    assert rows["available_at"].max() <= at and rows["amount"].isna().any()
    assert rows["claim_id"].is_unique
    later = read_records(
        ParcelsSource(), COLUMNS, CENTRES, FIRST, LAST, ["1"], now=NOW, simulated=simulated
    ).rows
    both = rows.merge(later, on="claim_id", suffixes=("", "_later"))
    known = both[both["amount"].notna()]
    assert (known["amount"] == known["amount_later"]).all()
    with pytest.raises(ValueError, match="simulated"):
        read_records(ParcelsSource(), COLUMNS, CENTRES, FIRST, LAST, ["1"], now=now)
