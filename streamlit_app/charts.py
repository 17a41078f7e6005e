"""The charts, as Plotly figures made from frames; where they stand on a page is the page's matter.

Days and numbers on them are written in the reader's language here, because Plotly's own locales are
not loaded by Streamlit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.formats import (
    Language,
    capitalised,
    is_missing,
    long_day,
    number,
    percent,
    short_day,
)
from streamlit_app.texts import Say

ACCENT = "#1f5a96"
INK = "#1c2733"
MUTED = "#5b6875"
GRID = "#e3e8ec"
WARNING = "#b45309"
BAND_80 = "rgba(31, 90, 150, 0.30)"
BAND_95 = "rgba(31, 90, 150, 0.13)"
ABSENT = "rgba(91, 104, 117, 0.20)"

# Charts are read, not worked on: no tool bar, and a finger that scrolls the page does not zoom.
CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}

LEGEND: dict[str, Any] = {
    "orientation": "h",
    "y": 1.02,
    "yanchor": "bottom",
    "x": 0,
    "font": {"size": 12},
    "entrywidth": 124,
    "itemclick": False,
    "itemdoubleclick": False,
}

# Figures on more bars than these would run into each other on a phone.
_FIGURED_BARS = 14
_HALF_DAY = pd.Timedelta(hours=12)


def forecast_curve(
    history: pd.Series,
    issue: pd.DataFrame,
    *,
    issued_on: date,
    absent: Sequence[pd.Timestamp],
    capacity: float | None,
    language: Language,
    say: Say,
) -> go.Figure:
    """History up to the issue, then the forecast with its bands and what came since.

    `history` is indexed by every day from the first shown to the last target, NaN where there is no
    count; `issue` has data.FORECAST_COLUMNS. The days of `absent` are marked.
    """
    figure = go.Figure()
    add_band(figure, issue, "95", BAND_95, say("legend.95"))
    add_band(figure, issue, "80", BAND_80, say("legend.80"))
    figure.add_trace(
        go.Scatter(
            x=issue["date"],
            y=issue["prediction"],
            name=say("legend.forecast"),
            mode="lines+markers",
            line={"color": ACCENT, "width": 2.5},
            marker={"size": 6},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=history.index,
            y=history,
            name=say("legend.actual"),
            mode="lines+markers",
            line={"color": INK, "width": 1.8},
            marker={"size": 4.5},
            connectgaps=False,
            hoverinfo="skip",
        )
    )
    _mark_missing(figure, absent, say)
    _add_hover(figure, issue, history, absent, language, say)
    evening = pd.Timestamp(issued_on) + _HALF_DAY
    figure.add_vline(x=evening, line={"color": MUTED, "width": 1, "dash": "dot"})
    top = max([*history.dropna(), *issue["upper_95"].dropna()], default=0.0)
    if not is_missing(capacity) and capacity and capacity <= 1.5 * top:
        figure.add_trace(
            go.Scatter(
                x=[history.index[0], history.index[-1]],
                y=[capacity, capacity],
                name=say("legend.capacity"),
                mode="lines",
                line={"color": WARNING, "width": 1.3, "dash": "dash"},
                hoverinfo="skip",
            )
        )
    return _laid_out(figure, pd.DatetimeIndex(history.index), language, say)


def said_against_came(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """What was forecast at one horizon, its 80 % band, and what came; misses stand out by shape.

    `rows` has data.FORECAST_COLUMNS, at most one row a day, in order.
    """
    figure = go.Figure()
    days = pd.date_range(rows["date"].min(), rows["date"].max(), freq="D", unit="us")
    by_day = rows.set_index("date").reindex(days)
    by_day.index.name = "date"
    add_band(figure, by_day.reset_index(), "80", BAND_80, say("legend.80"))
    figure.add_trace(
        go.Scatter(
            x=days,
            y=by_day["prediction"],
            name=say("legend.forecast"),
            mode="lines",
            line={"color": ACCENT, "width": 2},
            connectgaps=False,
            hoverinfo="skip",
        )
    )
    outside = (by_day["actual"] < by_day["lower_80"]) | (by_day["actual"] > by_day["upper_80"])
    for chosen, name, marker in (
        (~outside, say("legend.actual"), {"color": INK, "size": 6, "symbol": "circle"}),
        (outside, say("legend.outside"), {"color": WARNING, "size": 9, "symbol": "diamond"}),
    ):
        figure.add_trace(
            go.Scatter(
                x=days,
                y=by_day["actual"].where(chosen),
                name=name,
                mode="markers",
                marker=marker,
                hoverinfo="skip",
            )
        )
    missing = list(by_day.index[by_day["actual"].isna() & by_day["prediction"].notna()])
    _mark_missing(figure, missing, say)
    _add_hover(figure, rows, by_day["actual"], missing, language, say)
    return _laid_out(figure, days, language, say)


def shares_held(
    names: Sequence[str],
    shares: Sequence[float],
    hovers: Sequence[str],
    few: Sequence[bool],
    *,
    promised: float,
    language: Language,
) -> go.Figure:
    """One bar a name: the share of forecasts whose range held, against the share promised.

    Bars of `few` forecasts are pale: they may stand far off by chance.
    """
    figure = go.Figure(
        go.Bar(
            x=list(names),
            y=list(shares),
            text=[number(share * 100, language) for share in shares]
            if len(names) <= _FIGURED_BARS
            else None,
            # At the foot, where the line of the promise does not cross them.
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
            constraintext="none",
            textfont={"size": 11, "color": [INK if pale else "#ffffff" for pale in few]},
            marker={"color": [BAND_80 if pale else ACCENT for pale in few]},
            hovertext=list(hovers),
            hoverinfo="text",
        )
    )
    figure.add_hline(y=promised, line={"color": WARNING, "width": 1.5, "dash": "dash"})
    figure.update_layout(**look(language), height=230, showlegend=False, bargap=0.2)
    figure.update_xaxes(type="category", fixedrange=True, automargin=True)
    levels = (0.0, 0.5, promised, 1.0)
    figure.update_yaxes(
        range=[0, 1.02],
        tickvals=levels,
        ticktext=[percent(level, language) for level in levels],
        gridcolor=GRID,
        zerolinecolor=GRID,
        fixedrange=True,
        automargin=True,
    )
    return figure


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


def _mark_missing(figure: go.Figure, days: Sequence[pd.Timestamp], say: Say) -> None:
    for day in days:
        add_strip(figure, day - _HALF_DAY, day + _HALF_DAY)
    if days:
        name_strips(figure, say)


def add_strip(figure: go.Figure, begin: pd.Timestamp, end: pd.Timestamp) -> None:
    """A grey strip: here something should have come, and did not."""
    figure.add_vrect(x0=begin, x1=end, fillcolor=ABSENT, line_width=0, layer="below")


def name_strips(figure: go.Figure, say: Say) -> None:
    """What the grey strips mean, in the legend."""
    figure.add_trace(
        go.Scatter(
            x=[None],
            y=[None],
            name=say("legend.missing"),
            mode="markers",
            marker={"color": ABSENT, "size": 12, "symbol": "square"},
            hoverinfo="skip",
        )
    )


def _add_hover(
    figure: go.Figure,
    rows: pd.DataFrame,
    came: pd.Series,
    missing: Sequence[pd.Timestamp],
    language: Language,
    say: Say,
) -> None:
    """One text for each day, on an unseen trace: the day, what was said, what came."""
    said: dict[Any, Any] = {row.date: row for row in rows.itertuples()}
    days, heights, words = [], [], []
    for day, value in zip(pd.DatetimeIndex(came.index), came.to_list(), strict=True):
        forecast = said.get(day)
        height = forecast.prediction if forecast is not None else value
        lines = [f"<b>{capitalised(long_day(day.date(), language))}</b>"]
        if forecast is not None:
            lines.append(f"{say('legend.forecast')}{colon(language)}{number(height, language)}")
            for level in ("80", "95"):
                lines.append(
                    say(
                        "hover.between",
                        share=percent(int(level) / 100, language),
                        lower=number(getattr(forecast, f"lower_{level}"), language),
                        upper=number(getattr(forecast, f"upper_{level}"), language),
                    )
                )
        if not is_missing(value):
            lines.append(f"{say('legend.actual')}{colon(language)}{number(value, language)}")
        elif day in missing:
            lines.append(say("came.missing"))
        days.append(day)
        heights.append(0.0 if is_missing(height) else height)
        words.append("<br>".join(lines))
    figure.add_trace(
        go.Scatter(
            x=days,
            y=heights,
            text=words,
            hoverinfo="text",
            mode="markers",
            marker={"size": 14, "opacity": 0},
            showlegend=False,
            name="",
        )
    )


def colon(language: Language) -> str:
    """What stands between a name and its number."""
    return "\u202f: " if language == "fr" else ": "


def look(language: Language) -> dict[str, Any]:
    """What all charts have in common."""
    return {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "separators": ",\u202f" if language == "fr" else ".,",
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK, "size": 13}, "align": "left"},
        "dragmode": False,
    }


def _laid_out(figure: go.Figure, days: pd.DatetimeIndex, language: Language, say: Say) -> go.Figure:
    mondays = [day for day in days if day.weekday() == 0]
    first, last = days[0] - timedelta(days=1), days[-1] + timedelta(days=1)
    figure.update_layout(
        **look(language),
        height=410,
        legend=LEGEND,
        hovermode="x",
    )
    figure.update_xaxes(
        range=[first, last],
        tickvals=mondays,
        ticktext=[short_day(day.date(), language, weekday=False) for day in mondays],
        showgrid=True,
        gridcolor=GRID,
        fixedrange=True,
        automargin=True,
    )
    figure.update_yaxes(
        title={"text": say("axis"), "font": {"size": 12, "color": MUTED}},
        rangemode="tozero",
        tickformat=",.0f",
        gridcolor=GRID,
        zerolinecolor=GRID,
        fixedrange=True,
        automargin=True,
    )
    return figure
