"""A file that is not UTF-8 is read whole, in the encoding that it shows, or stays UTF-8."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.sources.daily_counts import read_daily_counts
from flow_platform.sources.encodings import detected_encoding
from tests.unit.sources.samples import NOW, plain_centre

PLACES = {
    "French": ("cp1252", ["Orléans", "Évry", "Besançon", "Nîmes", "Saint-Étienne"]),
    "French, few": ("cp1252", ["Crêpes", "Août", "Noël", "Hôtel-Dieu"]),
    "German": ("cp1252", ["München", "Köln", "Düsseldorf", "Straße"]),
    "Spanish": ("cp1252", ["Málaga", "La Coruña", "León", "Cádiz"]),
    "Portuguese": ("cp1252", ["São Paulo", "Paraná", "Goiás"]),
    "Polish": ("cp1250", ["Łódź", "Wrocław", "Poznań", "Gdańsk"]),
    "Czech": ("cp1250", ["Plzeň", "Ústí", "České Budějovice", "Třebíč"]),
    "Turkish": ("cp1254", ["İstanbul", "Eskişehir", "Muğla"]),
    "Greek": ("cp1253", ["Αθήνα", "Θεσσαλονίκη", "Πάτρα"]),
    "Russian": ("cp1251", ["Москва", "Казань", "Самара", "Омск"]),
    "Chinese": ("gb18030", ["北京", "上海", "广州", "深圳"]),
    "Taiwanese": ("big5", ["臺北", "高雄", "臺中"]),
    "Japanese": ("cp932", ["東京", "大阪", "名古屋", "横浜市"]),
    "Korean": ("cp949", ["서울", "부산", "대구", "인천"]),
    "a sign alone": ("cp1252", ["MUG £2", "CUP £3"]),
}


def counts(places: list[str]) -> str:
    days = [date(2025, 1, day) for day in range(1, 29)]
    rows = [f"{place},{day},{number}" for number, day in enumerate(days) for place in places]
    return "\n".join(["centre_id,day,parcels", *rows]) + "\n"


@pytest.mark.parametrize(("encoding", "places"), PLACES.values(), ids=PLACES.keys())
def test_a_file_of_another_encoding_is_read_as_what_it_is(
    tmp_path: Path, encoding: str, places: list[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(counts(places).encode(encoding))
    config = ParcelsSource(kind="files", path=str(tmp_path / "*"))
    centres = [plain_centre(place) for place in places]
    days = (date(2025, 1, 1), date(2025, 2, 1))
    landing = read_daily_counts(config, "parcels", centres, *days, places, now=NOW)
    assert landing.rejected.empty
    assert set(landing.rows["centre_id"]) == set(places)
    assert landing.files[0].encoding is not None


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300))
@settings(deadline=None, max_examples=200)
def test_utf_8_is_never_taken_for_anything_else(text: str) -> None:
    assert detected_encoding(text.encode()) is None


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_bytes_have_an_encoding_that_python_knows_or_none(data: bytes) -> None:
    found = detected_encoding(data)
    assert found is None or "".encode(found) == b""


def test_a_file_in_utf_8_with_a_damaged_row_stays_utf_8() -> None:
    data = counts(PLACES["French"][1]).encode() + b"Orl\xe9ans,2025-01-30,1\n"
    assert detected_encoding(data) is None


def test_a_long_file_is_judged_by_its_lines_beyond_ascii() -> None:
    plain = b"1,2025-01-01,1\n" * 100_000
    assert detected_encoding(plain + "Orléans;Évry;Nîmes\n".encode("cp1252") * 5) == "cp1252"


def test_a_file_in_utf_16_is_known_by_its_mark() -> None:
    assert detected_encoding(counts(["Évry"]).encode("utf-16")) is None
