"""Panels are read as they are, and scores are what their definitions say, figure by figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation import candidates, scores
from flow_platform.evaluation.table import build, read_table
from flow_platform.ground.errors import ModelError


def rows(**series: list[float]) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame({"unique_id": name, "ds": range(1, len(y) + 1), "y": y})
        for name, y in series.items()
    ).dropna(subset=["y"])


def test_series_of_different_ends_and_gaps_stand_right_aligned() -> None:
    panel = build(rows(a=[1, 2, np.nan, 4], b=[5, 6]), "h", (1,))
    assert panel.ids.tolist() == ["a", "b"]
    assert np.array_equal(panel.values[0], [1, 2, np.nan, 4], equal_nan=True)
    assert np.array_equal(panel.values[1], [np.nan, np.nan, 5, 6], equal_nan=True)
    assert panel.last.tolist() == [4, 2]
    assert panel.lengths.tolist() == [4, 2]
    assert panel.ahead(2).tolist() == [[5, 6], [3, 4]]


def test_a_missing_step_takes_the_value_of_its_season_for_methods_that_need_every_step() -> None:
    panel = build(rows(a=[1, 2, 3, 4, np.nan, np.nan, 7]), "h", (3,))
    assert panel.filled[0].tolist() == [1, 2, 3, 4, 2, 3, 7]
    assert np.isnan(panel.values[0, 4])


def test_timestamps_and_their_zone_are_read_and_steps_are_counted_across_months(
    tmp_path: Path,
) -> None:
    path = tmp_path / "panel.csv"
    path.write_text(
        "unique_id,ds,y\na,2024-01-31T23:00:00+01:00,1\na,2024-02-29T23:00:00+01:00,2\n"
    )
    frame = read_table(path)
    assert frame["ds"].tolist() == [
        pd.Timestamp("2024-01-31 22:00"),
        pd.Timestamp("2024-02-29 22:00"),
    ]
    assert build(frame, "h", (24,)).values.shape == (1, 29 * 24 + 1)


def test_weeks_lie_on_the_weekday_of_the_frequency() -> None:
    frame = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-07", periods=5, freq="W-SUN"), "y": 1.0}
    )
    assert build(frame, "W-SUN", (1,)).ahead(1)[0, 0] == np.datetime64("2024-02-11")
    with pytest.raises(ModelError, match="between two steps"):
        build(frame, "W-MON", (1,))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unique_id,y\na,1\n", "lacks the column"),
        ("unique_id,ds,y\na,1,x\n", "'x', which is no number"),
        ("unique_id,ds,y\na,soon,1\n", "neither a time nor a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "panel.csv"
    path.write_text(text)
    with pytest.raises(ModelError, match=words):
        read_table(path)


def test_old_names_of_frequencies_and_weeks_on_any_weekday_are_understood() -> None:
    hours = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=5, freq="h"), "y": 1.0}
    )
    assert build(hours, "H", (24,)).freq == "h"
    assert build(rows(a=[1.0, 2.0]), "H", (24,)).freq == "h"
    mondays = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=5, freq="W-MON"), "y": 1.0}
    )
    assert build(mondays, "W", (1,)).ahead(1)[0, 0] == np.datetime64("2024-02-05")


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
    assert build(rows(a=list(range(steps))), freq, seasons).cycles == cycles


def test_repeated_rows_and_empty_panels_are_refused() -> None:
    twice = pd.concat([rows(a=[1.0]), rows(a=[1.0])])
    with pytest.raises(ModelError, match="repeated"):
        build(twice, "h", (1,))
    with pytest.raises(ModelError, match="no row"):
        build(twice.iloc[:0], "h", (1,))


def test_naive_and_seasonal_naive_repeat_what_they_say() -> None:
    panel = build(rows(a=[1, 2, 3, 4, 5, 6]), "h", (3,))
    assert candidates.naive(panel, 4).tolist() == [[6, 6, 6, 6]]
    assert candidates.seasonal_naive(panel, 4).tolist() == [[4, 5, 6, 4]]


def test_scores_by_hand() -> None:
    """y = 10, 20, 0; f = 12, 15, 0; scale 4: figures worked out on paper."""
    table = pd.DataFrame(
        {"unique_id": "a", "y": [10.0, 20.0, 0.0], "prediction": [12.0, 15.0, 0.0], "scale": 4.0}
    )
    table["lower_80"], table["upper_80"] = [11.0, 10.0, 0.0], [13.0, 20.0, 1.0]
    table["lower_95"], table["upper_95"] = table["lower_80"], table["upper_80"]
    found = scores.score(table)
    assert found["smape"] == pytest.approx((200 * 2 / 22 + 200 * 5 / 35 + 0) / 3)
    assert found["mase"] == pytest.approx((2 + 5 + 0) / 3 / 4)
    assert found["wape"] == pytest.approx(7 / 30)
    assert found["rmse"] == pytest.approx(np.sqrt(29 / 3))
    assert found["mae"] == pytest.approx(7 / 3)
    assert found["mape"] == pytest.approx((20 + 25) / 2)
    assert found["bias"] == pytest.approx(-3 / 30)
    assert found["coverage_80"] == pytest.approx(2 / 3)
    first = [0.975 * 1, 0.9 * 1, 0.5 * 2, 0.9 * 0 + 0.1 * 3, 0.025 * 3]
    second = [0.025 * 10, 0.1 * 10, 0.5 * 5, 0.0, 0.0]
    third = [0.0, 0.0, 0.0, 0.1 * 1, 0.025 * 1]
    assert found["pinball"] == pytest.approx(np.mean([*first, *second, *third]) / 4)


@pytest.mark.parametrize("season", [1, 24])
def test_scores_and_naive_candidates_agree_with_those_of_nixtla(season: int) -> None:
    """Two other implementations of the same definitions, on series of different lengths."""
    from statsforecast.models import Naive, SeasonalNaive
    from utilsforecast.losses import mase, smape

    generator = np.random.default_rng(3)
    whole = rows(
        a=(generator.random(200) * 100).tolist(),
        b=(generator.normal(0, 5, 140).cumsum() + 500).tolist(),
    )
    after = whole.groupby("unique_id").tail(30)
    history = whole[whole["ds"] <= whole.groupby("unique_id")["ds"].transform("max") - 30]
    panel = build(history, "h", (season,))
    models = {
        "naive": (candidates.naive, Naive()),
        "seasonal": (candidates.seasonal_naive, SeasonalNaive(season_length=season)),
    }
    for name, (ours, theirs) in models.items():
        made = ours(panel, 30)
        for row, series in zip(made, panel.filled, strict=True):
            known = series[np.isfinite(series)]
            assert row == pytest.approx(theirs.forecast(y=known, h=30)["mean"])
        scored = after.assign(prediction=made.ravel())
        scored["scale"] = np.repeat(scores.seasonal_scales(panel.values, season), 30)
        found = scores.score(scored)
        relative = smape(scored, ["prediction"])["prediction"].mean()
        assert found["smape"] == pytest.approx(200 * relative), name
        scaled = mase(scored, ["prediction"], season, history)["prediction"].mean()
        assert found["mase"] == pytest.approx(scaled), name


def test_owa_of_naive2_is_one_and_series_count_alike_however_long() -> None:
    table = pd.DataFrame(
        {
            "unique_id": ["a", "b", "b", "b"],
            "y": [10.0, 10.0, 10.0, 10.0],
            "prediction": [11.0, 14.0, 14.0, 14.0],
            "scale": 1.0,
        }
    )
    assert scores.score(table, table)["owa"] == 1.0
    assert scores.score(table)["mase"] == pytest.approx((1 + 4) / 2)


def test_the_mase_scale_is_the_in_sample_seasonal_difference() -> None:
    values = np.array([[1.0, 5.0, 2.0, 7.0], [np.nan, 3.0, 3.0, 3.0]])
    assert np.array_equal(scores.seasonal_scales(values, 2), [1.5, np.nan], equal_nan=True)
    assert np.array_equal(
        scores.seasonal_scales(values, 1), [(4 + 3 + 5) / 3, np.nan], equal_nan=True
    )


def test_naive2_adjusts_a_seasonal_series_and_leaves_a_plain_one_alone() -> None:
    season = np.array([0.5, 1.0, 1.5, 1.0])
    seasonal = np.tile(season, 12) * 100
    assert np.allclose(scores.naive2(seasonal, 4, 6), np.tile(season, 2)[:6] * 100)
    plain = np.random.default_rng(1).normal(100, 1, 48)
    assert np.allclose(scores.naive2(plain, 4, 3), plain[-1])
