"""An evaluation scores forecasts made without the rows they are scored on, for any series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation import rolling_origins
from flow_platform.evaluation.candidates import PER_SERIES, Candidate
from flow_platform.evaluation.evaluation import COLUMNS, evaluate
from flow_platform.evaluation.naive_methods import naive
from flow_platform.evaluation.series_matrix import SeriesMatrix
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.made_panels import NO_FITS, QUICK, daily, options, weeks

pytestmark = pytest.mark.slow

# Every way a candidate is made is among them; the rest differ in their formula alone.
VARIED = (
    "seasonal_naive",
    "phase_means",
    "theta",
    "mstl",
    "linear",
    "lightgbm",
    "mlp",
    "median",
    "weighted",
)


def test_each_target_has_one_row_a_candidate_and_one_of_them_is_selected() -> None:
    result = evaluate(daily(weeks()), options(windows=3))
    rows = result.forecasts
    assert list(rows.columns) == COLUMNS
    assert rows["cutoff"].nunique() == 3
    assert not rows.duplicated(["unique_id", "cutoff", "ds", "candidate"]).any()
    assert (rows.groupby(["unique_id", "cutoff", "ds"])["selected"].sum() == 1).all()
    ordered = ["lower_95", "lower_80", "prediction", "upper_80", "upper_95"]
    assert (np.diff(rows[ordered].to_numpy(), axis=1) >= 0).all()
    assert (rows[ordered].to_numpy() >= 0).all()
    steps = (rows["ds"] - rows["cutoff"]).dt.days
    assert sorted(steps.unique()) == list(range(1, 8))


def test_rows_after_a_cutoff_change_nothing_that_was_forecast_there() -> None:
    frame = weeks(series=5)
    changed = frame.copy()
    cutoff = frame["ds"].max() - pd.Timedelta(days=14)
    later = changed["ds"] > cutoff
    changed.loc[later, "y"] = changed.loc[later, "y"] * 3 + 50
    everything = options(windows=2, candidates=VARIED)
    first, second = (evaluate(daily(f), everything).forecasts for f in (frame, changed))
    before, after = (
        rows[rows["cutoff"] == cutoff].reset_index(drop=True) for rows in (first, second)
    )
    assert len(before) > 0
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert not first.equals(second)


def test_a_hold_out_is_scored_and_never_seen() -> None:
    frame = weeks()
    cutoff = frame["ds"].max() - pd.Timedelta(days=7)
    history, after = frame[frame["ds"] <= cutoff], frame[frame["ds"] > cutoff]
    result = evaluate(daily(history), options(), after)
    strange = evaluate(daily(history), options(), after.assign(y=0.0))
    pd.testing.assert_frame_equal(result.forecasts, strange.forecasts, check_exact=True)
    same = evaluate(daily(frame), options())
    pd.testing.assert_frame_equal(result.forecasts, same.forecasts, check_exact=True)
    assert result.metrics["champion"]["overall"] == same.metrics["champion"]["overall"]
    with pytest.raises(ModelError, match="No row of the hold-out"):
        evaluate(daily(history), options(), after.assign(unique_id="x" + after["unique_id"]))
    with pytest.raises(ModelError, match="in the hold-out, first"):
        evaluate(daily(history), options(), pd.concat([after, after.iloc[:1]]))


def test_better_candidates_are_chosen_and_bands_cover_what_they_promise() -> None:
    result = evaluate(daily(weeks(series=40, steps=200)), options(windows=4, candidates=NO_FITS))
    figures = result.metrics["champion"]["overall"]
    naive = result.metrics["candidates"]["seasonal_naive"]["overall"]
    # Of independent noise the seasonal naive has two days' worth: its error is 1.41 times the best.
    assert figures["mase"] < 0.8 * naive["mase"]
    assert 0.76 <= figures["coverage_80"] <= 0.84
    assert 0.93 <= figures["coverage_95"] <= 0.97


def test_where_a_candidate_fails_the_seasonal_naive_takes_its_place_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nonsense(panel: SeriesMatrix, horizon: int) -> np.ndarray:
        values = naive(panel, horizon)
        values[0], values[1] = np.nan, 1e12
        return values

    broken = tuple(
        Candidate(c.name, nonsense, c.needs, c.fits) if c.name == "theta" else c for c in PER_SERIES
    )
    monkeypatch.setattr(rolling_origins, "PER_SERIES", broken)
    panel = daily(weeks())
    result = evaluate(panel, options())
    rows = result.forecasts.set_index(["candidate", "unique_id"])["prediction"]
    for series in ("S000", "S001"):
        assert rows["theta", series].tolist() == rows["seasonal_naive", series].tolist()
    assert rows["theta", "S002"].tolist() != rows["seasonal_naive", "S002"].tolist()
    assert result.metrics["candidates"]["theta"]["fallbacks"] == {
        "theta failed or gave nonsense": 2
    }


def test_what_would_not_finish_is_left_out_before_it_begins_and_is_in_no_combination(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        rolling_origins,
        "seconds_needed",
        lambda candidate, *more: 1e6 if candidate.name == "theta" else 0.0,
    )
    result = evaluate(daily(weeks()), options())
    assert "would take about" in result.metrics["left_out"]["theta"]
    assert "theta" not in result.metrics["champion"]["choices"][0]["weights"]
    assert "theta" not in result.forecasts["candidate"].unique()
    monkeypatch.undo()
    late = Candidate("theta", naive, "nothing", PER_SERIES[0].fits)
    monkeypatch.setattr(rolling_origins, "PER_SERIES", (*PER_SERIES[:4], late))
    none = evaluate(daily(weeks()), options(seconds=0.0, candidates=(*QUICK, "linear")))
    assert set(none.metrics["left_out"]) == {"theta", "linear"}
    assert none.metrics["champion"]["overall"]["rows"] == 12 * 7


def test_odd_series_always_get_a_forecast() -> None:
    """Short, constant, all zero, mostly zero, closed for two weeks, dead, just opened, gaps."""
    days = pd.date_range("2024-01-01", periods=140)
    usual = weeks(series=2)
    week = np.tile([12.0, 11, 10, 10, 10, 6, 2], 20)
    generator = np.random.default_rng(5)
    closed, dead = week.copy(), week.copy()
    closed[60:74], dead[90:] = np.nan, 0.0
    gaps = week.copy()
    gaps[generator.random(140) < 0.3] = np.nan
    odd = {
        "short": np.r_[np.full(137, np.nan), week[:3]],
        "one": np.r_[np.full(139, np.nan), 5.0],
        "constant": np.full(140, 7.0),
        "zero": np.zeros(140),
        "mostly zero": np.where(generator.random(140) < 0.1, 5.0, 0.0),
        "closed": closed,
        "dead": dead,
        "opened": np.r_[np.full(120, np.nan), week[:20]],
        "gaps": gaps,
    }
    frame = pd.concat(
        [
            usual,
            *(pd.DataFrame({"unique_id": name, "ds": days, "y": y}) for name, y in odd.items()),
        ]
    ).dropna(subset=["y"])
    after = pd.DataFrame(
        {
            "unique_id": np.repeat([*odd, *usual["unique_id"].unique()], 7),
            "ds": np.tile(pd.date_range(days[-1], periods=8)[1:], len(odd) + 2),
            "y": 1.0,
        }
    )
    result = evaluate(daily(frame), options(candidates=VARIED), after)
    rows = result.forecasts
    selected = rows[rows["selected"]].set_index("unique_id")["prediction"]
    assert selected.groupby(level=0).size().to_dict() == {name: 7 for name in after["unique_id"]}
    assert np.isfinite(rows[["prediction", "lower_95", "upper_95"]].to_numpy()).all()
    assert (selected[["zero"]] == 0).all()
    assert selected[["constant"]].to_numpy() == pytest.approx(7.0)
    assert selected[["dead"]].max() < 4.0
    near = selected[["closed"]].to_numpy()
    assert near == pytest.approx(week[:7], rel=0.35, abs=1.0)
    assert result.metrics["left_out"] == {}


def test_a_candidate_that_fits_no_series_is_left_out_with_what_it_needs() -> None:
    result = evaluate(daily(weeks()), options(candidates=(*QUICK, "arima")))
    assert "no season" in result.metrics["left_out"]["arima"]
    assert "arima" not in result.forecasts["candidate"].unique()


def test_too_short_a_panel_and_unknown_names_are_refused() -> None:
    with pytest.raises(ModelError, match="No series has more than"):
        evaluate(daily(weeks(steps=20)), options(windows=3))
    with pytest.raises(ModelError, match="Unknown candidate"):
        evaluate(daily(weeks()), options(candidates=("prophet",)))


def test_a_panel_of_constant_series_is_forecast_exactly_and_has_no_mase_or_owa() -> None:
    days = pd.date_range("2024-01-01", periods=140)
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": days, "y": 5.0}) for name in ("a", "b")
    )
    result = evaluate(daily(frame), options())
    figures = result.metrics["champion"]["overall"]
    assert figures["mae"] == 0 and figures["smape"] == 0
    assert np.isnan(figures["mase"]) and np.isnan(figures["owa"])


def test_many_series_that_open_after_the_earlier_origins_are_forecast_with_the_others() -> None:
    """As many as are forecast together: at the earlier origins a whole chunk is empty."""
    old = weeks(series=4)
    new = pd.DataFrame(
        {
            "unique_id": np.repeat([f"A{n:03d}" for n in range(64)], 10),
            "ds": np.tile(old["ds"].unique()[-10:], 64),
            "y": 12.0,
        }
    )
    result = evaluate(daily(pd.concat([old, new])), options(candidates=(*QUICK, "mstl")))
    assert result.metrics["left_out"] == {}
    assert result.metrics["champion"]["overall"]["rows"] == 68 * 7
