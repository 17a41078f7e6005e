"""What all charts are drawn with: colours, the common look, bands, grey strips and hover texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.formats import is_missing
from streamlit_app.view import View

ACCENT = "#1f5a96"
INK = "#1c2733"
MUTED = "#5b6875"
GRID = "#e3e8ec"
WARNING = "#b45309"
BAND_80 = "rgba(31, 90, 150, 0.30)"
BAND_95 = "rgba(31, 90, 150, 0.13)"
ABSENT = "rgba(91, 104, 117, 0.20)"
_PALE = 0.35

# Charts are read, not worked on: no tool bar, and a finger that scrolls the page does not zoom.
CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}

_LEGEND: dict[str, Any] = {
    "orientation": "h",
    "y": 1.02,
    "yanchor": "bottom",
    "x": 0,
    "font": {"size": 12},
    "itemclick": False,
    "itemdoubleclick": False,
}

AXIS: dict[str, Any] = {
    "gridcolor": GRID,
    "zerolinecolor": GRID,
    "fixedrange": True,
    "automargin": True,
}


class Point(NamedTuple):
    """One step of a curve, for the text that is shown when it is pointed at.

    `at` is its place on the axis, `title` names it; `forecast` has prediction, lower_80, upper_80,
    lower_95 and upper_95, or is None; `level` is a word for the forecast.
    """

    at: pd.Timestamp
    title: str
    forecast: Any
    actual: float | None
    is_absent: bool
    level: str = ""


def look(view: View, *, height: int, entry_width: int = 124) -> dict[str, Any]:
    """The layout that all charts have in common; `entry_width` is that of a legend entry."""
    return {
        "height": height,
        "legend": {**_LEGEND, "entrywidth": entry_width},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "separators": ",\u202f" if view.is_french else ".,",
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK, "size": 13}, "align": "left"},
        "dragmode": False,
    }


def line_with_marks(
    x: pd.Series, y: pd.Series, name: str, look: tuple[str, str, str], **hover: Any
) -> go.Scatter:
    """A line of few points, each with a mark; `look` is its colour, dash and symbol."""
    colour, dash, symbol = look
    return go.Scatter(
        x=x,
        y=y,
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 2.2, "dash": dash},
        marker={"size": 6, "symbol": symbol},
        connectgaps=False,
        **hover,
    )


def title(text: str) -> dict[str, Any]:
    """The title of an axis."""
    return {"text": text, "font": {"size": 12, "color": MUTED}}


def count_axis(figure: go.Figure, text: str) -> None:
    """A vertical axis of whole numbers from zero, with this title."""
    figure.update_yaxes(title=title(text), rangemode="tozero", tickformat=",.0f", **AXIS)


def opacities(few: Sequence[bool] | pd.Series) -> list[float]:
    """How opaque marks are: pale where they rest on few cases."""
    return [_PALE if pale else 1.0 for pale in few]


def add_band(
    figure: go.Figure, rows: pd.DataFrame, level: str, colour: str, name: str, *, at: str = "date"
) -> None:
    """A band as closed outlines, one for each unbroken run of rows, so that no gap is bridged."""
    known = rows[[f"lower_{level}", f"upper_{level}"]].notna().all(axis=1)
    run = (known != known.shift()).cumsum()[known]
    x: list[Any] = []
    y: list[float | None] = []
    for _, part in rows[known].groupby(run):
        places = list(part[at])
        x += [*places, *reversed(places), None]
        y += [*part[f"upper_{level}"], *reversed(list(part[f"lower_{level}"])), None]
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            name=name,
            mode="lines",
            fill="toself",
            fillcolor=colour,
            line={"width": 0, "color": colour},
            hoverinfo="skip",
        )
    )


def add_curves(
    figure: go.Figure,
    view: View,
    rows: pd.DataFrame,
    actuals: pd.Series,
    *,
    at: str,
    actuals_at: Any,
    marked: bool,
) -> None:
    """A forecast with both bands, and the actuals over it; `marked` draws a mark for each step.

    `at` is the column of `rows` with the places on the axis, `actuals_at` are those of `actuals`.
    """
    add_band(figure, rows, "95", BAND_95, view.text("legend.95"), at=at)
    add_band(figure, rows, "80", BAND_80, view.text("legend.80"), at=at)
    figure.add_trace(
        go.Scatter(
            x=rows[at],
            y=rows["prediction"],
            name=view.text("legend.forecast"),
            mode="lines+markers" if marked else "lines",
            line={"color": ACCENT, "width": 2.5},
            marker={"size": 6},
            connectgaps=False,
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=actuals_at,
            y=actuals,
            name=view.text("legend.actual"),
            mode="lines+markers",
            line={"color": INK, "width": 1.8},
            marker={"size": 4.5},
            connectgaps=False,
            hoverinfo="skip",
        )
    )


def add_strips(
    figure: go.Figure, view: View, spans: Sequence[tuple[pd.Timestamp, pd.Timestamp]]
) -> None:
    """Grey strips where data should have arrived and did not, and their meaning in the legend."""
    for begin, end in spans:
        figure.add_vrect(x0=begin, x1=end, fillcolor=ABSENT, line_width=0, layer="below")
    if spans:
        figure.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                name=view.text("absent"),
                mode="markers",
                marker={"color": ABSENT, "size": 12, "symbol": "square"},
                hoverinfo="skip",
            )
        )


def add_moment(figure: go.Figure, at: pd.Timestamp) -> None:
    """A dotted vertical line at the moment a forecast was made."""
    figure.add_vline(x=at, line={"color": MUTED, "width": 1, "dash": "dot"})


def add_diagonal(figure: go.Figure, top: float, name: str) -> None:
    """The dotted line on which predicted and actual are equal."""
    figure.add_trace(
        go.Scatter(
            x=[0, top],
            y=[0, top],
            name=name,
            mode="lines",
            line={"color": MUTED, "width": 1.2, "dash": "dot"},
            hoverinfo="skip",
        )
    )


def add_hovers(figure: go.Figure, view: View, points: Sequence[Point]) -> None:
    """One text for each point, on an unseen trace: when, the forecast, the actual."""
    heights = [
        point.actual if point.forecast is None else point.forecast.prediction for point in points
    ]
    figure.add_trace(
        go.Scatter(
            x=[point.at for point in points],
            y=[0.0 if is_missing(height) else height for height in heights],
            text=[_hover(view, point) for point in points],
            hoverinfo="text",
            mode="markers",
            marker={"size": 14, "opacity": 0},
            showlegend=False,
            name="",
        )
    )


def _hover(view: View, point: Point) -> str:
    lines = [f"<b>{point.title}</b>"]
    if point.forecast is not None:
        level = f" ({point.level})" if point.level else ""
        prediction = view.number(point.forecast.prediction)
        lines.append(f"{view.text('legend.forecast')}{view.colon}{prediction}{level}")
        for share in ("80", "95"):
            lines.append(
                view.text(
                    "hover.between",
                    share=view.percent(int(share) / 100),
                    lower=view.number(getattr(point.forecast, f"lower_{share}")),
                    upper=view.number(getattr(point.forecast, f"upper_{share}")),
                )
            )
    if not is_missing(point.actual):
        lines.append(f"{view.text('legend.actual')}{view.colon}{view.number(point.actual)}")
    elif point.is_absent:
        lines.append(view.text("absent"))
    return "<br>".join(lines)
