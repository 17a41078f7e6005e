"""`flow explain` and `flow what-if`: the parts of a forecast, and forecasts of changed facts."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flow_platform.cli.options import FlowArgument, JsonOption
from flow_platform.ground.roles import DASHBOARD_ROLE

CentreOption = Annotated[str, typer.Option(help="Centre id.")]
DayOption = Annotated[str, typer.Option(help="Issue day, as 2026-11-19.")]
MeasureOption = Annotated[str | None, typer.Option(help="Measure; the flow's first by default.")]

_PARTS = ("usual", "by_calendar", "by_weather", "by_events", "by_recent_level", "by_trend")


def explain(
    flow: FlowArgument,
    centre: CentreOption,
    issued_on: DayOption,
    measure: MeasureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what moved each forecast of an issue day from a usual same weekday; the parts add up.

    Example: flow explain parcels --centre FR-75 --issued-on 2026-11-19
    """
    from flow_platform.flows.catalogue import series_flow_named
    from flow_platform.ground.errors import ConfigurationError, ModelError
    from flow_platform.platform import Platform
    from flow_platform.settings import get_settings

    chosen = series_flow_named(flow)
    if chosen.is_hourly:
        raise ConfigurationError(
            f"{flow} is forecast by the hour, and its forecasts are not explained. Flows with days"
            " are: parcels, retail."
        )
    rows = (
        Platform(get_settings())
        .store(DASHBOARD_ROLE)
        .read(
            f"select date, horizon, {', '.join(_PARTS)}, prediction, model_version"
            " from published.explanations where flow = %(flow)s and measure = %(measure)s"
            " and centre_id = %(centre)s and issued_on = %(day)s order by date",
            {
                "flow": flow,
                "measure": measure or chosen.measures[0],
                "centre": centre,
                "day": issued_on,
            },
        )
    )
    if rows.empty:
        raise ModelError(
            f"No explained forecast of {flow} for {centre} was issued on {issued_on}: the day was"
            " not forecast, or by the fallback. `flow forecast` issues one."
        )
    _show(rows, ("date", *_PARTS, "prediction"), as_json)


def what_if(
    flow: FlowArgument,
    centre: CentreOption,
    issued_on: DayOption,
    first: Annotated[str, typer.Option("--from", help="First day that is otherwise.")],
    last: Annotated[
        str | None, typer.Option("--to", help="Last one; the first by default.")
    ] = None,
    weather: Annotated[
        list[str] | None,
        typer.Option(help="Added to the forecast weather, as temperature_max=5; may be repeated."),
    ] = None,
    event: Annotated[
        str | None, typer.Option(help="A known event on these days; '' for none.")
    ] = None,
    level: Annotated[float, typer.Option(help="Per cent by which recent counts are raised.")] = 0.0,
    measure: MeasureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the model that served a day again, with other weather, an event or another level.

    Example: flow what-if parcels --centre 1 --issued-on 2026-11-19 --from 2026-11-21 --event Sales
    """
    import pandas as pd

    from flow_platform.flows.catalogue import series_flow_named
    from flow_platform.forecasting.daily.what_if import Change
    from flow_platform.platform import Platform
    from flow_platform.settings import get_settings
    from flow_platform.stages.what_if import ask

    chosen = series_flow_named(flow)
    change = Change(
        pd.Timestamp(first),
        pd.Timestamp(last or first),
        weather=dict(_weather(text) for text in weather or ()),
        event=event,
        level=level / 100,
    )
    rows = ask(
        Platform(get_settings()),
        chosen,
        measure or chosen.measures[0],
        centre,
        pd.Timestamp(issued_on),
        change,
    )
    _show(rows, ("date", "prediction", "changed"), as_json)


def _weather(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no name=number, as temperature_max=5.") from None


def _show(rows: Any, columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(json.loads(rows.to_json(orient="records", date_format="iso"))))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"by {rows['model_version'].iloc[0]}")
    for name in columns:
        title = name.replace("by_", "").replace("_", " ")
        table.add_column(title, justify="right", no_wrap=name == "date")
    for row in rows[list(columns)].to_dict("records"):
        signed = (
            f"{value:%Y-%m-%d}"
            if name == "date"
            else f"{value:+,.0f}"
            if name.startswith("by_")
            else f"{value:,.0f}"
            for name, value in row.items()
        )
        table.add_row(*signed)
    Console().print(table)
