"""Wide tables: a column for each centre, or for each day, read as the long table that they are."""

from __future__ import annotations

import json
import random
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.flows.traffic.counters import known_counters
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import read_sources
from flow_platform.sources.daily_counts import discover_centres, read_daily_counts
from flow_platform.sources.ids import natural_order
from flow_platform.sources.landing import Landing
from tests.unit.refusals import sources_file
from tests.unit.sources.balances import assert_payloads_are_whole, checked_rejects
from tests.unit.sources.samples import NOW, plain_centre

CENTRES = [plain_centre(one) for one in ("7", "DC1", "DC2")]
DAYS = (date(2020, 1, 1), date(2026, 5, 1))
BY_DAY = "Datum;DC1;DC2;7\n2025-01-01;5;6;7\n2025-01-02;8;;0\n"
BY_CENTRE = "site,2025-01-01,2025-01-02\nDC1,5,8\nDC2,6,\n7,7,0\n"
TRUE = {
    ("DC1", "2025-01-01"): 5.0,
    ("DC1", "2025-01-02"): 8.0,
    ("DC2", "2025-01-01"): 6.0,
    ("7", "2025-01-01"): 7.0,
    ("7", "2025-01-02"): 0.0,
}


def wide(path: Path, **keys: Any) -> ParcelsSource:
    keys = {"columns": {"day": "Datum"}, "layout": "wide", **keys}
    return ParcelsSource(kind="files", path=str(path), **keys)


def landed(tmp_path: Path, text: str, **keys: Any) -> Landing:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    return read(wide(path, **keys))


def read(config: ParcelsSource) -> Landing:
    ids = [one.centre_id for one in CENTRES]
    landing = read_daily_counts(config, "parcels", CENTRES, *DAYS, ids, now=NOW)
    for file in landing.files:
        checked_rejects(landing, file)
    assert_payloads_are_whole(landing)
    return landing


def counts(landing: Landing) -> dict[tuple[str, str], float]:
    rows = landing.rows
    keys = zip(rows["centre_id"], rows["day"].dt.strftime("%Y-%m-%d"), strict=True)
    return dict(zip(keys, rows["parcels"], strict=True))


def test_a_column_is_a_centre_and_an_empty_cell_is_no_row(tmp_path: Path) -> None:
    landing = landed(tmp_path, BY_DAY)
    assert counts(landing) == TRUE
    assert landing.rejected.empty and landing.files[0].rows_in_file == 5
    assert set(landing.rows["source_line"]) == {2, 3}


def test_a_column_is_a_day_where_the_line_begins_with_a_centre(tmp_path: Path) -> None:
    assert counts(landed(tmp_path, BY_CENTRE, columns={"centre_id": "site"})) == TRUE


@pytest.mark.parametrize("first", ["day", "centre_id"])
def test_our_own_names_need_no_mapping(tmp_path: Path, first: str) -> None:
    text = {"day": BY_DAY.replace("Datum", "day"), "centre_id": BY_CENTRE.replace("site", first)}
    assert counts(landed(tmp_path, text[first], columns={})) == TRUE


def test_a_workbook_s_sheets_are_wide_too(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number, sheet in enumerate((book.active, book.create_sheet("Feb")), start=1):
        assert sheet is not None
        sheet.append(["Volumes", None, None])
        sheet.append(["Datum", "DC1", 7])
        sheet.append([datetime(2025, number, 1), 5, 7.0])
    book.save(tmp_path / "counts.xlsx")
    landing = read(wide(tmp_path / "counts.xlsx"))
    assert landing.rejected.empty
    assert counts(landing) == {
        ("DC1", "2025-01-01"): 5.0, ("7", "2025-01-01"): 7.0,
        ("DC1", "2025-02-01"): 5.0, ("7", "2025-02-01"): 7.0,
    }  # fmt: skip


def test_days_in_the_header_of_a_sheet_are_days(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["site", datetime(2025, 1, 1), datetime(2025, 1, 2)])
    book.active.append(["DC1", 5, 8])
    book.save(tmp_path / "counts.xlsx")
    landing = read(wide(tmp_path / "counts.xlsx", columns={"centre_id": "site"}))
    assert counts(landing) == {("DC1", "2025-01-01"): 5.0, ("DC1", "2025-01-02"): 8.0}


def test_a_parquet_file_is_wide_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Datum": ["2025-01-01", "2025-01-02"], "DC1": [5, 8], "DC2": [6.0, None]})
    frame.to_parquet(tmp_path / "counts.parquet")
    landing = read(wide(tmp_path / "counts.parquet"))
    assert counts(landing) == {key: n for key, n in TRUE.items() if key[0] != "7"}
    assert landing.files[0].rows_in_file == 3


def test_a_refused_cell_shows_its_line_and_its_column(tmp_path: Path) -> None:
    landing = landed(tmp_path, BY_DAY.replace(";8;", ";closed;"))
    (row,) = landing.rejected.to_dict("records")
    assert (row["source_line"], row["centre_id"], row["day"]) == (3, "DC1", date(2025, 1, 2))
    assert row["reason"].startswith("wrong_type: parcels is 'closed'")
    assert json.loads(row["payload"]) == {
        "Datum": "2025-01-02", "(column)": "DC1", "(cell)": "closed"
    }  # fmt: skip


def test_a_heading_that_is_no_centre_is_refused_and_may_be_ignored(tmp_path: Path) -> None:
    text = "Datum;Tag;007;DC1\n2025-01-01;Mi;3;5\n"
    reasons = landed(tmp_path, text).rejected["reason"].tolist()
    assert [one.partition(":")[0] for one in reasons] == ["unknown_centre"] * 2
    assert "named in ignore" in reasons[0] and "'7' differs" in reasons[1]
    assert discover_centres(wide(tmp_path / "counts.csv")) == ["007", "DC1"]
    landing = landed(tmp_path, text, ignore=["tag ", "007"])
    assert landing.rejected.empty and landing.files[0].rows_in_file == 1


def test_totals_are_refused_and_offered_as_no_centre(tmp_path: Path) -> None:
    text = "Datum;DC1;DC2;Total\n2025-01-01;5;6;11\nSumme;5;6;11\n;5;6;11\nSumme;;;\n"
    landing = landed(tmp_path, text)
    codes = landing.rejected.groupby("source_line")["reason"].first().str.partition(":")[0]
    assert dict(codes) == {2: "totals_row", 3: "totals_row", 4: "missing_value"}
    assert len(landing.rejected) == 3 and len(landing.rows) == 2
    assert discover_centres(wide(tmp_path / "counts.csv")) == ["DC1", "DC2"]
    by_centre = "site;2025-01-01;Total\nDC1;5;5\nGesamt;5;5\n"
    landing = landed(tmp_path, by_centre, columns={"centre_id": "site"})
    assert landing.rejected["reason"].str.startswith("totals_row").tolist() == [True, True]
    assert discover_centres(wide(tmp_path / "counts.csv", columns={"centre_id": "site"})) == ["DC1"]


def test_over_files_a_cell_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(BY_DAY)
    (tmp_path / "b.csv").write_text(BY_DAY + "2025-01-03;1;2;3\n")
    landing = read(wide(tmp_path / "*.csv"))
    assert [(one.rows_stored, one.rows_repeated) for one in landing.files] == [(5, 0), (3, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("day;centre_id;parcels\n2025-01-01;DC1;5\n", "so it is no wide table"),
        ("Datum;DC1;DC1\n2025-01-01;1;2\n", "two columns are called DC1"),
        ("Datum;7;7.0\n2025-01-01;1;2\n", "two columns are called 7"),
        ("week;DC1;DC2\n1;1;2\n", "no column Datum in the header"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path: Path, text: str, message: str) -> None:
    columns = {} if text.startswith("day") else {"day": "Datum"}
    error = landed(tmp_path, text, columns=columns).files[0].error
    assert error is not None and message in error


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (BY_DAY, {}),
        (BY_CENTRE, {}),
        (BY_DAY, {"centre_id": "site", "day": "Datum", "parcels": "n"}),
    ],
)
def test_a_wide_file_that_is_read_as_a_long_one_names_the_key(
    tmp_path: Path, text: str, columns: dict[str, str]
) -> None:
    error = landed(tmp_path, text, layout="long", columns=columns).files[0].error
    assert error is not None and 'layout = "wide"' in error


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('[retail]\nkind="files"\npath="x"\nlayout="wide"', "a row of [retail] is a record"),
        ('[trips]\nkind="files"\npath="x"\nlayout="wide"', "a row of [trips] is a record"),
        ('[deliveries]\nkind="files"\npath="x"\nignore=["a"]', "Remove ignore"),
        ('[parcels]\nkind="files"\npath="x"\nignore=["a"]', "ignore is for wide tables"),
        ('[parcels]\nkind="files"\npath="x"\nlayout="wide"\nkey=["a"]', "Remove key"),
        ('[parcels]\nkind="simulated"\nlayout="wide"', 'is for kind "files"'),
        ('[traffic]\nkind="mqtt"\nlayout="wide"', 'is for kind "files"'),
        (
            '[parcels]\nkind="files"\npath="x"\nlayout="wide"\ncolumns={day="d", centre_id="c"}',
            "not both",
        ),
        (
            '[traffic]\nkind="files"\npath="x"\nlayout="wide"\n'
            'columns={counted_at="d", occupancy="c"}',
            "nothing that is in the cells",
        ),
    ],
)
def test_the_keys_are_refused_where_they_make_no_sense(
    tmp_path: Path, section: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_sources(sources_file(tmp_path, section))
    assert message in str(error.value)


# -- hours of counters ---------------------------------------------------------------------------


def traffic(path: Path, **keys: Any) -> TrafficSource:
    columns = {"counted_at": "time"}
    options: dict[str, Any] = {"time_zone": "UTC", "columns": columns, "layout": "wide", **keys}
    return TrafficSource(kind="files", path=str(path), **options)


def test_counters_may_have_a_column_each(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    path.write_text("time,A1,B2,note\n2025-05-05 01:00,10,,rain\n2025-05-05 02:00,11,21,\n")
    config = traffic(path)
    assert [one.centre_id for one in known_counters(config, tmp_path / "cache")] == ["A1", "B2"]
    landing = read_traffic(config, (), *DAYS, ["A1", "B2"], now=NOW)
    checked_rejects(landing, landing.files[0])
    assert landing.rows["vehicles"].tolist() == [10, 11, 21]
    (reason,) = landing.rejected["reason"]
    assert reason.startswith("wrong_type: vehicles is 'rain'")
    ignored = read_traffic(traffic(path, ignore=["note"]), (), *DAYS, ["A1", "B2"], now=NOW)
    assert ignored.rejected.empty and len(ignored.rows) == 3


def test_quarters_of_an_hour_in_columns_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "quarters.csv"
    lines = [f"2025-05-05 {n // 4:02d}:{n % 4 * 15:02d},{n},{100 + n}" for n in range(4, 12)]
    path.write_text("\n".join(["time,A,B", *lines]))
    config = traffic(path, values="count", stamp="start")
    landing = read_traffic(config, (), *DAYS, ["A", "B"], now=NOW)
    hours = landing.rows.drop_duplicates(["centre_id", "counted_at"])
    assert dict(zip(hours["centre_id"], hours["vehicles"], strict=False)) == {"A": 38, "B": 438}
    assert read_traffic(traffic(path), (), *DAYS, ["A"], now=NOW).files[0].error is not None


def test_a_wide_file_of_counters_names_the_key(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    path.write_text("counted_at,A1,B2\n2025-05-05 01:00,10,\n")
    config = TrafficSource(kind="files", path=str(path), time_zone="UTC")
    error = read_traffic(config, (), *DAYS, ["A1"], now=NOW).files[0].error
    assert error is not None and 'layout = "wide"' in error


# -- any table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_a_wide_table_gives_the_counts_of_the_long_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    centres = [f"{prefix}{n}" for prefix in ("DC", "0", "") for n in range(1, 4)]
    known = [plain_centre(one) for one in centres]
    days = [f"2025-0{1 + n // 28}-{1 + n % 28:02d}" for n in range(chance.randint(1, 40))]
    true = {
        (centre, day): float(chance.randint(0, 900))
        for centre in centres
        for day in days
        if chance.random() < 0.8
    }
    by_centre = chance.random() < 0.5
    lines, headings = (centres, days) if by_centre else (days, centres)
    lines, headings = chance.sample(lines, len(lines)), chance.sample(headings, len(headings))
    note = chance.randrange(len(headings) + 1)
    cells: list[list[Any]] = [["first", *headings]]
    for line in lines:
        keys = [(line, one) if by_centre else (one, line) for one in headings]
        cells.append([line, *(true.get(key) for key in keys)])
    for number, row in enumerate(cells):
        row.insert(1 + note, f"note {number}" if number else "note")
    path = tmp_path / chance.choice(("counts.csv", "counts.xlsx", "counts.parquet"))
    if path.suffix == ".csv":
        lines_of_text = (",".join("" if one is None else str(one) for one in row) for row in cells)
        path.write_text("\n".join(lines_of_text))
    elif path.suffix == ".parquet":
        pd.DataFrame(cells[1:], columns=cells[0]).to_parquet(path)
    else:
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in cells:
            book.active.append(row)
        book.save(path)
    columns = {"centre_id" if by_centre else "day": "first"}
    config = wide(path, columns=columns, ignore=["note"])
    landing = read_daily_counts(config, "parcels", known, *DAYS, centres, now=NOW)
    assert landing.rejected.empty and landing.files[0].error is None
    assert counts(landing) == true
    assert landing.files[0].rows_in_file == len(true)
    assert discover_centres(config) == sorted(
        {centre for centre, _ in true}, key=lambda one: (natural_order(one), one)
    )
