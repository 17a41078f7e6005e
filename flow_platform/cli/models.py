"""`flow models`: look at vintages and their comparisons, promote one, roll back.

Nothing is computed here: the comparison and what it decides are in `stages/promotion.py`.
"""

from __future__ import annotations

import getpass
import json
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flow_platform.cli.options import AnyMeasureOption, FlowArgument, JsonOption, print_json
from flow_platform.ground.periods import day_named
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd

    from flow_platform.models.vintage import Vintage
    from flow_platform.platform import Platform
    from flow_platform.registry.promotions import Decision

models_app = typer.Typer(
    no_args_is_help=True, help="Trained vintages: list, compare and promote, roll back."
)
VersionArgument = Annotated[
    str, typer.Argument(help="A vintage, as `flow models list` names it.", show_default=False)
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="First issue day it counts for; without it today (UTC)."),
]


@models_app.command("list")
def list_models(
    flow: Annotated[str | None, typer.Argument(help="A flow; without it, all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show every vintage: its backtest, the champion of each month, and who serves now."""
    from flow_platform.flows.catalogue import CATALOGUE, flow_named
    from flow_platform.registry.promotions import vintage_for

    platform = _prepared()
    listed = []
    for chosen in (flow_named(flow),) if flow else CATALOGUE:
        for measure in chosen.measures:
            serving = vintage_for(platform.registry.serving_history(chosen.name, measure), _today())
            for vintage in platform.registry.vintages(chosen.name, measure):
                is_serving = serving is not None and serving.model_version == vintage.model_version
                listed.append(_vintage_row(vintage) | {"is_serving": is_serving})
    if as_json:
        print_json(listed)
        return
    for (name, measure), rows in groupby(listed, key=lambda row: (row["flow"], row["measure"])):
        _show_table(
            f"{name}, {measure}",
            ("version", "MASE", "WAPE", "80 % covers", ""),
            [
                (
                    row["model_version"],
                    f"{row['mase']:.3f}",
                    f"{row['wape']:.1%}",
                    f"{row['coverage_80']:.0%}",
                    _mark(row),
                )
                for row in rows
            ],
        )


@models_app.command()
def show(version: VersionArgument, as_json: JsonOption = False) -> None:
    """Show a vintage: what it saw, its figures, its sha256, and every decision that named it."""
    platform = _prepared()
    vintage = platform.registry.find(version)
    rows = platform.registry.decisions(vintage.flow, vintage.measure)
    named = rows[(rows["champion_version"] == version) | (rows["challenger_version"] == version)]
    facts = _vintage_row(vintage) | {
        "train_first": str(vintage.train_first),
        "train_last": str(vintage.train_last),
        "trained_rows": vintage.trained_rows,
        "sha256": vintage.sha256,
        "fingerprint": vintage.fingerprint,
        "artefacts": str(platform.settings.home_path / vintage.artefact_path),
    }
    if as_json:
        print_json(facts | {"decisions": _records(named)})
        return
    for name, value in facts.items():
        _say(f"{name:<14} {value}")
    for row in named.to_dict("records"):
        _say(
            f"\nFrom {row['effective_day']:%Y-%m-%d} on, {row['kind']}:"
            f" {row['challenger_version'] if row['promoted'] else row['champion_version']} serves."
            f" Reason: {row['reason']}. Decided {row['decided_at']:%Y-%m-%d %H:%M} UTC by"
            f" {row['decided_by']}."
        )


@models_app.command()
def promote(
    version: VersionArgument, first: FromOption = None, as_json: JsonOption = False
) -> None:
    """Compare a vintage with the champion on days new to both; it serves only if it wins.

    It wins when its error is smaller beyond noise and its 80 % band is no worse. The comparison is
    kept either way. Exit code 1 when it is refused. Nothing is trained.
    """
    from flow_platform.flows.catalogue import flow_named
    from flow_platform.stages import promotion

    platform, today = _prepared(), _today()
    vintage = platform.registry.find(version)
    decision = promotion.promote(
        platform, flow_named(vintage.flow), vintage, _day(first) or today, today, getpass.getuser()
    )
    _report(decision, as_json)
    if not decision.promoted:
        raise typer.Exit(1)


@models_app.command()
def rollback(
    flow: FlowArgument,
    measure: AnyMeasureOption = None,
    first: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the champion before the present one serve again. Nothing is trained or compared.

    Days that are over keep their forecasts. A second rollback goes one champion further back.
    """
    from flow_platform.flows.catalogue import flow_named
    from flow_platform.stages import promotion

    platform, today, chosen = _prepared(), _today(), flow_named(flow)
    if measure is not None:
        chosen.check_measure(measure)
    for own in (measure,) if measure else chosen.measures:
        decision = promotion.roll_back(
            platform, chosen, own, _day(first) or today, today, getpass.getuser()
        )
        _report(decision, as_json)


def _prepared() -> Platform:
    from flow_platform.orchestration import prepare
    from flow_platform.platform import Platform

    platform = Platform(get_settings())
    prepare(platform)
    return platform


def _today() -> date:
    """The first day that is not over yet: its forecasts are still to be issued."""
    return datetime.now(UTC).date()


def _day(text: str | None) -> date | None:
    return None if text is None else day_named(text)


def _vintage_row(vintage: Vintage) -> dict[str, Any]:
    return {
        "flow": vintage.flow,
        "measure": vintage.measure,
        "model_version": vintage.model_version,
        "candidate": vintage.candidate,
        "month": str(vintage.month),
        "cutoff": str(vintage.cutoff),
        "is_champion": vintage.is_champion,
        **vintage.metrics,
    }


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(rows.to_json(orient="records", date_format="iso"))
    return found


def _report(decision: Decision, as_json: bool) -> None:
    if as_json:
        print_json(decision.as_row())
        return
    verb = {"promote": "Promoted", "rollback": "Rolled back", "refused": "Refused"}[decision.kind]
    _say(
        f"{verb}: {decision.reason}.\n{decision.serving.model_version} serves"
        f" {decision.serving.flow} {decision.serving.measure} from {decision.effective_day} on."
    )


def _mark(row: dict[str, Any]) -> str:
    if row["is_serving"]:
        return "serves now"
    return "champion" if row["is_champion"] else ""


def _show_table(title: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=SIMPLE)
    for place, name in enumerate(names):
        # A version that is split over two lines cannot be copied.
        table.add_column(name, no_wrap=place == 0)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _say(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False, soft_wrap=True, markup=False)
