"""`flow load check` shows a newcomer how a file would be read, and what to do next."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cases import CASES
from tests.delivery_tables import write_tables
from tests.unit.cli.looks import checked, facts
from tests.unit.flows.trips import samples

COUNTS = "site,date,volume,note\nNORTH,2025-01-01,18204,x\nNORTH,2025-01-03,41877,\n"
CENTRES = "centre_id,timezone\nNORTH,Europe/Paris\nSOUTH,Europe/Paris\n"
SECTION = (
    '[parcels]\nkind = "files"\npath = "counts.csv"\n'
    'columns = { centre_id = "site", day = "date", parcels = "volume" }\n'
)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Path]:
    """The settings of an installation with two centres and a section [parcels]."""
    (tmp_path / "centres.csv").write_text(CENTRES)
    (tmp_path / "sources.toml").write_text(SECTION)
    return {"centres": tmp_path / "centres.csv", "sources": tmp_path / "sources.toml"}


def counts(folder: Path, text: str = COUNTS) -> Path:
    path = folder / "counts.csv"
    path.write_text(text)
    return path


def only(found: dict[str, Any]) -> dict[str, Any]:
    (file,) = found["files"]
    return dict(file)


# -- what is shown -------------------------------------------------------------------------------


def test_layout_columns_days_and_centres_of_a_good_file_are_shown(
    tmp_path: Path, own: dict[str, Path]
) -> None:
    found = facts(counts(tmp_path), "parcels", **own)
    file = only(found)
    assert (file["kind"], file["encoding"], file["encoding_by"]) == ("CSV", "utf-8", "default")
    assert (file["separator"], file["header_line"]) == (",", 1)
    assert file["columns"] == {"centre_id": "site", "day": "date", "parcels": "volume"}
    assert file["unused"] == ["note"]
    assert file["first_rows"][0]["parcels"] == 18204
    assert file["first_rows"][0]["day"] == "2025-01-01"
    # The local midnight after the day, in Paris.
    assert file["first_rows"][0]["available_at"] == "2025-01-01 23:00:00 UTC"
    assert found["rows"]["stored"] == 2
    assert found["days"]["gaps"] == [{"first": "2025-01-02", "last": "2025-01-02"}]
    assert found["centres"]["NORTH"]["rows"] == 2
    assert found["centres_without_rows"] == ["SOUTH"]
    assert found["next"] == ["Load with `flow backfill parcels --from 2025-01-01 --to 2025-01-03`."]
    assert found["section"] is None


def test_the_lines_have_what_the_facts_have(tmp_path: Path, own: dict[str, Path]) -> None:
    text = checked(counts(tmp_path), "parcels", **own).stdout
    for words in (
        "CSV, utf-8, separator ,, header in line 1",
        "centre_id <- site, day <- date, parcels <- volume",
        "not used: note",
        "line 2: centre_id=NORTH, day=2025-01-01, parcels=18204",
        "Days: 2025-01-01 to 2025-01-03, 2 with rows; no rows on 2025-01-02.",
        "Next: Load with `flow backfill parcels --from 2025-01-01 --to 2025-01-03`.",
    ):
        assert words in text


def test_dressing_and_a_detected_encoding_are_named(tmp_path: Path, own: dict[str, Path]) -> None:
    lines = "Compte rendu;;;;\nsite;date;volume;remarque;\nNORTH;2025-01-01;1;côté payé à l'été;\n"
    path = tmp_path / "counts.csv"
    path.write_bytes(lines.encode("cp1252"))
    file = only(facts(path, "parcels", **own))
    assert (file["encoding"], file["encoding_by"]) == ("cp1252", "detected")
    assert (file["separator"], file["header_line"]) == (";", 2)
    assert "1 above it passed over" in checked(path, "parcels", **own).stdout


def test_a_refused_row_is_shown_with_its_line_and_a_remedy(
    tmp_path: Path, own: dict[str, Path]
) -> None:
    path = counts(tmp_path, COUNTS + 'SOUTH,2025-01-02,"1,5",\nSOUTH,2025-01-04,"2,5",\n')
    (refusal,) = only(facts(path, "parcels", **own))["refused"]
    assert (refusal["rows"], refusal["line"]) == (2, 4)
    assert refusal["row"] == {"site": "SOUTH", "date": "2025-01-02", "volume": "1,5"}
    assert refusal["reason"] == "wrong_type: parcels is '1,5', not a plain number"
    assert "Set date_format or decimal" in refusal["remedy"]


def test_every_sheet_of_a_workbook_is_shown() -> None:
    case = CASES / "parcels-only-the-first-sheet"
    settings = {"centres": case / "centres.csv", "sources": case / "sources.toml"}
    found = facts(case / "counts.xlsx", "parcels", **settings)
    assert [file["kind"] for file in found["files"]] == ["sheet", "sheet"]
    assert all(file["rows"]["stored"] for file in found["files"])


# -- centres that are not known --------------------------------------------------------------------


def test_an_unknown_centre_hides_no_other_fault(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(SECTION)
    path = counts(tmp_path, COUNTS + "NORTH,2025-01-02,many,\n")
    found = facts(path, "parcels", sources=tmp_path / "sources.toml")
    assert found["exit_code"] == 3
    assert found["demo_centres"] and found["unknown_centres"] == {"NORTH": 3}
    wider = found["with_unknown_centres"]
    assert wider["rows"]["stored"] == 2
    assert [one["reason"].split(":")[0] for one in wider["files"][0]["refused"]] == ["wrong_type"]
    assert "flow centres discover parcels" in found["next"][0]
    text = checked(path, "parcels", sources=tmp_path / "sources.toml").stdout
    assert "first rows as understood, if their centres were known" in text
    assert "many" in text


def test_ids_that_differ_by_zeros_are_named() -> None:
    case = CASES / "spreadsheets-eat-leading-zeros"
    settings = {"centres": case / "centres.csv", "sources": case / "sources.toml"}
    assert "by leading zeros only" in checked(case / "counts.csv", "parcels", **settings).stdout


# -- columns that are missing ----------------------------------------------------------------------


def test_a_missing_column_is_answered_by_a_section_to_paste(tmp_path: Path) -> None:
    (tmp_path / "centres.csv").write_text(CENTRES)
    path = counts(tmp_path)
    found = facts(path, "parcels", centres=tmp_path / "centres.csv")
    assert found["exit_code"] == 3
    assert only(found)["missing"] == ["centre_id", "day", "parcels"]
    section = tomllib.loads(found["section"])["parcels"]
    assert section["columns"] == {"centre_id": "site", "day": "date", "parcels": "volume"}
    # What would be found with it is shown too.
    assert found["with_likely_columns"]["rows"]["stored"] == 2
    (tmp_path / "sources.toml").write_text(found["section"])
    settings = {"centres": tmp_path / "centres.csv", "sources": tmp_path / "sources.toml"}
    assert facts(path, "parcels", **settings)["rows"]["stored"] == 2


def test_a_guess_says_that_it_is_one(tmp_path: Path) -> None:
    text = checked(counts(tmp_path), "parcels").stdout
    assert "perhaps it is volume" in text and "# a guess: correct it" in text
    assert "which is a suggestion only" in text


def test_a_name_that_is_like_nothing_is_left_to_the_reader(tmp_path: Path) -> None:
    found = facts(counts(tmp_path, "xx,yy,zz\n1,2,3\n"), "parcels")
    assert only(found)["likely_columns"] == {} and found["with_likely_columns"] is None


# -- the flows -------------------------------------------------------------------------------------


def test_trips_without_zones_are_judged_and_the_zones_asked_for(tmp_path: Path) -> None:
    path = samples.write(tmp_path / "trips.parquet", [samples.trip(), samples.trip(minutes=-1)])
    found = facts(path, "trips")
    assert found["exit_code"] == 3 and found["rows"]["stored"] == 1
    assert [one["reason"].split(":")[0] for one in only(found)["refused"]] == ["not_after"]
    assert "miles" in only(found)["facts"]["units"]
    assert 'zones = "taxi_zone_lookup.csv"' in found["section"]
    assert "without it no load begins" in found["next"][0]


def test_the_clock_of_traffic_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(
        '[traffic]\nkind = "files"\npath = "x.csv"\ntime_zone = "America/Chicago"\n'
    )
    path = counts(tmp_path, "centre_id,counted_at,vehicles\n7,2025-01-01 08:00,100\n")
    file = only(facts(path, "traffic", sources=tmp_path / "sources.toml"))
    assert file["facts"]["clock"].endswith("America/Chicago (time_zone)")
    assert file["first_rows"][0]["counted_at"] == "2025-01-01 14:00:00 UTC"


def test_quarters_of_an_hour_end_in_the_key_to_set(tmp_path: Path) -> None:
    lines = "centre_id,counted_at,vehicles\n7,2025-01-01 08:15,1\n7,2025-01-01 08:30,2\n"
    found = facts(counts(tmp_path, lines), "traffic")
    assert found["exit_code"] == 3
    assert 'values = "count"' in only(found)["error"]


def test_customers_of_a_shop_are_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    row = ["1", "22041", "FRAME", 4, "2010-07-05 09:00:00", 2.5, "Miller-17850", "France"]
    names = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    lines = [row, [*row[:3], "x", *row[4:]], [*row, "Miller-17850"]]
    text = "\n".join([names, *(",".join(map(str, line)) for line in lines), ""])
    path.write_text(text)
    found = facts(path, "retail")
    assert found["rows"] == {"in_files": 3, "stored": 1, "refused": 2, "repeated": 0, "left": 0}
    for done in (checked(path, "retail"), checked(path, "retail", "--json")):
        assert "Miller" not in done.output and "17850" not in done.output


def test_customers_of_a_marketplace_are_never_shown(tmp_path: Path) -> None:
    write_tables(tmp_path)
    for options in ((), ("--json",)):
        done = checked(tmp_path, "deliveries", *options)
        assert done.exit_code == 0
        assert "person-" not in done.output and "customer-0" not in done.output


def test_a_marketplace_without_a_table_says_which(tmp_path: Path) -> None:
    write_tables(tmp_path)
    next(tmp_path.glob("*item*")).unlink()
    found = facts(tmp_path, "deliveries")
    assert found["exit_code"] == 3
    assert "has no table of items" in found["files"][0]["error"]
    assert any(file["columns"].get("order_id") for file in found["files"])


# -- paths that are no table -----------------------------------------------------------------------


def test_strict_makes_any_refused_row_a_failure(tmp_path: Path, own: dict[str, Path]) -> None:
    path = counts(tmp_path, COUNTS + "SOUTH,2025-01-02,x,\n")
    assert checked(path, "parcels", **own).exit_code == 0
    assert checked(path, "parcels", "--strict", **own).exit_code == 3


@pytest.mark.parametrize("flow", ["parcels", "retail", "traffic", "trips", "deliveries"])
def test_what_is_no_table_ends_in_one_sentence(tmp_path: Path, flow: str) -> None:
    with zipfile.ZipFile(tmp_path / "orders.zip", "w") as archive:
        archive.writestr("a.csv", COUNTS)
    # What Excel writes with a password is an OLE file.
    (tmp_path / "orders.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    (tmp_path / "orders.csv").write_bytes(b"")
    (tmp_path / "orders.parquet").write_bytes(b"PAR1" + bytes(range(256)))
    (tmp_path / "nothing").mkdir()
    for name in ("orders.zip", "orders.xlsx", "orders.csv", "orders.parquet"):
        done = checked(tmp_path / name, flow)
        assert done.exit_code == 3, (name, done.output, done.exception)
        assert "cannot be loaded: " in done.output
    for path in (tmp_path / "gone.csv", "/dev/null", "", "a\0b", tmp_path / "nothing" / "*.csv"):
        done = checked(path, flow)
        assert done.exit_code == 1
        assert type(done.exception).__name__ == "ConfigurationError", done.exception


def test_a_protected_workbook_and_an_archive_are_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", COUNTS)
    assert "password" in only(facts(tmp_path / "a.xlsx", "parcels"))["error"]
    assert "unpack" in only(facts(tmp_path / "a.zip", "parcels"))["error"].casefold()


def test_a_path_with_brackets_is_that_file_and_not_a_pattern(
    tmp_path: Path, own: dict[str, Path]
) -> None:
    path = tmp_path / "counts [1].csv"
    path.write_text(COUNTS)
    found = facts(path, "parcels", **own)
    assert found["rows"]["stored"] == 2
    assert tomllib.loads(found["section"])["parcels"]["path"] == found["path"]


def test_a_folder_is_all_its_files(tmp_path: Path, own: dict[str, Path]) -> None:
    (tmp_path / "in").mkdir()
    for month in (1, 2):
        text = COUNTS.replace("2025-01", f"2025-{month:02}")
        (tmp_path / "in" / f"{month}.csv").write_text(text)
    assert facts(tmp_path / "in", "parcels", **own)["rows"]["stored"] == 4


def test_nothing_is_written_and_no_terminal_is_told_what_to_do(
    tmp_path: Path, own: dict[str, Path]
) -> None:
    path = counts(tmp_path, COUNTS + "\x1b[31mSOUTH,2025-01-02,x,\n")
    home = tmp_path / "home"
    done = checked(path, "parcels", home=home, **own)
    assert "\x1b" not in done.output
    assert not home.exists()


def test_a_large_file_of_trips_is_looked_at_in_parts(tmp_path: Path) -> None:
    frame = pd.DataFrame([samples.trip()] * 300_000)
    start = frame["lpep_pickup_datetime"] + pd.to_timedelta(range(300_000), unit="s")
    frame = frame.assign(
        lpep_pickup_datetime=start, lpep_dropoff_datetime=start + pd.Timedelta(minutes=20)
    )
    frame.to_parquet(tmp_path / "trips.parquet")
    found = facts(tmp_path / "trips.parquet", "trips")
    assert found["rows"]["stored"] == 300_000
    assert [row["line"] for row in only(found)["first_rows"]] == [1, 2, 3, 4, 5]
