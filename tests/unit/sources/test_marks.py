"""Numbers whose marks are not stated: read where they are plain, else the file is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.ground.number_texts import may_hide_thousands, unclear_point
from flow_platform.sources.daily_counts import read_daily_counts
from flow_platform.sources.landing import Landing
from tests.unit.sources.samples import NOW, plain_centre


def landing_of(tmp_path: Path, numbers: list[str], **keys: Any) -> Landing:
    rows = [f'1;2025-03-{day:02d};"{number}"' for day, number in enumerate(numbers, start=1)]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["centre_id;day;parcels", *rows]))
    config = ParcelsSource(kind="files", path=str(path), **keys)
    days = (date(2025, 1, 1), date(2025, 12, 31))
    return read_daily_counts(config, "parcels", [plain_centre("1")], *days, ["1"], now=NOW)


@pytest.mark.parametrize(
    ("numbers", "remedy"),
    [
        (["4.462", "987", "1.234.567"], 'thousands = "."'),
        (["4.462", "987", "12"], 'thousands = "." or decimal = "."'),
        (["1,5", "2,5", "12", "3,25", "4,125"], 'decimal = ","'),
        (["4,462", "987", "1,234,567", "8,000", "2,500"], 'thousands = ","'),
        (["6,75", "2 488", "1", "3 100,5", "2,5"], 'decimal = "," and thousands = " "'),
        (["1'000", "2'000", "3'000", "4'000"], 'thousands = "\'"'),
    ],
)
def test_a_file_with_other_marks_is_refused_with_the_keys(
    tmp_path: Path, numbers: list[str], remedy: str
) -> None:
    landing = landing_of(tmp_path, numbers)
    assert landing.rows.empty and landing.rejected.empty
    assert remedy in str(landing.files[0].error)


@pytest.mark.parametrize(
    "numbers",
    [
        ["4.462", "0.5", "12"],
        ["4.462", "10000"],
        ["4462", "987"],
        ["1.5", "2.25"],
    ],
)
def test_numbers_that_can_only_be_plain_are_read(tmp_path: Path, numbers: list[str]) -> None:
    landing = landing_of(tmp_path, numbers)
    assert landing.rows["parcels"].tolist() == [float(one) for one in numbers]


def test_marks_that_are_stated_decide(tmp_path: Path) -> None:
    numbers = ["4.462", "987"]
    assert landing_of(tmp_path, numbers, decimal=".").rows["parcels"].tolist() == [4.462, 987.0]
    german = landing_of(tmp_path, numbers, decimal=",", thousands=".")
    assert german.rows["parcels"].tolist() == [4462.0, 987.0]


def test_a_slip_in_a_long_file_is_one_rejected_row(tmp_path: Path) -> None:
    landing = landing_of(tmp_path, [*map(str, range(20)), "1,5"])
    assert len(landing.rows) == 20
    assert landing.rejected["reason"].tolist() == [
        "wrong_type: parcels is '1,5', not a plain number"
    ]


def test_floats_show_whether_their_texts_are_worth_a_look() -> None:
    assert may_hide_thousands(np.array([4.462, 987.0, np.nan]))
    for plain in ([4.462, 0.5], [4.5, 987.0], [1462.125], [1.0, 2.0], [np.nan, np.inf]):
        assert not may_hide_thousands(np.array(plain))
    assert unclear_point(["4.462"], are_counts=True) == "4.462"
    assert unclear_point(["4.462"], are_counts=False) is None
