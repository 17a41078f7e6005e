"""The charts of one counter: two days with an issue between them, and its errors by horizon.

Hours are drawn at their place in UTC and named on the local clock, so that a day of 23 or 25 hours
has as many. The map of counters is in `counter_map.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.charts import drawing
from streamlit_app.formats import capitalised, local_day
from streamlit_app.frames import each_row
from streamlit_app.pages_.traffic.levels import LEVELS, level_name, marker
from streamlit_app.view import View

_HALF_HOUR = pd.Timedelta(minutes=30)
_TICK_HOURS = 6


def two_days(
    view: View,
    actuals: pd.Series,
    rows: pd.DataFrame,
    *,
    issued_at: datetime,
    absent: Sequence[pd.Timestamp],
    timezone: str,
) -> go.Figure:
    """The actuals before and after the issue, and the issue with its bands and forecast levels.

    `actuals` is indexed by the end of every hour shown, NaN where there is no reading; `rows` has
    HOUR_COLUMNS. The hours of `absent` are marked.
    """
    figure = go.Figure()
    rows = rows.assign(x=_middle(rows["target_at"]))
    hours = _middle(actuals.index.to_series())
    drawing.add_curves(figure, view, rows, actuals, at="x", actuals_at=hours, marked=False)
    _add_levels(figure, view, rows)
    ends = [_naive(hour) for hour in absent]
    drawing.add_strips(figure, view, [(end - 2 * _HALF_HOUR, end) for end in ends])
    drawing.add_hovers(figure, view, _points(view, actuals, rows, absent, timezone))
    drawing.add_moment(figure, _naive(pd.Timestamp(issued_at)))
    figure.update_layout(**drawing.look(view, height=430, entry_width=112), hovermode="x")
    places, names = hour_ticks(view, actuals.index, timezone)
    figure.update_xaxes(
        range=[_naive(actuals.index[0]) - 2 * _HALF_HOUR, _naive(actuals.index[-1])],
        tickvals=places,
        ticktext=names,
        tickangle=0,
        tickfont={"size": 11},
        showgrid=True,
        **drawing.AXIS,
    )
    drawing.count_axis(figure, capitalised(view.text("axis")))
    return figure


def errors_ahead(view: View, rows: pd.DataFrame) -> go.Figure:
    """The mean error by hours ahead, against those of the two simple rules.

    `rows` has ERROR_COLUMNS, in order of the horizon.
    """
    figure = go.Figure()
    for column, mark in (
        ("mae", (drawing.ACCENT, "solid", "circle")),
        ("persistence_mae", (drawing.WARNING, "dash", "square")),
        ("week_before_mae", (drawing.MUTED, "dot", "diamond")),
    ):
        if rows[column].isna().all():
            continue
        name = view.text(f"column.{column}")
        hover = f"%{{y:,.0f}}<extra>{name}</extra>"
        figure.add_trace(
            drawing.line_with_marks(rows["horizon"], rows[column], name, mark, hovertemplate=hover)
        )
    look = drawing.look(view, height=300, entry_width=190)
    figure.update_layout(**look, hovermode="x unified", showlegend=True)
    figure.update_xaxes(
        title=drawing.title(view.text("column.horizon")),
        tickvals=[1, 3, 6, 9, 12, 15, 18, 21, 24],
        **drawing.AXIS,
    )
    drawing.count_axis(figure, view.text("errors.axis"))
    return figure


def hour_ticks(view: View, ends: pd.Index, timezone: str) -> tuple[list[pd.Timestamp], list[str]]:
    """Every sixth hour of the local clock, with the day at midnight: places in UTC, and names."""
    places, names = [], []
    for end in ends:
        local = end.tz_convert(ZoneInfo(timezone))
        if local.hour % _TICK_HOURS == 0:
            places.append(_naive(end))
            day = f"<br>{view.short_day(local.date())}" if local.hour == 0 else ""
            names.append(f"{local:%H:%M}{day}")
    return places, names


def _add_levels(figure: go.Figure, view: View, rows: pd.DataFrame) -> None:
    """A mark for each hour, by its forecast level."""
    for level, look in LEVELS.items():
        chosen = rows[rows["level"] == level]
        if not chosen.empty:
            figure.add_trace(
                go.Scatter(
                    x=chosen["x"],
                    y=chosen["prediction"],
                    name=capitalised(view.text(f"level.{level}")),
                    mode="markers",
                    marker=marker(look, 0.75),
                    hoverinfo="skip",
                )
            )


def _points(
    view: View,
    actuals: pd.Series,
    rows: pd.DataFrame,
    absent: Sequence[pd.Timestamp],
    timezone: str,
) -> list[drawing.Point]:
    forecasts = {row.target_at: row for row in each_row(rows)}
    places = _middle(actuals.index.to_series())
    points = []
    for end, place, actual in zip(actuals.index, places, actuals.to_list(), strict=True):
        forecast = forecasts.get(end)
        day = capitalised(view.long_day(local_day(end, timezone)))
        level = "" if forecast is None else level_name(view, forecast.level)
        title = f"{day}, {view.hour_span(end, timezone)}"
        points.append(
            drawing.Point(place, title, forecast, actual, is_absent=end in absent, level=level)
        )
    return points


def _naive(end: pd.Timestamp) -> pd.Timestamp:
    """UTC without a zone, as Plotly draws it unchanged."""
    return end.tz_convert("UTC").tz_localize(None)


def _middle(ends: pd.Series) -> pd.Series:
    """Where an hour is drawn: in its middle, so that the issue is between two of them."""
    return ends.dt.tz_convert("UTC").dt.tz_localize(None) - _HALF_HOUR
