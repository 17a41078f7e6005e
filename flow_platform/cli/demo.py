"""`flow demo`, and what it shows when it is done."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from flow_platform.cli.console import announce, progress_bars, show_forecasts, track
from flow_platform.cli.options import JsonOption, new_platform, print_json


def demo(as_json: JsonOption = False) -> None:
    """Fill this home with two simulated years, forecasts, trips and orders. Safe to repeat."""
    from flow_platform.demo import run_demo

    platform = new_platform()
    with progress_bars() as progress:
        result = run_demo(platform, lambda title: track(progress, title), announce)
    if as_json:
        print_json(result.as_json())
        return
    _show_demo(result)


def _show_demo(result: Any) -> None:
    show_forecasts(result.forecasts, f"Tomorrow, forecast on the evening of {result.last_day}")
    table = Table("days ahead", "WAPE", "RMSE", "R2", "80 % interval covers", title="Error figures")
    for row in result.errors.itertuples():
        table.add_row(
            str(row.horizon),
            f"{row.wape:.1%}",
            f"{row.rmse:,.0f}",
            f"{row.r2:.3f}",
            f"{row.coverage_80:.0%}",
        )
    output = Console()
    output.print(table)
    output.print(
        f"One day ahead: WAPE {result.wape_ratio:.2f} x and RMSE {result.rmse_ratio:.2f} x the best"
        f" possible (the simulated world's own noise) over {result.floor_rows} centre-days;"
        f" R2 {result.r2:.3f}."
    )
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
        f"Orders of four weeks ago, predicted at approval: mean error {orders['mae']:.1f} days,"
        f" 80 % interval covers {orders['coverage_80']:.0%}; late were"
        f" {orders['late_if_risky']:.0%} of the tenth most at risk,"
        f" {orders['late_otherwise']:.0%} of the others."
    )
    output.print(
        f"\n{'Nothing had to be done' if result.was_done else 'Done'} in {result.seconds:.0f} s."
        " What to open next:\n"
        "  make up        Dagster UI on http://127.0.0.1:3000, the app on http://127.0.0.1:8501,\n"
        "                 the API on http://127.0.0.1:8000\n"
        "  flow dsn       a read-only connection string; try:"
        " select * from published.latest_predictions\n"
        "  docs/getting-started/your-parcels.md   how to load your own centres and counts"
    )
