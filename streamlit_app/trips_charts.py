"""The charts of trips: minutes by hour and by weekday, and what was said against what came.

They look as those of `charts.py` do; where they stand on the page is the page's matter.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from streamlit_app import charts
from streamlit_app.formats import Language, capitalised, number, percent, weekday
from streamlit_app.texts import Say

_HEIGHT = 320
# Of fewer trips than this a mean is chance; such steps are drawn pale.
FEW_TRIPS = 30


def by_hour(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """Mean minutes by local hour, Monday to Friday against weekends.

    `rows` has trips_data.HOUR_COLUMNS, in order of the hour.
    """
    figure = go.Figure()
    for part, colour, dash, symbol in (
        ("weekday", charts.ACCENT, "solid", "circle"),
        ("weekend", charts.WARNING, "dash", "square"),
    ):
        figure.add_trace(
            go.Scatter(
                x=rows["local_hour"],
                y=rows[f"{part}_minutes"],
                name=say(f"trips.{part}"),
                mode="lines+markers",
                line={"color": colour, "width": 2.2, "dash": dash},
                marker={"size": 6, "symbol": symbol},
                connectgaps=False,
                hovertext=[
                    say(
                        "trips.hover.hour",
                        hour=hour_name(row.local_hour, language),
                        when=say(f"trips.{part}"),
                        minutes=number(getattr(row, f"{part}_minutes"), language, 1),
                        n=number(getattr(row, f"{part}_trips"), language),
                    )
                    for row in rows.itertuples()
                ],
                hoverinfo="text",
            )
        )
    ticks = list(range(0, 24, 3))
    figure.update_xaxes(
        range=[-0.5, 23.5],
        tickvals=ticks,
        ticktext=[hour_name(hour, language) for hour in ticks],
        gridcolor=charts.GRID,
        zeroline=False,
        fixedrange=True,
        automargin=True,
    )
    return _in_minutes(figure, language, say("trips.axis"))


def by_weekday(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """Mean minutes by local weekday; `rows` has weekday (0 = Monday), trips, mean_minutes."""
    names = [weekday(day + 1, language, short=True) for day in rows["weekday"]]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=rows["mean_minutes"],
            text=[number(value, language, 1) for value in rows["mean_minutes"]],
            textposition="inside",
            insidetextanchor="end",
            textangle=0,
            constraintext="none",
            textfont={"size": 11, "color": "#ffffff"},
            marker={
                "color": [charts.WARNING if day >= 5 else charts.ACCENT for day in rows["weekday"]]
            },
            hovertext=[
                say(
                    "trips.hover.weekday",
                    day=capitalised(weekday(row.weekday + 1, language)),
                    minutes=number(row.mean_minutes, language, 1),
                    n=number(row.trips, language),
                )
                for row in rows.itertuples()
            ],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(type="category", fixedrange=True, automargin=True)
    figure.update_layout(bargap=0.25)
    return _in_minutes(figure, language, say("trips.axis"))


def said_against_real(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """What was said on average and what came, a mark for each step of five minutes said.

    `rows` has trips_data.STEP_COLUMNS. On the diagonal the model is right on average.
    """
    figure = go.Figure()
    top = 1.05 * max([*rows["mean_predicted"], *rows["mean_actual"]], default=1.0)
    figure.add_trace(
        go.Scatter(
            x=[0, top],
            y=[0, top],
            name=say("trips.diagonal"),
            mode="lines",
            line={"color": charts.MUTED, "width": 1.2, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    looks: dict[str, dict[str, Any]] = {
        "default": {"color": charts.ACCENT, "symbol": "circle"},
        "planned_distance": {"color": charts.WARNING, "symbol": "diamond"},
    }
    for model, look in looks.items():
        part = rows[rows["model"] == model]
        if part.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=part["mean_predicted"],
                y=part["mean_actual"],
                name=say(f"trips.model.{model}"),
                mode="markers",
                marker={
                    **look,
                    "size": 10,
                    "opacity": [0.35 if few else 1.0 for few in part["trips"] < FEW_TRIPS],
                },
                hovertext=[
                    say(
                        "trips.hover.step",
                        model=say(f"trips.model.{model}"),
                        said=number(row.mean_predicted, language, 1),
                        came=number(row.mean_actual, language, 1),
                        share=percent(row.coverage_80, language),
                        n=number(row.trips, language),
                    )
                    for row in part.itertuples()
                ],
                hoverinfo="text",
            )
        )
    figure.update_xaxes(
        title={"text": say("trips.axis.said"), "font": {"size": 12, "color": charts.MUTED}},
        range=[0, top],
        gridcolor=charts.GRID,
        zerolinecolor=charts.GRID,
        fixedrange=True,
        automargin=True,
    )
    return _in_minutes(figure, language, say("trips.axis.came"))


def hour_name(hour: int, language: Language) -> str:
    """The hour of a day as a clock begins it: "08:00" or "8 h"."""
    return f"{hour}\u202fh" if language == "fr" else f"{hour:02d}:00"


def _in_minutes(figure: go.Figure, language: Language, title: str) -> go.Figure:
    legend = {**charts.LEGEND, "entrywidth": 150}
    figure.update_layout(
        **charts.look(language), height=_HEIGHT, legend=legend, hovermode="closest"
    )
    figure.update_yaxes(
        title={"text": title, "font": {"size": 12, "color": charts.MUTED}},
        rangemode="tozero",
        gridcolor=charts.GRID,
        zerolinecolor=charts.GRID,
        fixedrange=True,
        automargin=True,
    )
    return figure
