"""`flow demo`: its steps as they begin, and what it shows when it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from flow_platform.cli.console import announce, console, show_forecasts
from flow_platform.cli.options import JsonOption, new_platform, print_json
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd

    from flow_platform.demo.figures import DemoResult
    from flow_platform.demo.running import Ended, Started


def demo(as_json: JsonOption = False) -> None:
    """Fill this home with simulated days of every flow, and their predictions. Safe to repeat."""
    # Before what takes seconds to import.
    console.print(f"Simulated days of every flow, in {get_settings().home_path}", soft_wrap=True)
    from flow_platform.demo.running import run_demo

    result = run_demo(new_platform(), _progress())
    if as_json:
        print_json(result.as_json())
        return
    _show_demo(result)


def _progress() -> Callable[[Started | Ended | str], None]:
    """Shows a line for each step before it begins, and once what steps report."""
    from flow_platform.demo.running import Started

    shown: set[str] = set()

    def show(event: Started | Ended | str) -> None:
        if isinstance(event, Started):
            number = f"{event.number:>{len(str(event.of))}}/{event.of}"
            minutes, seconds = divmod(round(event.elapsed), 60)
            console.print(
                f"[{number}] {minutes}:{seconds:02}  {event.step.title}"
                f" (about {event.step.expected} s)",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        elif isinstance(event, str) and event not in shown:
            shown.add(event)
            announce(event)

    return show


def _show_demo(result: DemoResult) -> None:
    show_forecasts(result.forecasts, f"Parcels of tomorrow, forecast on {result.last_day}")
    output = Console()
    output.print(_by_horizon(result.errors))
    output.print(
        f"Parcels, one day ahead: WAPE {result.wape_ratio:.2f} x and RMSE {result.rmse_ratio:.2f} x"
        f" the best possible (the simulated world's own noise) over {result.floor_rows}"
        f" centre-days; R2 {result.r2:.3f}."
    )
    output.print(_one_step_ahead(result.series))
    output.print(
        "Trips of the last two weeks: "
        + "; ".join(
            f"{row.model} RMSE {row.rmse:.1f} minutes, R2 {row.r2:.2f}, 80 % interval covers"
            f" {row.coverage_80:.0%}"
            for row in result.trips.itertuples()
        )
        + "."
    )
    orders = result.deliveries
    output.print(
        f"Orders of three to four weeks ago, as predicted at approval: mean error"
        f" {orders['mae']:.1f} days, 80 % interval covers {orders['coverage_80']:.0%}; of the tenth"
        f" with the highest risk {orders['late_if_risky']:.0%} were late, of the others"
        f" {orders['late_otherwise']:.0%}."
    )
    settings = get_settings()
    done = (
        f"Everything was there, up to {result.last_day}; nothing had to be made"
        if result.was_done
        else f"Done, up to {result.last_day}, in {result.seconds:.0f} s"
    )
    address = "http://127.0.0.1"
    output.print(
        f"\n{done}. What to open next:\n"
        f"  make up        starts the app on {address}:{settings.streamlit_port},\n"
        f"                 the Dagster UI on {address}:{settings.dagster_port}\n"
        f"                 and the API on {address}:{settings.api_port}/docs\n"
        "  flow dsn       a read-only connection string; try:"
        " select * from published.latest_predictions\n"
        "  docs/getting-started/tour.md           what to look at\n"
        "  docs/getting-started/your-parcels.md   how to load your own centres and counts",
        soft_wrap=True,
    )


def _by_horizon(errors: pd.DataFrame) -> Table:
    title = "Parcels, error figures"
    table = Table("days ahead", "WAPE", "RMSE", "R2", "80 % interval covers", title=title)
    for row in errors.itertuples():
        table.add_row(
            str(row.horizon),
            f"{row.wape:.1%}",
            f"{row.rmse:,.0f}",
            f"{row.r2:.3f}",
            f"{row.coverage_80:.0%}",
        )
    return table


def _one_step_ahead(series: pd.DataFrame) -> Table:
    table = Table(
        "flow",
        "measure",
        "forecasts",
        "WAPE",
        "x error of the week before",
        "80 % interval covers",
        title="One day ahead, of traffic one hour",
    )
    for row in series.itertuples():
        table.add_row(
            str(row.flow),
            str(row.measure),
            f"{row.n:,}",
            f"{row.wape:.1%}",
            f"{row.mase:.2f}",
            f"{row.coverage_80:.0%}",
        )
    return table
