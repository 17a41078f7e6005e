"""`flow evaluate`: candidates and champion on any panel file, computed in `evaluation/`.

Here are the options, the progress bar, the files written and the table printed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flow_platform.cli.console import console
from flow_platform.ground.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

    from flow_platform.evaluation.evaluation import Evaluation
    from flow_platform.evaluation.options import Options
    from flow_platform.evaluation.series_matrix import SeriesMatrix

_SHOWN = ("owa", "mase", "smape", "wape", "rmse", "bias", "coverage_80", "coverage_95")


def evaluate(
    panel: Annotated[
        Path, typer.Argument(help="CSV or Parquet file with the columns unique_id, ds, y.")
    ],
    freq: Annotated[
        str,
        typer.Option(
            help="Frequency of the rows, by its name in pandas: h, D, W-SUN; or 1 where ds are"
            " whole numbers that count steps."
        ),
    ],
    horizon: Annotated[int, typer.Option(help="Steps to forecast.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json and forecasts.parquet.")],
    season: Annotated[
        list[int] | None,
        typer.Option(help="Steps in a season; may be repeated. The MASE uses the shortest."),
    ] = None,
    windows: Annotated[
        int,
        typer.Option(help="Windows to score at the panel's end, each of `horizon` steps."),
    ] = 1,
    holdout: Annotated[
        Path | None,
        typer.Option(help="File of the rows that follow the panel, to score instead of windows."),
    ] = None,
    candidates: Annotated[
        str | None, typer.Option(help="Names separated by commas. Default: all of them.")
    ] = None,
    per_series: Annotated[
        bool,
        typer.Option(help="Let a series with enough evidence choose its own champion."),
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(help="Time for all candidates; one that would not finish is left out."),
    ] = 420.0,
    workers: Annotated[int | None, typer.Option(help="Processes. Default: all cores.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print metrics.json instead of a table.")
    ] = False,
) -> None:
    """Forecast a panel with every candidate, choose a champion by backtest, and score them all.

    The champion is chosen on rows before those that are scored.

    Example: flow evaluate hourly.csv --freq h --horizon 48 --season 24 --season 168 --out result
    """
    import os

    from flow_platform.evaluation.options import NAMES, Options
    from flow_platform.evaluation.panel_file import read_panel_file
    from flow_platform.evaluation.series_matrix import matrix_of

    if holdout is not None and windows != 1:
        raise typer.BadParameter("Give --windows or --holdout, not both.")
    _make_folder(out)
    rows = read_panel_file(panel, freq)
    _report_unknown(rows, panel)
    matrix = matrix_of(rows, freq, tuple(season or [1]))
    options = Options(
        horizon=horizon,
        windows=windows,
        candidates=tuple(n.strip() for n in candidates.split(",")) if candidates else NAMES,
        seconds=seconds,
        per_series=per_series,
        workers=workers or os.cpu_count() or 1,
    )
    after = None if holdout is None else _read_holdout(holdout, freq, rows, matrix)
    result = _with_progress_bar(matrix, options, after)
    text = _write(result, out)
    _report_unused(matrix, result, after)
    if as_json:
        typer.echo(text)
    else:
        _show(result.metrics, out)


def _read_holdout(
    holdout: Path, freq: str, rows: pd.DataFrame, matrix: SeriesMatrix
) -> pd.DataFrame:
    """The rows that follow the panel's, which are reported on."""
    import pandas as pd

    from flow_platform.evaluation.panel_file import read_panel_file

    if rows["ds"].dtype.kind == "M":
        after = read_panel_file(holdout, freq, pd.Timestamp(matrix.last.min()))
    else:
        # A panel that counts steps is followed by counts, whatever dates these look like.
        after = read_panel_file(holdout, "1")
    _report_unknown(after, holdout)
    return after


def _make_folder(out: Path) -> None:
    """Makes the folder of results before hours are spent on them."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"--out {out} cannot be a folder ({error}). Give another."
        ) from error


def _report_unknown(rows: pd.DataFrame, path: Path) -> None:
    """Reports rows without a y, and series that have no other rows."""
    unknown = rows["y"].isna()
    if not unknown.any():
        return
    lost = rows["unique_id"].nunique() - rows.loc[~unknown, "unique_id"].nunique()
    series = f" Series without any y, which are left out: {lost}." if lost else ""
    _print_note(f"{path}: rows without y, taken as not known: {int(unknown.sum())}.{series}")


def _report_unused(panel: SeriesMatrix, result: Evaluation, holdout: pd.DataFrame | None) -> None:
    """Reports series without a forecast, and rows of the hold-out that are not scored."""
    left = len(panel.ids) - result.forecasts["unique_id"].nunique()
    if left:
        _print_note(
            f"Series without a forecast: {left} of {len(panel.ids)}. They have no row before the"
            " steps that are scored. Give fewer windows, a shorter horizon or a hold-out."
        )
    if holdout is not None:
        given, scored = int(holdout["y"].notna().sum()), result.metrics["panel"]["scored_rows"]
        if scored < given:
            _print_note(
                f"Rows of the hold-out that are not scored: {given - scored} of {given}. They are"
                " of other series, or not within the steps that follow the panel."
            )


def _print_note(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _with_progress_bar(
    panel: SeriesMatrix, options: Options, holdout: pd.DataFrame | None
) -> Evaluation:
    """The evaluation, with a progress bar on standard error while it runs."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from flow_platform.evaluation.evaluation import evaluate

    with Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("reading", total=1.0)
        return evaluate(
            panel,
            options,
            holdout,
            lambda text, done: bar.update(task, description=text, completed=done),
        )


def _write(result: Evaluation, out: Path) -> str:
    """Writes both files, and returns the text of metrics.json."""
    text = json.dumps(_without_nan(result.metrics), indent=1)
    (out / "metrics.json").write_text(text + "\n")
    result.forecasts.to_parquet(out / "forecasts.parquet", index=False)
    return text


def _show(metrics: dict[str, Any], out: Path) -> None:
    """Prints the scores, best MASE first, the champion's reason and what was left out."""
    from rich.console import Console

    screen = Console(width=None if sys.stdout.isatty() else 140, soft_wrap=True, markup=False)
    screen.print(_table(metrics))
    screen.print("Lower is better; the bias is best at 0, coverages at 0.80 and 0.95.")
    last = metrics["champion"]["choices"][-1]
    screen.print(f"Champion at the last cutoff: {last['candidate']} ({last['reason']}).")
    for name, reason in metrics["left_out"].items():
        screen.print(f"Left out: {name} ({reason}).")
    screen.print(f"Written: {out / 'metrics.json'}, {out / 'forecasts.parquet'}")


def _table(metrics: dict[str, Any]) -> Any:
    from rich.table import Table

    about = metrics["panel"]
    cutoffs = f"{about['cutoffs']} cutoff{'s' if about['cutoffs'] > 1 else ''}"
    grid = Table(
        title=f"Scores of {about['series']} series, {about['horizon']} steps ahead,"
        f" at {cutoffs} ({about['test']})"
    )
    grid.add_column("candidate")
    for name in (*_SHOWN, "seconds", "MiB"):
        grid.add_column(name.replace("_", " "), justify="right")
    ranked = sorted(
        metrics["candidates"].items(), key=lambda item: item[1]["overall"].get("mase", 9e9)
    )
    for name, figures in [("champion", metrics["champion"]), *ranked]:
        overall = figures["overall"]
        cells = [f"{overall[key]:.3f}" if key in overall else "-" for key in _SHOWN]
        spent = [figures.get("seconds"), figures.get("peak_memory_mib")]
        cells += [f"{value:,.0f}" if value is not None else "-" for value in spent]
        grid.add_row(name, *cells, style="bold" if name == "champion" else "")
    return grid


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: an unknown figure is null."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and value != value else value
