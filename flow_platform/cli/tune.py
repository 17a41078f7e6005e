"""`flow tune`: seek LightGBM's parameters for a month within a time limit, and continue later.

Nothing is computed here: how they are sought and what is recorded is in `stages/tuning.py`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from flow_platform.cli.options import AnyMeasureOption, FlowArgument, JsonOption, print_json

if TYPE_CHECKING:
    from rich.status import Status

    from flow_platform.forecasting.daily.tuning import Standing
    from flow_platform.registry.tunings import Tuning


def tune(
    flow: FlowArgument,
    measure: AnyMeasureOption = None,
    month: Annotated[
        str | None, typer.Option(help="Such as 2026-11; without it the newest with vintages.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Seconds of search for each measure.")] = 120.0,
    as_json: JsonOption = False,
) -> None:
    """Seek LightGBM's parameters on facts known before a month's backtest. Trains nothing.

    Trials are kept: the same command adds to them, also after it was killed. Vintages of the month
    and of later ones use the parameters when they are trained. Example: flow tune parcels
    --seconds 300
    """
    from rich.console import Console

    from flow_platform.flows.catalogue import series_flow_named
    from flow_platform.ground.periods import month_named
    from flow_platform.orchestration import prepare
    from flow_platform.platform import Platform
    from flow_platform.settings import get_settings
    from flow_platform.stages.tuning import tune_month

    chosen, asked = series_flow_named(flow), month_named(month) if month else None
    platform = Platform(get_settings())
    tunings = []
    with Console(stderr=True).status("Preparing the database ...") as status:
        prepare(platform)
        for own in (measure,) if measure else chosen.measures:
            status.update(f"{own}: reading its history ...")
            progress = partial(_show, status, own)
            tunings.append(tune_month(platform, chosen, own, asked, seconds, progress))
    if as_json:
        print_json([tuning.as_row() for tuning in tunings])
        return
    for tuning in tunings:
        Console().print(f"{tuning}\n{_consequence(tuning)}", highlight=False, soft_wrap=True)


def _show(status: Status, measure: str, standing: Standing) -> None:
    status.update(f"{measure}: {standing}")


def _consequence(tuning: Tuning) -> str:
    if not tuning.tuned.adopted:
        return f"Vintages from {tuning.month:%Y-%m} on are trained with the defaults."
    return (
        f"Vintages from {tuning.month:%Y-%m} on use them when they are trained:"
        f" flow train {tuning.flow} --from {tuning.month:%Y-%m}"
    )
