"""Panels that users had, and that were once read wrongly: now their right values."""

from __future__ import annotations

import pandas as pd
import pytest

from flow_platform.evaluation.panel_file import read_panel_file
from flow_platform.evaluation.series_matrix import matrix_of
from tests.cases import CASES


def panel(case: str, file: str, freq: str) -> pd.DataFrame:
    return read_panel_file(CASES / case / file, freq)


@pytest.mark.parametrize(
    ("file", "ids"),
    [
        ("panel.csv", ["NA", "FR", "007"]),
        ("zeros.csv", ["001", "002"]),
        ("zeros_clash.csv", ["01", "1"]),
    ],
)
def test_ids_are_those_of_the_file(file: str, ids: list[str]) -> None:
    rows = panel("evaluate-ids-inferred", file, "D")
    assert rows["unique_id"].drop_duplicates().tolist() == ids
    assert matrix_of(rows, "D", (7,)).values.shape == (len(ids), 60)


def test_hours_over_a_change_of_clocks_are_utc() -> None:
    rows = panel("evaluate-offsets-change", "panel.csv", "h")
    assert rows["ds"].iloc[0] == pd.Timestamp("2025-03-25 00:00")
    # The hour that clocks skip is none in UTC: every step is an hour.
    assert set(rows["ds"].diff().dropna()) == {pd.Timedelta(hours=1)}
    assert matrix_of(rows, "h", (24,)).values.shape == (1, 288)


def test_days_over_a_change_of_clocks_are_local_days() -> None:
    rows = panel("evaluate-offsets-change", "daily.csv", "D")
    assert rows["ds"].tolist() == pd.date_range("2025-03-01", periods=60).tolist()


def test_whole_numbers_are_the_days_that_they_look_like() -> None:
    rows = panel("evaluate-whole-number-dates", "days.csv", "D")
    assert rows["ds"].tolist() == pd.date_range("2024-01-01", periods=120).tolist()
    assert matrix_of(rows, "D", (7,)).values.shape == (1, 120)
