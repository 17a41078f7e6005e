"""Small settings files, such as centres and events, as spreadsheets save them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.centres import read_centres
from flow_platform.sources.events import read_events

CENTRES = [["centre_id", "name", "country"], ["007", "Orléans", "FR"], ["12", "Lille", "FR"]]


def csv_of(rows: list[list[str]], separator: str, *, above: str = "", behind: str = "") -> str:
    return above + "".join(separator.join(row) + behind + "\n" for row in rows)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("above", "behind"),
    [
        ("", ""),
        ("sep={}\n", ""),
        ("Our centres\n\nSaved by hand, twice\n", ""),
        ("", "{0}{0}"),
        ("sep={}\n", "{0}"),
    ],
)
def test_what_is_around_a_settings_file_is_passed_over(
    tmp_path: Path, separator: str, above: str, behind: str
) -> None:
    path = tmp_path / "centres.csv"
    around = {"above": above.format(separator), "behind": behind.format(separator)}
    path.write_text(csv_of(CENTRES, separator, **around), encoding="utf-8-sig")
    found = read_centres(path)
    assert [(one.centre_id, one.name) for one in found] == [("007", "Orléans"), ("12", "Lille")]


def test_an_id_that_a_spreadsheet_wrote_as_a_number_is_the_id(tmp_path: Path) -> None:
    path = tmp_path / "centres.csv"
    path.write_text("centre_id,name\n12.0,Lille\n007,Orléans\n")
    centres = read_centres(path)
    assert [one.centre_id for one in centres] == ["12", "007"]
    (tmp_path / "events.csv").write_text("first_day,scope,name\n2025-01-02,12.0,Strike\n")
    events = read_events(tmp_path / "events.csv", centres)
    assert events["scope"].tolist() == ["12"]
    assert events["first_day"].dt.date.tolist() == [date(2025, 1, 2)]


def test_a_fault_below_a_title_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "centres.csv"
    path.write_text('Our centres\n\ncentre_id,name\n1,"two\nlines"\n\n2,x,y\n')
    with pytest.raises(ConfigurationError, match="line 7: 3 fields where the header has 2"):
        read_centres(path)


def test_a_file_that_is_not_utf_8_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "centres.csv"
    path.write_bytes(csv_of(CENTRES, ",").encode("cp1252"))
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        read_centres(path)
