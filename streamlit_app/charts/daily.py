"""The charts of daily forecasts: one issue with the actuals around it, and forecast against actual.

How often the range held is drawn in `shares.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.charts import drawing
from streamlit_app.formats import capitalised, is_missing
from streamlit_app.frames import each_row
from streamlit_app.view import View

_HALF_DAY = pd.Timedelta(hours=12)


def forecast_curve(
    view: View,
    actuals: pd.Series,
    rows: pd.DataFrame,
    *,
    issued_on: date,
    absent: Sequence[pd.Timestamp],
    capacity: float | None,
) -> go.Figure:
    """The actuals before and after the issue, and the issue with its bands.

    `actuals` is indexed by every day from the first shown to the last target, NaN where there is
    none; `rows` has FORECAST_COLUMNS. The days of `absent` are marked.
    """
    figure = go.Figure()
    drawing.add_curves(
        figure, view, rows, actuals, at="date", actuals_at=actuals.index, marked=True
    )
    drawing.add_strips(figure, view, _spans(absent))
    drawing.add_hovers(figure, view, _points(view, rows, actuals, absent))
    drawing.add_moment(figure, pd.Timestamp(issued_on) + _HALF_DAY)
    top = max([*actuals.dropna(), *rows["upper_95"].dropna()], default=0.0)
    if not is_missing(capacity) and capacity and capacity <= 1.5 * top:
        figure.add_trace(
            go.Scatter(
                x=[actuals.index[0], actuals.index[-1]],
                y=[capacity, capacity],
                name=view.text("legend.capacity"),
                mode="lines",
                line={"color": drawing.WARNING, "width": 1.3, "dash": "dash"},
                hoverinfo="skip",
            )
        )
    return _laid_out(figure, view, pd.DatetimeIndex(actuals.index))


def forecast_against_actual(view: View, rows: pd.DataFrame) -> go.Figure:
    """The forecasts of one horizon, their 80 % band, and the actuals; misses differ in shape.

    `rows` has FORECAST_COLUMNS, at most one row a day, in order.
    """
    figure = go.Figure()
    days = pd.date_range(rows["date"].min(), rows["date"].max(), freq="D", unit="us")
    by_day = rows.set_index("date").reindex(days)
    by_day.index.name = "date"
    drawing.add_band(figure, by_day.reset_index(), "80", drawing.BAND_80, view.text("legend.80"))
    figure.add_trace(
        go.Scatter(
            x=days,
            y=by_day["prediction"],
            name=view.text("legend.forecast"),
            mode="lines",
            line={"color": drawing.ACCENT, "width": 2},
            connectgaps=False,
            hoverinfo="skip",
        )
    )
    outside = (by_day["actual"] < by_day["lower_80"]) | (by_day["actual"] > by_day["upper_80"])
    for chosen, name, marker in (
        (~outside, "legend.actual", {"color": drawing.INK, "size": 6, "symbol": "circle"}),
        (outside, "legend.outside", {"color": drawing.WARNING, "size": 9, "symbol": "diamond"}),
    ):
        figure.add_trace(
            go.Scatter(
                x=days,
                y=by_day["actual"].where(chosen),
                name=view.text(name),
                mode="markers",
                marker=marker,
                hoverinfo="skip",
            )
        )
    absent = list(by_day.index[by_day["actual"].isna() & by_day["prediction"].notna()])
    drawing.add_strips(figure, view, _spans(absent))
    drawing.add_hovers(figure, view, _points(view, rows, by_day["actual"], absent))
    return _laid_out(figure, view, days)


def _spans(days: Sequence[pd.Timestamp]) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    return [(day - _HALF_DAY, day + _HALF_DAY) for day in days]


def _points(
    view: View, rows: pd.DataFrame, actuals: pd.Series, absent: Sequence[pd.Timestamp]
) -> list[drawing.Point]:
    forecasts = {row.date: row for row in each_row(rows)}
    return [
        drawing.Point(
            day,
            capitalised(view.long_day(day.date())),
            forecasts.get(day),
            actual,
            is_absent=day in absent,
        )
        for day, actual in zip(pd.DatetimeIndex(actuals.index), actuals.to_list(), strict=True)
    ]


def _laid_out(figure: go.Figure, view: View, days: pd.DatetimeIndex) -> go.Figure:
    mondays = [day for day in days if day.weekday() == 0]
    figure.update_layout(**drawing.look(view, height=410), hovermode="x")
    figure.update_xaxes(
        range=[days[0] - timedelta(days=1), days[-1] + timedelta(days=1)],
        tickvals=mondays,
        ticktext=[view.short_day(day.date(), weekday=False) for day in mondays],
        showgrid=True,
        **drawing.AXIS,
    )
    drawing.count_axis(figure, capitalised(view.text("axis")))
    return figure
