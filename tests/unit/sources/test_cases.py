"""Files of counts that users had, and that were once read wrongly: now their right values."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.sources.centres import Centre, read_centres
from flow_platform.sources.config import read_sources
from flow_platform.sources.daily_counts import discover_centres, read_daily_counts
from flow_platform.sources.landing import Landing
from tests.cases import CASES
from tests.unit.sources.samples import NOW, plain_centre


def landing_of(case: str, file: str | None = None) -> Landing:
    """What the files of a case give of all days and centres."""
    config = read_sources(CASES / case / "sources.toml").of(ParcelsSource)
    if file is not None:
        config = config.model_copy(update={"path": str(CASES / case / file)})
    centres: tuple[Centre, ...] = (plain_centre("1"), plain_centre("2"))
    if (path := CASES / case / "centres.csv").exists():
        centres = read_centres(path)
    ids = [centre.centre_id for centre in centres]
    days = (date(2020, 1, 1), date(2026, 1, 1))
    return read_daily_counts(config, "parcels", centres, *days, ids, now=NOW)


@pytest.mark.parametrize(
    ("file", "counts"), [("sep.csv", [10]), ("title.csv", [10]), ("trailing.csv", [1, 2, 3, 4, 5])]
)
def test_what_is_around_a_table_is_passed_over(file: str, counts: list[float]) -> None:
    landing = landing_of("csv-dressing-around-the-table", file)
    assert landing.rejected.empty and landing.files[0].error is None
    assert landing.rows["parcels"].tolist() == counts


def test_equal_rows_of_a_file_are_counts_of_their_own() -> None:
    landing = landing_of("parcels-equal-rows-taken-for-copies")
    assert landing.rejected.empty
    assert set(landing.rows.groupby("day")["parcels"].sum()) == {2000.0}


def test_every_sheet_of_a_workbook_is_read() -> None:
    landing = landing_of("parcels-only-the-first-sheet")
    assert sorted(file.file.partition(" [")[2] for file in landing.files) == ["2024]", "2025]"]
    assert set(landing.rows["day"].dt.year) == {2024, 2025}
    assert landing.rejected.empty


def test_an_id_without_its_zeros_is_named() -> None:
    landing = landing_of("spreadsheets-eat-leading-zeros")
    assert landing.rows.empty
    assert landing.rejected["reason"].str.contains("differs from it by leading zeros only").all()


def test_a_file_gives_its_centres_as_they_are_written(tmp_path: Path) -> None:
    config = read_sources(CASES / "spreadsheets-eat-leading-zeros" / "sources.toml")
    assert discover_centres(config.of(ParcelsSource)) == ["01", "02"]
