"""`flow evaluate` writes two files and prints a table that can be read without them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from flow_platform.evaluation.evaluation import COLUMNS
from tests.unit.evaluation.made_panels import QUICK, weeks


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
