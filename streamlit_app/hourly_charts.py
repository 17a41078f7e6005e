"""The charts of hourly flows: a counter's two days, its errors by horizon, and the map of counters.

They look as those of `charts.py` do. Hours are drawn where they lie in UTC and named on the local
clock, so that a day of 23 or 25 hours has as many.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from streamlit_app import charts
from streamlit_app.formats import (
    Language,
    capitalised,
    hour_span,
    is_missing,
    local_day,
    long_day,
    number,
    percent,
    short_day,
)
from streamlit_app.texts import Say


class Look(NamedTuple):
    """How a level is drawn: colour, shape and size tell it, each without the others."""

    colour: str
    symbol: str
    size: float


# From the best to the worst. The colours differ in lightness too, and without red against green.
LEVELS: dict[str, Look] = {
    "fluid": Look("#8bb8de", "circle", 10),
    "dense": Look("#e0a800", "square", 12),
    "saturated": Look("#c2410c", "triangle-up", 15),
    "blocked": Look("#4a0d1f", "x", 15),
}
NO_LEVEL = Look(charts.MUTED, "circle-open", 9)

# Up to so many counters are named on the map; beyond, names would hide one another.
NAMED = 15
# Beyond so many, marks are drawn smaller.
CROWDED = 100
_KM_PER_DEGREE = 111.2
_GRID_KM = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_MAP_HEIGHT = {False: 480, True: 600}
_HALF_HOUR = pd.Timedelta(minutes=30)
_TICK_HOURS = 6


def level_name(level: object, say: Say) -> str:
    """The word for a level; for none, that it is unknown."""
    return say(f"level.{level if isinstance(level, str) else 'none'}")


def two_days(
    came: pd.Series,
    issue: pd.DataFrame,
    *,
    issued_at: datetime,
    absent: Sequence[pd.Timestamp],
    timezone: str,
    language: Language,
    say: Say,
) -> go.Figure:
    """What came before and after the issue, and the issue with its bands and expected levels.

    `came` is indexed by the end of every hour shown, NaN where there is no reading; `issue` has
    traffic_data.HOUR_COLUMNS. The hours of `absent` are marked.
    """
    figure = go.Figure()
    rows = issue.assign(x=_middle(issue["target_at"]))
    charts.add_band(figure, rows, "95", charts.BAND_95, say("legend.95"), at="x")
    charts.add_band(figure, rows, "80", charts.BAND_80, say("legend.80"), at="x")
    hours = _middle(came.index.to_series())
    for x, y, name, colour, width in (
        (rows["x"], rows["prediction"], say("legend.forecast"), charts.ACCENT, 2.5),
        (hours, came, say("legend.actual"), charts.INK, 1.8),
    ):
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                name=name,
                mode="lines" if colour == charts.ACCENT else "lines+markers",
                line={"color": colour, "width": width},
                marker={"size": 4.5},
                connectgaps=False,
                hoverinfo="skip",
            )
        )
    for level, look in LEVELS.items():
        chosen = rows[rows["level"] == level]
        if not chosen.empty:
            figure.add_trace(
                go.Scatter(
                    x=chosen["x"],
                    y=chosen["prediction"],
                    name=capitalised(say(f"level.{level}")),
                    mode="markers",
                    marker=_marker(look, 0.75),
                    hoverinfo="skip",
                )
            )
    for hour in absent:
        end = _naive(hour)
        charts.add_strip(figure, end - 2 * _HALF_HOUR, end)
    if absent:
        charts.name_strips(figure, say)
    _add_hours(figure, came, rows, absent, timezone, language, say)
    figure.add_vline(
        x=_naive(pd.Timestamp(issued_at)), line={"color": charts.MUTED, "width": 1, "dash": "dot"}
    )
    legend = {**charts.LEGEND, "entrywidth": 112}
    figure.update_layout(**charts.look(language), height=430, legend=legend, hovermode="x")
    first, last = _naive(came.index[0]) - 2 * _HALF_HOUR, _naive(came.index[-1])
    places, names = _ticks(came.index, timezone, language)
    figure.update_xaxes(
        range=[first, last],
        tickvals=places,
        ticktext=names,
        tickangle=0,
        tickfont={"size": 11},
        showgrid=True,
        gridcolor=charts.GRID,
        fixedrange=True,
        automargin=True,
    )
    _count_axis(figure, say("axis"))
    return figure


def errors_ahead(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """The mean error by hours ahead, against those of the two simple rules.

    `rows` has traffic_data.ERROR_COLUMNS, in order of the horizon.
    """
    figure = go.Figure()
    for column, colour, dash, symbol in (
        ("mae", charts.ACCENT, "solid", "circle"),
        ("persistence_mae", charts.WARNING, "dash", "square"),
        ("week_before_mae", charts.MUTED, "dot", "diamond"),
    ):
        if rows[column].isna().all():
            continue
        figure.add_trace(
            go.Scatter(
                x=rows["horizon"],
                y=rows[column],
                name=say(f"errors.{column}"),
                mode="lines+markers",
                line={"color": colour, "width": 2.2, "dash": dash},
                marker={"size": 6, "symbol": symbol},
                connectgaps=False,
                hovertemplate=f"%{{y:,.0f}}<extra>{say(f'errors.{column}')}</extra>",
            )
        )
    legend = {**charts.LEGEND, "entrywidth": 190}
    figure.update_layout(
        **charts.look(language), height=300, legend=legend, hovermode="x unified", showlegend=True
    )
    figure.update_xaxes(
        title={"text": say("column.horizon"), "font": {"size": 12, "color": charts.MUTED}},
        tickvals=[1, 3, 6, 9, 12, 15, 18, 21, 24],
        gridcolor=charts.GRID,
        fixedrange=True,
        automargin=True,
    )
    _count_axis(figure, say("errors.axis"))
    return figure


def counter_map(
    rows: pd.DataFrame, chosen: str, *, language: Language, say: Say
) -> tuple[go.Figure, float]:
    """The counters where they lie, north up, each by its level; and the grid's width in km.

    `rows` has centre_id, label, latitude, longitude, level and `words`, what is told when pointed
    at. No map lies beneath: its tiles would come from a server that not every reader reaches.
    """
    figure = go.Figure()
    flat = math.cos(math.radians(rows["latitude"].mean()))
    rows = rows.assign(x=rows["longitude"] * flat, y=rows["latitude"])
    size = 0.7 if len(rows) > CROWDED else 1.0
    # The worst last, that is on top.
    for level, look in {"none": NO_LEVEL, **LEVELS}.items():
        part = rows[rows["level"].isna() if level == "none" else rows["level"] == level]
        if level == "none" and part.empty:
            continue
        named = len(rows) <= NAMED
        figure.add_trace(
            go.Scatter(
                x=part["x"] if len(part) else [None],
                y=part["y"] if len(part) else [None],
                name=f"{capitalised(say(f'level.{level}'))} ({number(len(part), language)})",
                mode="markers+text" if named else "markers",
                text=[_short(label) for label in part["label"]] if named else None,
                textposition="top center",
                textfont={"size": 11, "color": charts.INK},
                cliponaxis=False,
                marker=_marker(look, size),
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                customdata=part[["centre_id"]],
                hovertext=part["words"],
                hoverinfo="text",
            )
        )
    own = rows[rows["centre_id"] == chosen]
    figure.add_trace(
        go.Scatter(
            x=own["x"],
            y=own["y"],
            mode="markers",
            marker={
                "size": 26,
                "symbol": "circle-open",
                "color": charts.INK,
                "line": {"width": 2.5},
            },
            unselected={"marker": {"opacity": 1}},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    wide = max(rows["x"].max() - rows["x"].min(), 0.005)
    high = max(rows["y"].max() - rows["y"].min(), 0.005)
    grid = next(
        (km for km in _GRID_KM if max(wide, high) * _KM_PER_DEGREE / km <= 10), _GRID_KM[-1]
    )
    legend = {**charts.LEGEND, "entrywidth": 112}
    figure.update_layout(
        **charts.look(language),
        height=_MAP_HEIGHT[len(rows) > CROWDED],
        legend=legend,
        hovermode="closest",
    )
    lines: dict[str, Any] = {
        "dtick": grid / _KM_PER_DEGREE,
        "showticklabels": False,
        "gridcolor": charts.GRID,
        "zeroline": False,
        "fixedrange": True,
    }
    figure.update_xaxes(range=_around(rows["x"], wide, 0.14), **lines)
    figure.update_yaxes(range=_around(rows["y"], high, 0.08), scaleanchor="x", **lines)
    return figure, grid


def _around(values: pd.Series, extent: float, margin: float) -> list[float]:
    middle = (values.max() + values.min()) / 2
    half = extent * (0.5 + margin)
    return [middle - half, middle + half]


def _short(label: str, longest: int = 20) -> str:
    return html.escape(label if len(label) <= longest else f"{label[: longest - 1].rstrip()}…")


def _marker(look: Look, scale: float) -> dict[str, Any]:
    return {
        "color": look.colour,
        "symbol": look.symbol,
        "size": look.size * scale,
        "opacity": 1,
        "line": {"width": 2 if look.symbol.endswith("-open") else 0.8, "color": look.colour}
        if look.symbol.endswith("-open")
        else {"width": 0.8, "color": "#ffffff"},
    }


def _naive(end: pd.Timestamp) -> pd.Timestamp:
    """UTC without a zone, as Plotly draws it unchanged."""
    return end.tz_convert("UTC").tz_localize(None)


def _middle(ends: pd.Series) -> pd.Series:
    """Where an hour is drawn: in its middle, so that the issue stands between two of them."""
    return ends.dt.tz_convert("UTC").dt.tz_localize(None) - _HALF_HOUR


def _ticks(
    ends: pd.Index, timezone: str, language: Language
) -> tuple[list[pd.Timestamp], list[str]]:
    """Every sixth hour of the local clock, with the day at midnight."""
    places, names = [], []
    for end in ends:
        local = end.tz_convert(ZoneInfo(timezone))
        if local.hour % _TICK_HOURS == 0:
            places.append(_naive(end))
            day = short_day(local.date(), language)
            names.append(f"{local:%H:%M}<br>{day}" if local.hour == 0 else f"{local:%H:%M}")
    return places, names


def _add_hours(
    figure: go.Figure,
    came: pd.Series,
    rows: pd.DataFrame,
    absent: Sequence[pd.Timestamp],
    timezone: str,
    language: Language,
    say: Say,
) -> None:
    """One text for each hour, on an unseen trace: when, what was said, what came."""
    said: dict[Any, Any] = {row.target_at: row for row in rows.itertuples()}
    colon = charts.colon(language)
    heights, words = [], []
    for end, value in zip(came.index, came.to_list(), strict=True):
        forecast = said.get(end)
        day = capitalised(long_day(local_day(end, timezone), language))
        lines = [f"<b>{day}, {hour_span(end, language, timezone)}</b>"]
        height = value
        if forecast is not None:
            height = forecast.prediction
            lines.append(
                f"{say('legend.forecast')}{colon}{number(height, language)}"
                f" ({level_name(forecast.level, say)})"
            )
            for share in ("80", "95"):
                lines.append(
                    say(
                        "hover.between",
                        share=percent(int(share) / 100, language),
                        lower=number(getattr(forecast, f"lower_{share}"), language),
                        upper=number(getattr(forecast, f"upper_{share}"), language),
                    )
                )
        if not is_missing(value):
            lines.append(f"{say('legend.actual')}{colon}{number(value, language)}")
        elif end in absent:
            lines.append(say("came.missing"))
        heights.append(0.0 if is_missing(height) else height)
        words.append("<br>".join(lines))
    figure.add_trace(
        go.Scatter(
            x=_middle(came.index.to_series()),
            y=heights,
            text=words,
            hoverinfo="text",
            mode="markers",
            marker={"size": 14, "opacity": 0},
            showlegend=False,
            name="",
        )
    )


def _count_axis(figure: go.Figure, title: str) -> None:
    figure.update_yaxes(
        title={"text": title, "font": {"size": 12, "color": charts.MUTED}},
        rangemode="tozero",
        tickformat=",.0f",
        gridcolor=charts.GRID,
        zerolinecolor=charts.GRID,
        fixedrange=True,
        automargin=True,
    )
