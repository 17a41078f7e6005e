"""`flow evaluate` writes two files and prints a table that can be read without them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from flow_platform.evaluation.evaluation import COLUMNS
from flow_platform.ground.errors import ConfigurationError, ModelError
from tests.unit.evaluation.made_panels import QUICK, weeks
from tests.unit.evaluation.panel_texts import csv_of


def test_the_command_writes_metrics_and_forecasts_and_prints_the_scores(tmp_path: Path) -> None:
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
    assert "3 series, 7 steps ahead, at 2 cutoffs (rolling origins)" in shown.stdout
    last = written["champion"]["choices"][-1]["candidate"]
    assert f"Champion at the last cutoff: {last} (" in shown.stdout


def evaluate(folder: Path, *more: str, horizon: int = 7) -> Result:
    """The command on panel.csv of the folder, with quick candidates."""
    from flow_platform.cli.app import app

    arguments = ["evaluate", str(folder / "panel.csv"), "--horizon", str(horizon), *more]
    arguments += ["--candidates", "naive,seasonal_naive", "--out", str(folder / "out")]
    return CliRunner().invoke(app, [*arguments, "--workers", "1"])


def test_ids_are_written_as_they_are_read_and_found_again_in_the_hold_out(tmp_path: Path) -> None:
    days = pd.date_range("2025-01-01", periods=67).strftime("%Y%m%d").tolist()
    ids = ["NA", "007", "01", "1"]
    (tmp_path / "panel.csv").write_text(csv_of(days[:60], ids))
    (tmp_path / "after.csv").write_text(csv_of(days[60:], [*ids, "2"]))
    holdout = str(tmp_path / "after.csv")
    done = evaluate(tmp_path, "--freq", "D", "--season", "7", "--holdout", holdout)
    assert done.exit_code == 0, done.output
    rows = pd.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert rows["unique_id"].drop_duplicates().tolist() == sorted(ids)
    assert rows["ds"].min() == pd.Timestamp("2025-03-02")
    assert "Rows of the hold-out that are not scored: 7 of 35." in done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["panel"]["scored_rows"] == 28


def test_counts_of_a_hold_out_are_counts_though_they_look_like_years(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text(csv_of(range(1, 1990)))
    (tmp_path / "after.csv").write_text(csv_of(range(1990, 1997)))
    done = evaluate(tmp_path, "--freq", "h", "--holdout", str(tmp_path / "after.csv"))
    assert done.exit_code == 0, done.output
    rows = pd.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert sorted(set(rows["ds"])) == list(range(1990, 1997))


def test_what_is_left_out_is_reported(tmp_path: Path) -> None:
    days = pd.date_range("2025-01-01", periods=30).strftime("%Y-%m-%d").tolist()
    text = csv_of(days) + f"late,{days[-1]},1\nunknown,{days[0]},\nunknown,{days[1]},NA\n"
    (tmp_path / "panel.csv").write_text(text)
    done = evaluate(tmp_path, "--freq", "D")
    assert done.exit_code == 0, done.output
    assert "rows without y, taken as not known: 2. Series without any y" in done.stderr
    assert "Series without a forecast: 1 of 2." in done.stderr


@pytest.mark.parametrize("y", ["5", "0"], ids=["constant", "zero"])
@pytest.mark.parametrize("steps", [8, 12, 60])
def test_series_that_never_change_are_forecast_as_they_are(
    tmp_path: Path, y: str, steps: int
) -> None:
    days = pd.date_range("2025-01-01", periods=steps).strftime("%Y-%m-%d")
    lines = "".join(f"a,{day},{y}\n" for day in days)
    (tmp_path / "panel.csv").write_text("unique_id,ds,y\n" + lines)
    done = evaluate(tmp_path, "--freq", "D", "--season", "7")
    assert done.exit_code == 0, done.output
    rows = pd.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert set(rows["prediction"]) == {float(y)}


def test_a_series_that_is_shorter_than_what_is_scored_is_refused(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text(csv_of(["2025-01-01", "2025-01-02"]))
    done = evaluate(tmp_path, "--freq", "D")
    assert isinstance(done.exception, ModelError)
    assert "No series has more than 7 steps" in str(done.exception)


def test_a_refusal_shows_a_value_in_brackets_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flow_platform.cli.app import main

    (tmp_path / "panel.csv").write_text(csv_of(["[/red]"]))
    out = str(tmp_path / "out")
    arguments = ["evaluate", str(tmp_path / "panel.csv"), "--freq", "D", "--horizon", "7"]
    monkeypatch.setattr("sys.argv", ["flow", *arguments, "--out", out])
    with pytest.raises(SystemExit):
        main()
    assert "ds '[/red]' is neither a time" in capsys.readouterr().err


def test_a_file_as_folder_of_results_is_refused_before_the_panel_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    done = evaluate(tmp_path, "--freq", "D")
    assert isinstance(done.exception, ConfigurationError)
