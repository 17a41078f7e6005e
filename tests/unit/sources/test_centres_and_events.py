"""What a centres file and an events file may say, and how they are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.centres import Centre, read_centres
from flow_platform.sources.events import read_events

HEADER = "centre_id,name,latitude,longitude,country,subdivision,school_zone,timezone,daily_capacity"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "file.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_five_french_centres_are_the_default(french_centres: tuple[Centre, ...]) -> None:
    assert [centre.centre_id for centre in french_centres] == ["1", "2", "3", "4", "5"]
    assert french_centres[4].subdivision == "67"
    assert {centre.country for centre in french_centres} == {"FR"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_of_ids_alone_is_enough_and_ids_stay_verbatim(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "centre_id\r\n07\r\nUnited Kingdom\r\n\r\nDC-场地\r\n", encoding)
    centres = read_centres(path)
    assert [centre.centre_id for centre in centres] == ["07", "United Kingdom", "DC-场地"]
    assert centres[0] == Centre("07", "07", None, None, None, None, None, "UTC", None)


def test_semicolons_and_columns_in_any_order_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "Name;Centre_ID;country\nLa Poste, Dax;7;fr\n")
    assert read_centres(path)[0] == Centre(
        "7", "La Poste, Dax", None, None, "FR", None, None, "UTC", None
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,,,,,,,,", "line 3: centre_id '1' is already used in line 2"),
        (",x,,,,,,,", "line 3: centre_id is empty"),
        ("a|b,,,,,,,,", "line 3: centre_id 'a|b' contains '|'"),
        ('"a,b",,,,,,,,', "line 3: centre_id 'a,b' contains ','"),
        ("a[b],,,,,,,,", "contains '['"),
        ("a...b,,,,,,,,", "contains '...'"),
        ('"a\nb",,,,,,,,', "line 3: centre_id 'a\\nb' contains a control character"),
        ("all,,,,,,,,", "means all centres"),
        ("2,,,,,,,Europe/Pari,", "line 3: timezone 'Europe/Pari' is not known"),
        ("2,,,,France,,,,", "country 'France'"),
        ("2,,,,FR,XX,,,", "FR has no subdivision 'XX'"),
        ("2,,,,,67,,,", "subdivision '67' without a country"),
        ("2,,,,FR,,D,,", "school_zone 'D' is not known"),
        ("2,,91,0,,,,,", "latitude '91' is not a number from -90 to 90"),
        ("2,,x,0,,,,,", "latitude 'x'"),
        ("2,,48,,,,,,", "only one of latitude and longitude"),
        ("2,,,,,,,,0", "daily_capacity is 0"),
        ("2,,", "line 3: 3 fields where the header has 9"),
    ],
)
def test_a_fault_in_the_centres_file_is_named_with_its_line(
    tmp_path: Path, line: str, message: str
) -> None:
    path = written(tmp_path, f"{HEADER}\n1,,,,,,,,\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_centres(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column centre_id"),
        (b"id\n1\n", "no column centre_id (found: id)"),
        (b"centre_id\n", "names no centre"),
        (b"centre_id\n\xe9\n", "not UTF-8"),
        (b'centre_id\n"1\n', "Correct the quotes"),
        (b"\x00\x01", "NUL"),
    ],
)
def test_a_centres_file_that_cannot_be_read_says_why(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "centres.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_centres(path)
    assert message in str(caught.value)


def test_a_missing_centres_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.csv cannot be read"):
        read_centres(tmp_path / "absent.csv")


def test_events_may_name_their_scope_in_several_ways(
    tmp_path: Path, french_centres: tuple[Centre, ...]
) -> None:
    path = written(
        tmp_path,
        "first_day,last_day,where,name,announced\n"
        "2025-03-01,2025-03-03,1,Grève,2025-02-20\n"
        "2025-03-02,,fr,Promo,\n"
        "2025-03-02,2025-03-02,*,Everywhere,\n",
    )
    events = read_events(path, french_centres)
    assert events["scope"].tolist() == ["1", "fr", "all"]
    assert [day.date() for day in events["last_day"]] == [
        date(2025, 3, 3),
        date(2025, 3, 2),
        date(2025, 3, 2),
    ]
    assert events["announced"].notna().tolist() == [True, False, False]


def test_without_a_file_there_are_no_events() -> None:
    assert read_events(None).empty


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2025-02-30,,all,x", "line 2: first_day '2025-02-30' is not a day"),
        ("2025-W05-1,,all,x", "line 2: first_day '2025-W05-1' is not a day"),
        ("2025-03-02,2025-03-01,all,x", "line 2: last_day 2025-03-01 is before first_day"),
        ("2025-03-02,,all,", "line 2: the event has no name"),
        ("2025-03-02,,Lyonn,x", "line 2: 'Lyonn' is neither a centre nor a country"),
        ("0025-03-02,,all,x", "Correct the year"),
    ],
)
def test_a_fault_in_the_events_file_is_named_with_its_line(
    tmp_path: Path, french_centres: tuple[Centre, ...], line: str, message: str
) -> None:
    path = written(tmp_path, f"first_day,last_day,scope,name\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_events(path, french_centres)
    assert message in str(caught.value)
