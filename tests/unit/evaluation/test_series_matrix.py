"""Rows become one matrix of right-aligned series on regular steps."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation.series_matrix import matrix_of
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.made_panels import rows


def test_series_of_different_ends_and_gaps_are_right_aligned() -> None:
    panel = matrix_of(rows(a=[1, 2, np.nan, 4], b=[5, 6]), "h", (1,))
    assert panel.ids.tolist() == ["a", "b"]
    assert np.array_equal(panel.values[0], [1, 2, np.nan, 4], equal_nan=True)
    assert np.array_equal(panel.values[1], [np.nan, np.nan, 5, 6], equal_nan=True)
    assert panel.last.tolist() == [4, 2]
    assert panel.lengths.tolist() == [4, 2]
    assert panel.ahead(2).tolist() == [[5, 6], [3, 4]]


def test_a_missing_step_takes_the_value_of_its_season_for_methods_that_need_every_step() -> None:
    panel = matrix_of(rows(a=[1, 2, 3, 4, np.nan, np.nan, 7]), "h", (3,))
    assert panel.filled[0].tolist() == [1, 2, 3, 4, 2, 3, 7]
    assert np.isnan(panel.values[0, 4])


def test_weeks_end_on_the_weekday_of_the_frequency() -> None:
    frame = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-07", periods=5, freq="W-SUN"), "y": 1.0}
    )
    assert matrix_of(frame, "W-SUN", (1,)).ahead(1)[0, 0] == np.datetime64("2024-02-11")
    with pytest.raises(ModelError, match="between two steps"):
        matrix_of(frame, "W-MON", (1,))


def test_old_names_of_frequencies_and_weeks_on_any_weekday_are_understood() -> None:
    hours = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=5, freq="h"), "y": 1.0}
    )
    assert matrix_of(hours, "H", (24,)).freq == "h"
    assert matrix_of(rows(a=[1.0, 2.0]), "H", (24,)).freq == "h"
    mondays = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=5, freq="W-MON"), "y": 1.0}
    )
    assert matrix_of(mondays, "W", (1,)).ahead(1)[0, 0] == np.datetime64("2024-02-05")


@pytest.mark.parametrize(
    ("freq", "seasons", "steps", "cycles"),
    [
        ("h", (24,), 400, (24, 168)),
        ("h", (24, 168), 400, (24, 168)),
        ("h", (24,), 170, (24,)),
        ("W", (1,), 100, (52,)),
        ("W-MON", (52,), 100, (52,)),
        ("D", (7,), 800, (7,)),
    ],
)
def test_hours_have_a_week_and_weeks_a_year_where_the_series_are_long_enough(
    freq: str, seasons: tuple[int, ...], steps: int, cycles: tuple[int, ...]
) -> None:
    assert matrix_of(rows(a=list(range(steps))), freq, seasons).cycles == cycles


def test_repeated_rows_and_empty_panels_are_refused() -> None:
    twice = pd.concat([rows(a=[1.0]), rows(a=[1.0])])
    with pytest.raises(ModelError, match="repeated"):
        matrix_of(twice, "h", (1,))
    with pytest.raises(ModelError, match="no row"):
        matrix_of(twice.iloc[:0], "h", (1,))


@pytest.mark.parametrize(
    ("ds", "freq"),
    [
        (pd.to_datetime(["2020-01-01", "2024-01-01"]), "ms"),
        (pd.to_datetime(["1700-01-01", "2199-01-01"]), "s"),
        (pd.to_datetime(["1700-01-01", "2199-01-01"]), "ns"),
        ([1_711_756_800_000, 1_711_969_200_000], "1"),
        ([-9 * 10**18, 9 * 10**18], "1"),
    ],
)
def test_a_matrix_of_too_many_cells_is_refused_before_memory_is_taken(
    ds: object, freq: str
) -> None:
    frame = pd.DataFrame({"unique_id": "a", "ds": ds, "y": 1.0})
    tracemalloc.start()
    with pytest.raises(ModelError, match=r"cells, more than 100000000|too far from"):
        matrix_of(frame, freq, (1,))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_the_longest_series_decides_how_many_cells_all_need() -> None:
    short = pd.DataFrame({"unique_id": [f"s{n}" for n in range(200)], "ds": 1, "y": 1.0})
    long = pd.DataFrame({"unique_id": "long", "ds": range(1, 600_000), "y": 1.0})
    with pytest.raises(ModelError, match="201 series of up to 599999 steps"):
        matrix_of(pd.concat([short, long]), "1", (1,))


def test_steps_of_which_hardly_any_has_a_row_are_refused() -> None:
    seconds = pd.DataFrame({"unique_id": "a", "ds": range(0, 720_000, 3600), "y": 1.0})
    with pytest.raises(ModelError, match="Only 200 of 716401 steps of --freq 1 have a row"):
        matrix_of(seconds, "1", (1,))
    assert matrix_of(seconds, "3600", (1,)).values.shape == (1, 200)


def test_series_of_the_same_days_are_the_same_whatever_the_order_of_rows() -> None:
    frame = pd.concat([rows(b=[1.0, 2.0, np.nan, 4.0]), rows(a=[5.0, 6.0])])
    panel, turned = matrix_of(frame, "1", (1,)), matrix_of(frame[::-1], "1", (1,))
    assert panel.ids.tolist() == turned.ids.tolist() == ["a", "b"]
    assert np.array_equal(panel.values, turned.values, equal_nan=True)
    assert panel.last.tolist() == turned.last.tolist() == [2, 4]


@pytest.mark.parametrize("freq", ["0", "-1D", "foo", "", "0D"])
def test_what_is_no_frequency_is_refused(freq: str) -> None:
    frame = pd.DataFrame({"unique_id": "a", "ds": pd.to_datetime(["2024-01-01"]), "y": 1.0})
    with pytest.raises(ModelError, match="freq"):
        matrix_of(frame, freq, (1,))


def test_days_over_more_than_292_years_are_counted() -> None:
    frame = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("1700-01-01", "2008-12-31", unit="ns"), "y": 1.0}
    )
    panel = matrix_of(frame, "D", (1,))
    assert panel.values.shape == (1, len(frame))
    assert panel.ahead(1)[0, 0] == np.datetime64("2009-01-01")
