"""Parcel counts at the edge: what is stored, quarantined or left, and that it adds up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.sources.daily_counts import Landing, discover_centres, read_daily_counts
from flow_platform.sources.simulated_world import World
from tests.unit.sources.samples import NOW, plain_centre

CENTRES = [plain_centre("1"), plain_centre("07"), plain_centre("NY", "America/New_York")]
HEADER = "centre_id,day,parcels\n"


def load(
    folder: Path,
    first: date = date(2020, 1, 1),
    last: date = date(2030, 1, 1),
    ids: Sequence[str] = ("1", "07", "NY"),
    **settings: Any,
) -> Landing:
    config = ParcelsSource(kind="files", path=str(folder / "*"), **settings)
    landing = read_daily_counts(config, "parcels", CENTRES, first, last, ids, now=NOW)
    for file in landing.files:
        assert file.rows_read == file.rows_stored + file.rows_quarantined
        assert file.rows_in_file == file.rows_read + file.rows_left + file.rows_repeated
        rejected = landing.rejected[landing.rejected["source_file"] == file.file]
        assert len(rejected) == file.rows_quarantined
        assert (landing.rows["source_file"] == file.file).sum() == file.rows_stored
    for payload in landing.rejected["payload"]:
        assert "\0" not in payload
        json.loads(payload.encode("utf-8"))
    return landing


def of_text(folder: Path, text: str | bytes, **settings: Any) -> Landing:
    (folder / "counts.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(folder, **settings)


def codes(landing: Landing) -> list[str]:
    return [reason.split(":")[0] for reason in landing.rejected["reason"]]


def test_good_rows_are_stored_with_file_line_and_time_known(tmp_path: Path) -> None:
    landing = of_text(tmp_path, HEADER + "1,2025-03-29,10\n\n07,2025-03-30,2.5\nNY,2025-03-30,0\n")
    assert landing.rows["centre_id"].tolist() == ["1", "07", "NY"]
    assert landing.rows["parcels"].tolist() == [10, 2.5, 0]
    assert landing.rows["source_line"].tolist() == [2, 4, 5]
    assert landing.rows["available_at"].dt.strftime("%d %H:%M").tolist() == [
        "29 23:00",
        "30 22:00",
        "31 04:00",
    ]
    assert landing.rejected.empty
    assert landing.files[0].rows_stored == 3


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1,2025-03-29,ten", "wrong_type"),
        ("1,2025-03-29,=1+1", "wrong_type"),
        ("1,2025-03-29,1 234", "wrong_type"),
        ('1,2025-03-29,"1,234"', "wrong_type"),
        ("1,2025-03-29,1_000", "wrong_type"),
        ("1,2025-03-29,0x10", "wrong_type"),
        ("1,2025-03-29,", "missing_value"),
        ("1,2025-03-29,NaN", "missing_value"),
        (",2025-03-29,1", "missing_value"),
        ("1,,1", "missing_value"),
        ("1,2025-03-29,inf", "not_finite"),
        ("1,2025-03-29,1e400", "too_large"),
        ("1,2025-03-29,1000000001", "too_large"),
        ("1,2025-03-29,-3", "negative_count"),
        ("7,2025-03-29,1", "unknown_centre"),
        ("1,2025-02-30,1", "impossible_date"),
        ("1,2025-13-01,1", "impossible_date"),
        ("1,05/04/2025,1", "wrong_type"),
        ("1,29/03/25,1", "wrong_type"),
        ("1,45745,1", "wrong_type"),
        ("1,2026-06-02,1", "future_day"),
        ("NY,2026-06-01,1", "future_day"),
        ("1,2004-12-31,1", "before_2005"),
        ("1,2025-03-29", "ragged"),
        ("1,2025-03-29,1,2", "ragged"),
        ('1,2025-03-29,"1', "unbalanced_quote"),
        ("1,2025-03-29,1\0", "nul_character"),
    ],
)
def test_a_bad_row_is_quarantined_whole_with_its_reason(
    tmp_path: Path, row: str, code: str
) -> None:
    landing = of_text(tmp_path, f"{HEADER}1,2025-03-28,1\n{row}\n1,2025-03-30,2\n")
    assert codes(landing) == [code]
    assert landing.rejected["source_line"].tolist() == [3]
    assert landing.rows["parcels"].tolist() == [1, 2]
    payload = json.loads(landing.rejected["payload"][0])
    parts = row.replace('"1,234"', "1,234").replace("\0", "␀").split(",")
    assert all(part in "".join(map(str, payload.values())) for part in parts)


def test_the_centres_own_today_is_not_the_future(tmp_path: Path) -> None:
    landing = of_text(tmp_path, HEADER + "1,2026-06-01,1\nNY,2026-06-01,1\nNY,2026-05-31,1\n")
    assert codes(landing) == ["future_day"]


def test_equal_rows_of_a_file_are_so_many_counts_and_over_files_the_union_counts(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "1,2025-03-28,1\n1,2025-03-28,1\n1,2025-03-28,2\n")
    (tmp_path / "b.csv").write_text("parcels,centre_id,day\n" + "1,1,2025-03-28\n" * 3)
    landing = load(tmp_path)
    assert landing.rows["parcels"].tolist() == [1, 1, 2, 1]
    assert landing.rejected.empty
    assert [file.rows_repeated for file in landing.files] == [0, 2]
    assert [file.rows_left for file in landing.files] == [0, 0]


def test_a_declared_key_makes_duplicates(tmp_path: Path) -> None:
    rows = "a,1,2025-03-28,1\na,1,2025-03-28,2\nb,1,2025-03-28,1\n"
    (tmp_path / "a.csv").write_text("wave,centre_id,day,parcels\n" + rows)
    landing = load(tmp_path, key=["wave", "day"])
    assert landing.rows["parcels"].tolist() == [1, 1]
    assert codes(landing) == ["duplicate"]
    assert landing.rejected["reason"][0].endswith("a.csv:2 has the same wave, day")
    error = load(tmp_path, key=["waybill"]).files[0].error
    assert error is not None and "no column waybill in the header" in error


def test_rows_that_differ_in_an_unmapped_column_are_no_duplicates(tmp_path: Path) -> None:
    text = "lane,centre_id,day,parcels\nA,1,2025-03-28,1\nB,1,2025-03-28,1\n"
    assert len(of_text(tmp_path, text).rows) == 2


def test_rows_of_partitions_not_asked_for_are_left_alone(tmp_path: Path) -> None:
    text = HEADER + "1,2025-03-28,1\n07,2025-03-28,1\n1,2025-03-29,2\n1,2025-03-30,-2\n"
    whole = of_text(tmp_path, text)
    part = of_text(tmp_path, text, first=date(2025, 3, 29), last=date(2025, 3, 29), ids=["1"])
    assert part.rows["parcels"].tolist() == [2]
    assert (part.files[0].rows_left, part.files[0].rows_read) == (2, 2)
    pd.testing.assert_frame_equal(part.rejected, whole.rejected)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks_do_not_matter(
    tmp_path: Path, newline: str, bom: bytes
) -> None:
    text = (HEADER + "1,2025-03-28,1\n1,2025-03-29,2\n").replace("\n", newline)
    landing = of_text(tmp_path, bom + text.encode())
    assert landing.rows["source_line"].tolist() == [2, 3]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8"])
def test_a_declared_encoding_is_used(tmp_path: Path, encoding: str) -> None:
    text = "场地2;日期;货量\n1;2025-03-28;1,5\n"
    landing = of_text(
        tmp_path,
        text.encode(encoding),
        encoding=encoding,
        decimal=",",
        columns={"centre_id": "场地2", "day": "日期", "parcels": "货量"},
    )
    assert landing.rows["parcels"].tolist() == [1.5]


def test_bytes_that_cannot_be_decoded_cost_their_row_only(tmp_path: Path) -> None:
    text = "centre_id,day,parcels,note\n1,2025-03-28,1,\xe9t\xe9\n1,2025-03-29,2,ete\n"
    other = "1,2025-03-30,3,\xe9t\xe9s, \xe9t\xe9s\n".replace(", ", " ").encode()
    landing = of_text(tmp_path, text.encode("cp1252") + other)
    assert codes(landing) == ["undecodable"]
    assert json.loads(landing.rejected["payload"][0])["note"] == r"\xe9t\xe9"
    # A file of which nothing is UTF-8 is one of another encoding, detected or set.
    for settings in ({}, {"encoding": "cp1252"}):
        assert of_text(tmp_path, text.encode("cp1252"), **settings).rejected.empty


def test_a_quoted_note_may_run_over_lines_and_an_open_quote_swallows_nothing(
    tmp_path: Path,
) -> None:
    text = (
        'centre_id,day,parcels,note\n1,2025-03-25,1,"two\nlines"\n1,2025-03-26,2,"open\n'
        '1,2025-03-27,"3,"\n1,2025-03-28,4,x\n'
    )
    landing = of_text(tmp_path, text)
    assert landing.rows["source_line"].tolist() == [2, 6]
    assert landing.rejected["source_line"].tolist() == [4, 5]


def test_days_may_have_times_and_offsets(tmp_path: Path) -> None:
    text = HEADER + (
        "1,2025-03-28T13:00:00,1\n1,2025-03-28 00:00:00,2\n"
        "1,2025-03-28T23:30:00Z,3\nNY,2025-03-28T02:00:00+00:00,4\n"
    )
    days = of_text(tmp_path, text).rows["day"].dt.strftime("%Y-%m-%d").tolist()
    assert days == ["2025-03-28", "2025-03-28", "2025-03-29", "2025-03-27"]


def test_other_dates_are_read_as_date_format_says(tmp_path: Path) -> None:
    text = HEADER + "1,03/04/2025,1\n1,2025-04-03,1\n"
    landing = of_text(tmp_path, text, date_format="%d/%m/%Y")
    assert landing.rows["day"].tolist() == [pd.Timestamp(2025, 4, 3)]
    assert codes(landing) == ["wrong_type"]


def test_a_mapped_available_at_counts_when_it_is_later_than_the_days_end(tmp_path: Path) -> None:
    text = (
        "c,d,p,k\n1,2025-03-28,1,2025-03-30T12:00:00Z\n1,2025-03-28,2,2025-03-28T01:00:00Z\n"
        "1,2025-03-28,3,2025-06-30 12:00\n1,2025-03-28,4,\n1,2025-03-28,5,soon\n"
    )
    columns = {"centre_id": "c", "day": "d", "parcels": "p", "available_at": "k"}
    landing = of_text(tmp_path, text, columns=columns)
    assert landing.rows["available_at"].dt.strftime("%m-%d %H:%M").tolist() == [
        "03-30 12:00",
        "03-28 23:00",
        "06-30 10:00",
        "03-28 23:00",
    ]
    assert codes(landing) == ["wrong_type"]


def excel(path: Path, rows: list[list[Any]], sheet: str = "Feuil1") -> None:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.save(path)


def test_excel_sheets_load_with_their_row_numbers(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [],
        ["centre_id", "day", "parcels"],
        [1, datetime(2025, 3, 28), 10],
        [],
        ["07", "2025-03-29", 2.5],
        [1, datetime(2025, 3, 30), "=1+1"],
        [1, datetime(2025, 3, 30), True],
        [1, 45745, 3],
    ]
    excel(tmp_path / "counts.xlsx", rows)
    landing = load(tmp_path)
    assert landing.rows["centre_id"].tolist() == ["1", "07"]
    assert landing.rows["source_line"].tolist() == [3, 5]
    assert codes(landing) == ["missing_value", "wrong_type", "wrong_type"]


def test_the_sheet_is_the_one_named(tmp_path: Path) -> None:
    excel(tmp_path / "a.xlsx", [["centre_id", "day", "parcels"], ["1", "2025-03-28", 1]], "Data")
    assert len(load(tmp_path, sheet="Data").rows) == 1
    error = load(tmp_path, sheet="Other").files[0].error
    assert error is not None
    assert "no sheet 'Other' (found: Data)" in error


def test_parquet_loads_with_its_own_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "centre_id": [1, 1, 7, 1],
            "day": pd.to_datetime(["2025-03-28", "2025-03-29", "2025-03-29", "NaT"]),
            "parcels": [1.0, float("nan"), 3.0, 4.0],
        }
    )
    frame.to_parquet(tmp_path / "counts.parquet")
    landing = load(tmp_path)
    assert landing.rows["parcels"].tolist() == [1]
    assert codes(landing) == ["missing_value", "unknown_centre", "missing_value"]
    frame.assign(day=frame["day"].dt.tz_localize("UTC") + pd.Timedelta(hours=23.5)).to_parquet(
        tmp_path / "counts.parquet"
    )
    assert load(tmp_path).rows["day"].tolist() == [pd.Timestamp(2025, 3, 29)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"", "is empty"),
        ("x.csv", b"\n \n", "is empty"),
        ("x.csv", b"site,day,parcels\n1,2025-03-28,1\n", "no column centre_id in the header"),
        ("x.csv", b"day,day,parcels,centre_id\n", "two columns are called day"),
        ("x.csv", bytes(range(256)) * 4, "no column centre_id"),
        ("x.parquet", b"PAR1 truncated", "not a readable Parquet file"),
        ("x.xlsx", b"PK\x03\x04 truncated", "not a readable .xlsx workbook"),
        ("x.xls", b"\xd0\xcf\x11\xe0", "Save it as .xlsx or CSV"),
    ],
)
def test_a_broken_file_names_itself_and_stops_only_itself(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.csv").write_text(HEADER + "1,2025-03-28,1\n")
    landing = load(tmp_path)
    errors = [file.error for file in landing.files if file.error]
    assert len(errors) == 1
    assert message in errors[0]
    assert name in errors[0]
    assert len(landing.rows) == 1


def test_a_file_with_a_header_alone_is_no_error(tmp_path: Path) -> None:
    landing = of_text(tmp_path, HEADER)
    assert landing.files[0].error is None
    assert landing.rows.empty


def test_a_pattern_that_matches_nothing_is_reported(tmp_path: Path) -> None:
    landing = load(tmp_path / "absent")
    assert "no file matches" in (landing.files[0].error or "")
    assert list(landing.rows.columns) == list(of_text(tmp_path, HEADER).rows.columns)


def test_simulated_counts_come_once_they_are_known(tmp_path: Path) -> None:
    world = World(CENTRES)
    landing = read_daily_counts(
        ParcelsSource(),
        "parcels",
        CENTRES,
        date(2026, 5, 25),
        date(2026, 6, 5),
        ["1", "07", "NY"],
        now=NOW,
        simulated=world.parcels,
    )
    newest = landing.rows.groupby("centre_id")["day"].max()
    assert newest.max() == pd.Timestamp(2026, 5, 31)
    assert (landing.rows["available_at"] <= pd.Timestamp(NOW)).all()
    assert landing.files[0].rows_stored == len(landing.rows)
    with pytest.raises(ValueError, match="simulated"):
        read_daily_counts(
            ParcelsSource(), "parcels", CENTRES, date(2026, 1, 1), date(2026, 1, 1), ["1"], now=NOW
        )


def test_centres_are_discovered_in_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "DC10,x,1\nDC9,x,1\n,x,1\n")
    (tmp_path / "b.csv").write_text("broken")
    config = ParcelsSource(kind="files", path=str(tmp_path / "*.csv"))
    assert discover_centres(config) == ["DC9", "DC10"]
    assert discover_centres(ParcelsSource()) == []


@pytest.mark.real_data
def test_the_real_lanes_load_without_a_loss(real_data: Path) -> None:
    path = real_data / "parcels" / "lanes_2021-01-01_2022-06-30.csv"
    config = ParcelsSource(
        kind="files",
        path=str(path),
        columns={"centre_id": "场地2", "day": "日期", "parcels": "货量"},
    )
    table = pd.read_csv(path)
    centres = [plain_centre(one, "Asia/Shanghai") for one in discover_centres(config)]
    ids = [centre.centre_id for centre in centres]
    assert set(ids) == set(table["场地2"])
    landing = read_daily_counts(
        config, "parcels", centres, date(2021, 1, 1), date(2022, 6, 30), ids, now=NOW
    )
    assert landing.files[0].rows_stored == len(table) == 130_016
    assert landing.rejected.empty
    assert landing.rows["parcels"].sum() == table["货量"].sum()


# -- dressing, sheets, ids -----------------------------------------------------------------------

PLAIN = HEADER + "1,2025-03-28,10\n07,2025-03-29,20\n"
DRESSED = {
    "sep line": "sep=;\n" + PLAIN.replace(",", ";"),
    "sep line, quoted": '"sep=;"\n' + PLAIN.replace(",", ";"),
    "title": "Volumes 2025;;\n;;\n" + PLAIN.replace(",", ";"),
    "title without separators": "Volumes of 2025, all sites\n\n" + PLAIN,
    "one more separator": PLAIN.replace("\n", ",\n"),
    "one more separator, not in the header": PLAIN.replace("0\n", "0,,\n"),
    "one more separator in the header": PLAIN.replace("parcels\n", "parcels,\n"),
    "blank lines": "\n\n" + PLAIN.replace("\n", "\n\n"),
    "CRLF and title": "Volumes\r\n" + PLAIN.replace("\n", "\r\n"),
    "utf-16": (PLAIN.replace(",", "\t")).encode("utf-16"),
}


@pytest.mark.parametrize("text", DRESSED.values(), ids=DRESSED.keys())
def test_a_table_is_the_same_whatever_is_around_it(tmp_path: Path, text: str | bytes) -> None:
    landing = of_text(tmp_path, text)
    assert landing.rows["parcels"].tolist() == [10, 20]
    assert landing.rows["centre_id"].tolist() == ["1", "07"]
    assert landing.rejected.empty and landing.files[0].rows_in_file == 2


def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path: Path) -> None:
    landing = of_text(tmp_path, "Volumes 2025\n\n" + PLAIN)
    assert landing.rows["source_line"].tolist() == [4, 5]


def test_skip_rows_names_the_lines_above_the_header(tmp_path: Path) -> None:
    text = "a,b,c\n1,2,3\n" + PLAIN
    assert of_text(tmp_path, text).rows["parcels"].tolist() == [10, 20]
    assert of_text(tmp_path, text, skip_rows=2).rows["parcels"].tolist() == [10, 20]
    error = of_text(tmp_path, text, skip_rows=1).files[0].error
    assert error is not None and "no column centre_id" in error and "skip_rows" in error


def test_every_sheet_is_read_and_titles_above_its_header_are_passed_over(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "2024"
    for row in (["Counts of 2024"], [], ["centre_id", "day", "parcels"], ["1", "2024-03-01", 5]):
        book.active.append(row)
    second = book.create_sheet("2025")
    for row in (["centre_id", "day", "parcels"], ["1", "2025-03-01", 7]):
        second.append(row)
    book.save(tmp_path / "counts.xlsx")
    landing = load(tmp_path)
    assert landing.rows["parcels"].tolist() == [5, 7]
    assert landing.rows["source_line"].tolist() == [4, 2]
    assert [file.file[-7:] for file in landing.files] == [" [2024]", " [2025]"]


@pytest.mark.parametrize("written", ["1", "1.0", "1.00", " 1 "])
def test_an_id_that_a_spreadsheet_made_a_number_is_the_same_id(
    tmp_path: Path, written: str
) -> None:
    landing = of_text(tmp_path, f"{HEADER}{written},2025-03-28,1\n")
    assert landing.rows["centre_id"].tolist() == ["1"]


def test_an_id_that_differs_by_leading_zeros_is_named_with_the_one_that_exists(
    tmp_path: Path,
) -> None:
    landing = of_text(tmp_path, HEADER + "01,2025-03-28,1\n7,2025-03-28,1\n")
    assert landing.rejected["reason"].tolist() == [
        "unknown_centre: no centre has the id '01'; '1' differs from it by leading zeros only",
        "unknown_centre: no centre has the id '7'; '07' differs from it by leading zeros only",
    ]


@pytest.mark.parametrize("word", ["NA", "nan", "null", "None"])
def test_a_word_for_nothing_is_an_id_and_only_an_empty_field_is_missing(
    tmp_path: Path, word: str
) -> None:
    landing = of_text(tmp_path, f"{HEADER}{word},2025-03-28,1\n,2025-03-28,1\n")
    assert codes(landing) == ["unknown_centre", "missing_value"]
    assert discover_centres(ParcelsSource(kind="files", path=str(tmp_path / "*"))) == [word]


@pytest.mark.parametrize(
    ("written", "decimal", "thousands", "count"),
    [
        ("1.234.567,5", ",", ".", 1_234_567.5),
        ("1,234", ".", ",", 1234),
        ("1 234", ",", " ", 1234),
        ("1\u202f234\u00a0567", ",", " ", 1_234_567),
        ("12'345.5", ".", "'", 12_345.5),
        ("1234", ".", ",", 1234),
        ("999", ",", ".", 999),
    ],
)
def test_thousands_are_read_where_their_mark_is_set(
    tmp_path: Path, written: str, decimal: str, thousands: str, count: float
) -> None:
    text = f'{HEADER.replace(",", ";")}1;2025-03-28;"{written}"\n'
    landing = of_text(tmp_path, text, decimal=decimal, thousands=thousands)
    assert landing.rows["parcels"].tolist() == [count]


@pytest.mark.parametrize("written", ["1,23", "12,3456", ",123", "1,,234", "1.5,000"])
def test_thousands_in_the_wrong_place_are_no_number(tmp_path: Path, written: str) -> None:
    text = f'{HEADER.replace(",", ";")}1;2025-03-28;"{written}"\n'
    assert codes(of_text(tmp_path, text, thousands=",")) == ["wrong_type"]


@pytest.mark.parametrize("word", ["Total", "TOTAUX:", "Grand total", "合计"])
def test_a_totals_row_is_refused_as_such_and_is_no_centre(tmp_path: Path, word: str) -> None:
    landing = of_text(tmp_path, f"{HEADER}1,2025-03-28,10\n{word},2025-03-28,10\n{word},,20\n")
    assert codes(landing) == ["totals_row", "totals_row"]
    assert landing.rows["parcels"].tolist() == [10]
    assert discover_centres(ParcelsSource(kind="files", path=str(tmp_path / "*"))) == ["1"]
