"""An evaluation scores what was said before the rows it is scored on were seen, for any series."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from flow_platform.evaluation import boosting, candidates, evaluation
from flow_platform.evaluation.candidates import Candidate
from flow_platform.evaluation.evaluation import COLUMNS, Options, evaluate
from flow_platform.evaluation.linear import GlobalLinear
from flow_platform.evaluation.selection import (
    Backtest,
    bands,
    choose,
    weights_of,
    widths_help,
)
from flow_platform.evaluation.table import Panel, build
from flow_platform.ground.errors import ModelError

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
QUICK = ("seasonal_naive", "phase_means", "theta", "median", "weighted")
NO_FITS = ("seasonal_naive", "phase_means", "median", "weighted")


def weeks(series: int = 12, steps: int = 140, seed: int = 1, noise: float = 8.0) -> pd.DataFrame:
    """Daily series with a week's pattern and independent noise."""
    generator = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=steps)
    pattern = np.array([120.0, 110, 100, 100, 105, 60, 20])
    return pd.concat(
        pd.DataFrame(
            {
                "unique_id": f"S{n:03d}",
                "ds": days,
                "y": np.maximum(
                    (1 + n / 4) * (pattern[days.day_of_week] + generator.normal(0, noise, steps)), 0
                ),
            }
        )
        for n in range(series)
    )


def panel_of(frame: pd.DataFrame) -> Panel:
    return build(frame, "D", (7,))


def options(**more: object) -> Options:
    return Options(**{"horizon": 7, "candidates": QUICK, "workers": 1, **more})  # type: ignore[arg-type]


def test_each_target_has_one_row_a_candidate_and_one_of_them_is_selected() -> None:
    result = evaluate(panel_of(weeks()), options(windows=3))
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


def test_what_comes_after_a_cutoff_changes_nothing_that_was_said_there() -> None:
    frame = weeks(series=5)
    changed = frame.copy()
    cutoff = frame["ds"].max() - pd.Timedelta(days=14)
    later = changed["ds"] > cutoff
    changed.loc[later, "y"] = changed.loc[later, "y"] * 3 + 50
    everything = options(windows=2, candidates=VARIED)
    first, second = (evaluate(panel_of(f), everything).forecasts for f in (frame, changed))
    said, again = (
        rows[rows["cutoff"] == cutoff].reset_index(drop=True) for rows in (first, second)
    )
    assert len(said) > 0
    pd.testing.assert_frame_equal(said, again, check_exact=True)
    assert not first.equals(second)


def test_a_hold_out_is_scored_and_never_seen() -> None:
    frame = weeks()
    cutoff = frame["ds"].max() - pd.Timedelta(days=7)
    history, after = frame[frame["ds"] <= cutoff], frame[frame["ds"] > cutoff]
    result = evaluate(panel_of(history), options(), after)
    strange = evaluate(panel_of(history), options(), after.assign(y=0.0))
    pd.testing.assert_frame_equal(result.forecasts, strange.forecasts, check_exact=True)
    same = evaluate(panel_of(frame), options())
    pd.testing.assert_frame_equal(result.forecasts, same.forecasts, check_exact=True)
    assert result.metrics["champion"]["overall"] == same.metrics["champion"]["overall"]
    with pytest.raises(ModelError, match="No row of the hold-out"):
        evaluate(panel_of(history), options(), after.assign(unique_id="x" + after["unique_id"]))
    with pytest.raises(ModelError, match="in the hold-out, first"):
        evaluate(panel_of(history), options(), pd.concat([after, after.iloc[:1]]))


def test_better_candidates_are_chosen_and_bands_cover_what_they_say() -> None:
    result = evaluate(panel_of(weeks(series=40, steps=200)), options(windows=4, candidates=NO_FITS))
    figures = result.metrics["champion"]["overall"]
    naive = result.metrics["candidates"]["seasonal_naive"]["overall"]
    # Of independent noise the seasonal naive has two days' worth: its error is 1.41 times the best.
    assert figures["mase"] < 0.8 * naive["mase"]
    assert 0.76 <= figures["coverage_80"] <= 0.84
    assert 0.93 <= figures["coverage_95"] <= 0.97


def test_a_candidate_that_fails_says_so_and_the_seasonal_naive_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nonsense(panel: Panel, horizon: int) -> np.ndarray:
        values = candidates.naive(panel, horizon)
        values[0], values[1] = np.nan, 1e12
        return values

    broken = tuple(
        Candidate(c.name, nonsense, c.needs, c.fits) if c.name == "theta" else c
        for c in candidates.STATISTICAL
    )
    monkeypatch.setattr(evaluation, "STATISTICAL", broken)
    panel = panel_of(weeks())
    result = evaluate(panel, options())
    rows = result.forecasts.set_index(["candidate", "unique_id"])["prediction"]
    for series in ("S000", "S001"):
        assert rows["theta", series].tolist() == rows["seasonal_naive", series].tolist()
    assert rows["theta", "S002"].tolist() != rows["seasonal_naive", "S002"].tolist()
    assert result.metrics["candidates"]["theta"]["fallbacks"] == {
        "theta failed or gave nonsense": 2
    }


def test_a_candidate_out_of_time_is_served_by_the_fallback() -> None:
    made = candidates.forecast_each(
        next(c for c in candidates.STATISTICAL if c.name == "theta"), panel_of(weeks()), 7, -1.0
    )
    assert np.array_equal(made.values, candidates.seasonal_naive(panel_of(weeks()), 7))
    assert set(made.reasons.values()) == {"out of time after -1 s"}


def test_what_would_not_finish_is_left_out_before_it_begins_and_spoils_no_combination(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        evaluation,
        "seconds_needed",
        lambda candidate, *more: 1e6 if candidate.name == "theta" else 0.0,
    )
    result = evaluate(panel_of(weeks()), options())
    assert "would take about" in result.metrics["left_out"]["theta"]
    assert "theta" not in result.metrics["champion"]["choices"][0]["weights"]
    assert "theta" not in result.forecasts["candidate"].unique()
    monkeypatch.undo()
    late = Candidate("theta", candidates.naive, "nothing", candidates.STATISTICAL[0].fits)
    monkeypatch.setattr(evaluation, "STATISTICAL", (*candidates.STATISTICAL[:4], late))
    none = evaluate(panel_of(weeks()), options(seconds=0.0, candidates=(*QUICK, "linear")))
    assert set(none.metrics["left_out"]) == {"theta", "linear"}
    assert none.metrics["champion"]["overall"]["rows"] == 12 * 7


def test_the_time_of_a_costly_candidate_is_told_by_a_few_series() -> None:
    theta = next(c for c in candidates.STATISTICAL if c.name == "theta")
    panel = panel_of(weeks(series=40))
    needed = candidates.seconds_needed(theta, panel, 7, 1)
    assert 0 < needed < 60
    assert candidates.seconds_needed(theta, panel_of(weeks(series=4)), 7, 1) == 0


def loud_half(series: int = 20, steps: int = 240, seed: int = 3) -> pd.DataFrame:
    """Series of eight phases; in the last four the noise is five times as large."""
    generator = np.random.default_rng(seed)
    phase = np.arange(steps) % 8
    noise = np.where(phase < 4, 2.0, 10.0)
    return pd.concat(
        pd.DataFrame(
            {
                "unique_id": f"S{n:02d}",
                "ds": np.arange(1, steps + 1),
                "y": 100 + 5 * phase + generator.normal(0, 1, steps) * noise,
            }
        )
        for n in range(series)
    )


def test_bands_are_wide_where_errors_are_large_and_narrow_where_they_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is said in the middle needs no more here: eight phases.
    monkeypatch.setattr(boosting, "ROUNDS", 60)
    panel = build(loud_half(), "D", (8,))
    result = evaluate(
        panel, options(horizon=12, windows=4, candidates=("seasonal_naive", "lightgbm"))
    )
    rows = result.forecasts
    actual = loud_half().set_index(["unique_id", "ds"])["y"]
    inside, wide = {}, {}
    for name in ("seasonal_naive", "lightgbm"):
        part = rows[rows["candidate"] == name].set_index(["unique_id", "ds"])
        calm = (part.index.get_level_values("ds") - 1) % 8 < 4
        y = actual.reindex(part.index)
        covered = (y >= part["lower_80"]) & (y <= part["upper_80"])
        inside[name] = (covered[calm].mean(), covered[~calm].mean())
        wide[name] = (part["upper_80"] - part["lower_80"])[calm].mean()
        ordered = part[["lower_95", "lower_80", "prediction", "upper_80", "upper_95"]].to_numpy()
        assert (np.diff(ordered, axis=1) >= 0).all()
    assert inside["lightgbm"] == pytest.approx((0.8, 0.8), abs=0.06)
    # One width for all phases covers nearly everything in the calm ones, too little in the others.
    assert inside["seasonal_naive"][0] > 0.9 > 0.76 > inside["seasonal_naive"][1]
    assert wide["lightgbm"] < 0.5 * wide["seasonal_naive"]


def test_bands_never_cross_whatever_the_widths_are() -> None:
    generator = np.random.default_rng(1)
    made = generator.normal(0, 1, (3, 20, 5))
    widths = np.abs(generator.normal(0, 1, (3, 20, 5)))
    widths[:, 0], widths[:, 1], widths[:, 2, 0] = np.nan, 0.0, 1e9
    scale = np.where(np.arange(20) < 2, np.nan, 1.0)
    for shape in (None, widths):
        found = bands(made[-1], made[:-1], generator.normal(0, 1, (2, 20, 5)), scale, shape)
        ordered = [found["lower_95"], found["lower_80"], made[-1]]
        ordered += [found["upper_80"], found["upper_95"]]
        assert np.isfinite(ordered).all()
        assert (np.diff(ordered, axis=0) >= 0).all()


def test_widths_that_say_nothing_of_the_errors_are_not_used() -> None:
    generator = np.random.default_rng(2)
    width = np.exp(generator.normal(0, 1, (3, 60, 6)))
    made = np.zeros((3, 60, 6))
    told = made + generator.normal(0, 1, made.shape) * width
    assert widths_help(made, told, np.ones(60), width)
    assert not widths_help(made, told, np.ones(60), np.exp(generator.normal(0, 1, width.shape)))
    assert not widths_help(made[:1], told[:1], np.ones(60), width[:1])


def test_a_linear_model_finds_a_pattern_it_shares_between_series() -> None:
    frame = weeks(series=20, noise=0.0)
    cutoff = frame["ds"].max() - pd.Timedelta(days=7)
    panel = panel_of(frame[frame["ds"] <= cutoff])
    model = GlobalLinear(0, 1)
    model.fit(panel, 7)
    made, _ = model.forecast(panel, 7)
    actual = frame[frame["ds"] > cutoff]["y"].to_numpy().reshape(20, 7)
    assert np.abs(made - actual).mean() < 0.02 * actual.mean()
    with pytest.raises(ModelError, match="300 windows"):
        model.fit(panel_of(weeks(series=2, steps=60)), 7)


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
    result = evaluate(panel_of(frame), options(candidates=VARIED), after)
    rows = result.forecasts
    selected = rows[rows["selected"]].set_index("unique_id")
    assert selected.groupby(level=0).size().to_dict() == {name: 7 for name in after["unique_id"]}
    assert np.isfinite(rows[["prediction", "lower_95", "upper_95"]].to_numpy()).all()
    assert (selected.loc["zero", "prediction"] == 0).all()
    assert selected.loc["constant", "prediction"].to_numpy() == pytest.approx(7.0)
    assert selected.loc["dead", "prediction"].max() < 4.0
    near = selected.loc["closed", "prediction"].to_numpy()
    assert near == pytest.approx(week[:7], rel=0.35, abs=1.0)
    assert result.metrics["left_out"] == {}


def test_a_candidate_that_fits_no_series_is_left_out_with_what_it_needs() -> None:
    result = evaluate(panel_of(weeks()), options(candidates=(*QUICK, "arima")))
    assert "no season" in result.metrics["left_out"]["arima"]
    assert "arima" not in result.forecasts["candidate"].unique()


def test_too_short_a_panel_and_unknown_names_are_refused() -> None:
    with pytest.raises(ModelError, match="No series has more than"):
        evaluate(panel_of(weeks(steps=20)), options(windows=3))
    with pytest.raises(ModelError, match="Unknown candidate"):
        evaluate(panel_of(weeks()), options(candidates=("prophet",)))


def backtest_of(*errors: list[list[float]]) -> Backtest:
    """Candidates a, b, ... with these errors (origins, series) of one step; actuals are 10."""
    made = 10 + np.array(errors)[..., None]
    return Backtest(
        tuple("abcdef"[: len(errors)]),
        made,
        np.full(made.shape[1:], 10.0),
        np.ones(made.shape[2]),
    )


def test_ties_go_to_the_simpler_and_a_lucky_origin_does_not_win() -> None:
    tie = backtest_of([[1.0, 1.0], [1.0, 1.0]], [[0.997, 0.997], [0.997, 0.997]])
    assert choose(tie, per_series=False).champion == "a"
    clear = backtest_of([[1.0, 1.0], [1.0, 1.0]], [[0.8, 0.8], [0.9, 0.9]])
    assert choose(clear, per_series=False).champion == "b"
    lucky = backtest_of([[1.0]] * 5, [[-0.0], [1.1], [1.1], [1.1], [1.1]])
    assert choose(lucky, per_series=False).champion == "a"


def test_a_series_chooses_for_itself_where_many_origins_say_so() -> None:
    one, other = [[1.0, 1.0]] * 4, [[0.5, 1.6]] * 4
    choice = choose(backtest_of(one, other), per_series=True)
    assert choice.of_series.tolist() == ["b", "a"]
    few = choose(backtest_of(one[:2], other[:2]), per_series=True)
    assert len(set(few.of_series)) == 1


def test_weights_find_errors_that_cancel() -> None:
    above, below, far = [[2.0] * 30] * 2, [[-2.0] * 30] * 2, [[9.0] * 30] * 2
    assert weights_of(backtest_of(above, below, far)) == {"a": 0.5, "b": 0.5}


def test_the_command_writes_what_it_says(tmp_path: Path) -> None:
    from flow_platform.cli.app import app

    path = tmp_path / "panel.parquet"
    weeks(series=3).to_parquet(path)
    arguments = ["evaluate", str(path), "--freq", "D", "--horizon", "7", "--season", "7"]
    arguments += ["--windows", "2", "--candidates", ",".join(QUICK), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--json", "--workers", "1"])
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert json.loads(done.stdout) == written
    assert set(written["candidates"]) == {*QUICK, "naive2"}
    assert len(written["champion"]["by_horizon"]) == 7
    assert set(written["definitions"]) >= {"owa", "mase", "coverage_80"}
    assert written["candidates"]["theta"]["seconds"] > 0
    rows = pd.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert list(rows.columns) == COLUMNS
    shown = CliRunner().invoke(app, [*arguments, "--workers", "1"])
    assert "champion" in shown.stdout and "weighted" in shown.stdout
