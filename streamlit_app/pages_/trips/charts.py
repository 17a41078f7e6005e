"""The charts of trips: minutes by hour and by weekday, and predicted against actual.

What they share with all charts is in `charts/drawing.py`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.charts import drawing
from streamlit_app.formats import capitalised
from streamlit_app.frames import each_row
from streamlit_app.view import View

_HEIGHT = 320
# Of fewer trips than this a mean is chance; such steps are drawn pale.
FEW_TRIPS = 30


def by_hour(view: View, rows: pd.DataFrame) -> go.Figure:
    """Mean minutes by local hour, Monday to Friday against weekends.

    `rows` has HOUR_COLUMNS, in order of the hour.
    """
    figure = go.Figure()
    weekday = (drawing.ACCENT, "solid", "circle")
    weekend = (drawing.WARNING, "dash", "square")
    for part, mark in (("weekday", weekday), ("weekend", weekend)):
        when = view.text(part)
        texts = [
            view.text(
                "hover.hour",
                hour=view.hour(row.local_hour),
                when=when,
                minutes=view.number(getattr(row, f"{part}_minutes"), 1),
                n=view.number(getattr(row, f"{part}_trips")),
            )
            for row in each_row(rows)
        ]
        x, y = rows["local_hour"], rows[f"{part}_minutes"]
        figure.add_trace(
            drawing.line_with_marks(x, y, when, mark, hovertext=texts, hoverinfo="text")
        )
    ticks = list(range(0, 24, 3))
    figure.update_xaxes(
        range=[-0.5, 23.5],
        tickvals=ticks,
        ticktext=[view.hour(hour) for hour in ticks],
        zeroline=False,
        **drawing.AXIS,
    )
    return _in_minutes(figure, view, "axis")


def by_weekday(view: View, rows: pd.DataFrame) -> go.Figure:
    """Mean minutes by local weekday; `rows` has weekday (0 = Monday), trips, mean_minutes."""
    figure = go.Figure(
        go.Bar(
            x=[view.weekday(day + 1, short=True) for day in rows["weekday"]],
            y=rows["mean_minutes"],
            text=[view.number(value, 1) for value in rows["mean_minutes"]],
            textposition="inside",
            insidetextanchor="end",
            textangle=0,
            constraintext="none",
            textfont={"size": 11, "color": "#ffffff"},
            marker={
                "color": [
                    drawing.WARNING if day >= 5 else drawing.ACCENT for day in rows["weekday"]
                ]
            },
            hovertext=[
                view.text(
                    "hover.weekday",
                    day=capitalised(view.weekday(row.weekday + 1)),
                    minutes=view.number(row.mean_minutes, 1),
                    n=view.number(row.trips),
                )
                for row in each_row(rows)
            ],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(type="category", fixedrange=True, automargin=True)
    figure.update_layout(bargap=0.25)
    return _in_minutes(figure, view, "axis")


def predicted_against_actual(view: View, rows: pd.DataFrame) -> go.Figure:
    """Mean predicted and mean actual minutes, a mark for each step of five predicted minutes.

    `rows` has STEP_COLUMNS. On the diagonal the model is right on average.
    """
    figure = go.Figure()
    top = 1.05 * max([*rows["mean_predicted"], *rows["mean_actual"]], default=1.0)
    drawing.add_diagonal(figure, top, view.text("diagonal"))
    looks: dict[str, dict[str, Any]] = {
        "default": {"color": drawing.ACCENT, "symbol": "circle"},
        "planned_distance": {"color": drawing.WARNING, "symbol": "diamond"},
    }
    for model, look in looks.items():
        part = rows[rows["model"] == model]
        if part.empty:
            continue
        name = view.text(f"model_name.{model}")
        few = part["trips"] < FEW_TRIPS
        figure.add_trace(
            go.Scatter(
                x=part["mean_predicted"],
                y=part["mean_actual"],
                name=name,
                mode="markers",
                marker={**look, "size": 10, "opacity": drawing.opacities(few)},
                hovertext=[_step_words(view, name, row) for row in each_row(part)],
                hoverinfo="text",
            )
        )
    figure.update_xaxes(
        title=drawing.title(view.text("axis.predicted")), range=[0, top], **drawing.AXIS
    )
    return _in_minutes(figure, view, "axis.actual")


def _step_words(view: View, model: str, row: Any) -> str:
    return view.text(
        "hover.step",
        model=model,
        predicted=view.number(row.mean_predicted, 1),
        actual=view.number(row.mean_actual, 1),
        share=view.percent(row.coverage_80),
        n=view.number(row.trips),
    )


def _in_minutes(figure: go.Figure, view: View, title: str) -> go.Figure:
    look = drawing.look(view, height=_HEIGHT, entry_width=150)
    figure.update_layout(**look, hovermode="closest")
    figure.update_yaxes(title=drawing.title(view.text(title)), rangemode="tozero", **drawing.AXIS)
    return figure
