"""`flow evaluate`: candidates and champion on any panel file, computed in `forecasting/`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flow_platform.evaluation.evaluation import Evaluation

_SHOWN = ("owa", "mase", "smape", "wape", "rmse", "bias", "coverage_80", "coverage_95")


def evaluate(
    panel: Annotated[Path, typer.Argument(help="CSV or Parquet: unique_id, ds, y.")],
    freq: Annotated[
        str, typer.Option(help="Frequency of the rows, as pandas says it: h, D, W-SUN.")
    ],
    horizon: Annotated[int, typer.Option(help="Steps ahead.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json and forecasts.parquet.")],
    season: Annotated[
        list[int] | None,
        typer.Option(help="Steps of a season; may be repeated. The shortest is the m of the MASE."),
    ] = None,
    windows: Annotated[
        int, typer.Option(help="Rolling origins at the panel's end, `horizon` apart.")
    ] = 1,
    holdout: Annotated[
        Path | None, typer.Option(help="File of the rows that follow, instead of --windows.")
    ] = None,
    candidates: Annotated[
        str | None, typer.Option(help="Names, separated by commas; all of them by default.")
    ] = None,
    per_series: Annotated[
        bool, typer.Option(help="Let series with evidence choose their own champion.")
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(help="Time for all candidates together; what would not finish is left out."),
    ] = 420.0,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead.")] = False,
) -> None:
    """Forecast a panel with every candidate, choose the champion by backtest, and score all.

    The choice rests on origins before each cutoff; the rows that are scored never touch it.

    Example: flow evaluate hourly.csv --freq h --horizon 48 --season 24 --season 168 --out result
    """
    import os

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from flow_platform.evaluation import evaluation, table

    if holdout is not None and windows != 1:
        raise typer.BadParameter("Give --windows or --holdout, not both.")
    built = table.build(table.read_table(panel), freq, tuple(season or [1]))
    options = evaluation.Options(
        horizon=horizon,
        windows=windows,
        candidates=tuple(n.strip() for n in candidates.split(","))
        if candidates
        else evaluation.NAMES,
        seconds=seconds,
        per_series=per_series,
        workers=workers or os.cpu_count() or 1,
    )
    after = table.read_table(holdout) if holdout is not None else None
    with Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("reading", total=1.0)
        result = evaluation.evaluate(
            built,
            options,
            after,
            lambda text, done: bar.update(task, description=text, completed=done),
        )
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_without_nan(result.metrics), indent=1)
    (out / "metrics.json").write_text(text + "\n")
    result.forecasts.to_parquet(out / "forecasts.parquet", index=False)
    if as_json:
        typer.echo(text)
    else:
        _show(result, out)


def _show(result: Evaluation, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    metrics = result.metrics
    about = metrics["panel"]
    grid = Table(
        title=f"{about['series']} series, {about['horizon']} steps ahead, {about['cutoffs']}"
        f" cutoff(s), {about['test']}"
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
    console = Console(width=None if sys.stdout.isatty() else 140, soft_wrap=True)
    console.print(grid)
    last = metrics["champion"]["choices"][-1]
    console.print(f"Champion: {last['candidate']} ({last['reason']}).")
    for name, why in metrics["left_out"].items():
        console.print(f"Left out: {name}, {why}.")
    console.print(f"Written: {out / 'metrics.json'}, {out / 'forecasts.parquet'}")


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: an unknown figure is null."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and value != value else value
