"""The map of counters, each marked by its forecast level."""

from __future__ import annotations

import html
import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.charts import drawing
from streamlit_app.formats import capitalised
from streamlit_app.pages_.traffic.levels import LEVELS, NO_LEVEL, Look, marker
from streamlit_app.view import View

# Up to so many counters are named on the map; beyond, names would hide one another.
NAMED = 15
# Beyond so many, marks are drawn smaller.
CROWDED = 100
_KM_PER_DEGREE = 111.2
_GRID_KM = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_MOST_SQUARES = 10
_HEIGHT = {False: 480, True: 600}
# Without this, Plotly pales the marks that were not clicked.
_UNCHANGED = {"marker": {"opacity": 1}}


def counter_map(view: View, rows: pd.DataFrame, chosen: str) -> tuple[go.Figure, float]:
    """The counters at their places, north up, each by its level; and the grid's width in km.

    `rows` has centre_id, label, latitude, longitude, level and `words`, the text that is shown when
    pointed at. No map is drawn underneath: its tiles would come from a server that not every reader
    reaches.
    """
    figure = go.Figure()
    flat = math.cos(math.radians(rows["latitude"].mean()))
    rows = rows.assign(x=rows["longitude"] * flat, y=rows["latitude"])
    is_crowded = len(rows) > CROWDED
    # The worst last, that is on top.
    for level, look in {"none": NO_LEVEL, **LEVELS}.items():
        part = rows[rows["level"].isna() if level == "none" else rows["level"] == level]
        if level != "none" or not part.empty:
            _add_level(figure, view, part, level, look, named=len(rows) <= NAMED, small=is_crowded)
    _add_ring(figure, rows[rows["centre_id"] == chosen])
    wide = max(rows["x"].max() - rows["x"].min(), 0.005)
    high = max(rows["y"].max() - rows["y"].min(), 0.005)
    extent = max(wide, high) * _KM_PER_DEGREE
    grid = next((km for km in _GRID_KM if extent / km <= _MOST_SQUARES), _GRID_KM[-1])
    look_of_all = drawing.look(view, height=_HEIGHT[is_crowded], entry_width=112)
    figure.update_layout(**look_of_all, hovermode="closest")
    lines: dict[str, Any] = {
        "dtick": grid / _KM_PER_DEGREE,
        "showticklabels": False,
        "gridcolor": drawing.GRID,
        "zeroline": False,
        "fixedrange": True,
    }
    figure.update_xaxes(range=_around(rows["x"], wide, 0.14), **lines)
    figure.update_yaxes(range=_around(rows["y"], high, 0.08), scaleanchor="x", **lines)
    return figure, grid


def _add_level(
    figure: go.Figure,
    view: View,
    part: pd.DataFrame,
    level: str,
    look: Look,
    *,
    named: bool,
    small: bool,
) -> None:
    """The counters of a level. A level without any is in the legend all the same."""
    figure.add_trace(
        go.Scatter(
            x=part["x"] if len(part) else [None],
            y=part["y"] if len(part) else [None],
            name=f"{capitalised(view.text(f'level.{level}'))} ({view.number(len(part))})",
            mode="markers+text" if named else "markers",
            text=[_short(label) for label in part["label"]] if named else None,
            textposition="top center",
            textfont={"size": 11, "color": drawing.INK},
            cliponaxis=False,
            marker=marker(look, 0.7 if small else 1.0),
            selected=_UNCHANGED,
            unselected=_UNCHANGED,
            customdata=part[["centre_id"]],
            hovertext=part["words"],
            hoverinfo="text",
        )
    )


def _add_ring(figure: go.Figure, own: pd.DataFrame) -> None:
    """A ring around the chosen counter."""
    ring = {
        "size": 26,
        "symbol": "circle-open",
        "color": drawing.INK,
        "line": {"width": 2.5},
    }
    figure.add_trace(
        go.Scatter(
            x=own["x"],
            y=own["y"],
            mode="markers",
            marker=ring,
            unselected=_UNCHANGED,
            hoverinfo="skip",
            showlegend=False,
        )
    )


def _around(values: pd.Series, extent: float, margin: float) -> list[float]:
    middle = (values.max() + values.min()) / 2
    half = extent * (0.5 + margin)
    return [middle - half, middle + half]


def _short(label: str, longest: int = 20) -> str:
    return html.escape(label if len(label) <= longest else f"{label[: longest - 1].rstrip()}…")
