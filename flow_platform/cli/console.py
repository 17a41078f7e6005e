"""How commands show what they do: progress, tables, and the runs of Dagster they started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from flow_platform.cli.options import print_json

if TYPE_CHECKING:
    from flow_platform.stages.loading import Balance
    from flow_platform.stages.refusals import Loads

console = Console(stderr=True)


def progress_bars() -> Progress:
    """Bars that count the partitions of runs."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def track(progress: Progress, title: str) -> Callable[[int, int], None]:
    """Add a bar with this title; returns the function that sets it: partitions done, and all."""
    task = progress.add_task(title, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def announce(message: str) -> None:
    """Show a line below the bars."""
    console.print(f"  {message}", highlight=False, style="dim")


def report(
    as_json: bool,
    runs: list[str],
    sentence: str,
    loads: Sequence[tuple[str, Balance]] = (),
    strict: bool = False,
) -> None:
    """Show what was done, and by which runs; then `judge_loads`."""
    from flow_platform.stages.refusals import Loads

    judged = Loads(loads)
    if as_json:
        print_json({"runs": runs})
    else:
        done = "No row was stored." if judged.has_nothing else sentence
        console.print(f"{done} Runs: {', '.join(runs)}")
    judge_loads(judged, strict)


def judge_loads(loads: Loads, strict: bool) -> None:
    """Warn of rows that were refused and files that could not be read.

    Exits with 3 where all rows of a file were refused and nothing was stored, and with `strict`
    where any row was refused.
    """
    for sentence in loads.sentences():
        # Names of files and sections have brackets, which are no markup.
        console.print(
            f"Warning: {sentence}", highlight=False, markup=False, style="yellow", soft_wrap=True
        )
    if code := loads.exit_code(strict):
        raise typer.Exit(code)


def show_forecasts(rows: Any, title: str, by_day: bool = True) -> None:
    """A table of forecasts one step ahead, to stdout."""
    table = Table(
        "date" if by_day else "hour that ends at",
        "centre_id",
        "measure",
        "prediction",
        "80 % interval",
        "model",
        title=title,
    )
    for row in rows.itertuples():
        table.add_row(
            f"{row.date:%Y-%m-%d}" if by_day else f"{row.target_at:%Y-%m-%d %H:%M} UTC",
            row.centre_id,
            row.measure,
            f"{row.prediction:,.0f}",
            f"{row.lower_80:,.0f} to {row.upper_80:,.0f}",
            row.model_version,
        )
    Console().print(table)
