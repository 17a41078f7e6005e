"""The charts of deliveries: predicted against actual days, late rates, and risks.

What they share with all charts is in `charts/drawing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from streamlit_app.chance import FEW, wilson
from streamlit_app.charts import drawing
from streamlit_app.formats import capitalised
from streamlit_app.frames import each_row
from streamlit_app.pages_.deliveries.data import NEARLY_ALL
from streamlit_app.view import View

_HEIGHT = 320
# At most so many dates are named on an axis.
_TICKS = 6


def predicted_against_actual(view: View, rows: pd.DataFrame) -> go.Figure:
    """Mean predicted and mean actual days, a mark for each part of the orders, and the mean range.

    `rows` has TENTH_COLUMNS. On the diagonal the prediction is right on average.
    """
    figure = go.Figure()
    top = 1.05 * max([*rows["said_to"], *rows["real_days"]], default=1.0)
    band = rows.rename(columns={"said_from": "lower_80", "said_to": "upper_80"})
    name = view.text("outcomes.band")
    drawing.add_band(figure, band, "80", drawing.BAND_95, name, at="said_days")
    drawing.add_diagonal(figure, top, view.text("outcomes.diagonal"))
    words = [_part_words(view, row) for row in each_row(rows)]
    actual = view.text("outcomes.actual")
    figure.add_trace(_marks(rows, "said_days", "real_days", actual, words))
    figure.update_xaxes(
        title=drawing.title(view.text("outcomes.axis.predicted")),
        range=[0, 1.05 * max(rows["said_days"])],
    )
    title = drawing.title(view.text("outcomes.axis.actual"))
    figure.update_yaxes(title=title, rangemode="tozero")
    return laid_out(figure, view)


def _part_words(view: View, row: Any) -> str:
    return view.text(
        "outcomes.hover",
        predicted=view.duration(row.said_days),
        low=view.duration(row.said_from),
        high=view.duration(row.said_to),
        actual=view.duration(row.real_days),
        share=view.percent(row.coverage_80),
        n=view.number(row.orders),
    )


def late_rates(view: View, rows: pd.DataFrame, step: str) -> go.Figure:
    """The late rate by week or month of placing, and below it the deliveries behind it.

    `rows` has RATE_COLUMNS.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06
    )
    words = [_rate_words(view, row, step) for row in each_row(rows)]
    rate, delivered = view.text("rates.late"), view.text("rates.delivered")
    add_rates(figure, rows, "begins", rate, words, row=1, col=1)
    pale = (rows["delivered"] < FEW) | unfinished(rows)
    figure.add_trace(
        go.Bar(
            x=rows["begins"],
            y=rows["delivered"],
            name=delivered,
            marker={"color": [drawing.BAND_80 if few else drawing.ACCENT for few in pale]},
            hovertext=words,
            hoverinfo="text",
        ),
        row=2,
        col=1,
    )
    shown = rows["begins"].iloc[:: max(1, -(-len(rows) // _TICKS))]
    figure.update_xaxes(
        tickvals=list(shown),
        ticktext=[
            view.short_month(day.date())
            if step == "month"
            else view.short_day(day.date(), weekday=False)
            for day in shown
        ],
    )
    figure.update_yaxes(title=drawing.title(rate), tickformat=".0%", row=1, col=1)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(title=drawing.title(delivered), nticks=3, row=2, col=1)
    return laid_out(figure, view).update_layout(showlegend=False, bargap=0.35)


def _rate_words(view: View, row: Any, step: str) -> str:
    return view.text(
        "rates.hover",
        when=_step_name(view, row.begins.date(), step),
        share=view.percent(row.late_rate, 1),
        late=view.number(row.late),
        n=view.number(row.delivered),
        all=view.number(row.orders),
    )


def _step_name(view: View, begins: date, step: str) -> str:
    """A step of time in words: "Week of 3 Nov" or "November 2026"."""
    if step == "month":
        return capitalised(view.long_month(begins))
    return view.text("rates.week", day=view.short_day(begins, weekday=False))


def add_rates(
    figure: go.Figure,
    rows: pd.DataFrame,
    at: str,
    name: str,
    words: Sequence[str],
    *,
    colour: str = drawing.ACCENT,
    dash: str = "solid",
    symbol: str = "circle",
    group: str | None = None,
    **place: int,
) -> None:
    """Late rates over time: settled ones as a line, the others as empty marks; few are pale.

    No line leads to a rate that is not settled: it would be read as a fall.
    """
    open_ones = unfinished(rows)
    for chosen, mode, drawn in (
        (~open_ones, "lines+markers", symbol),
        (open_ones, "markers", f"{symbol}-open"),
    ):
        figure.add_trace(
            go.Scatter(
                x=rows[at],
                y=rows["late_rate"].where(chosen),
                name=name,
                legendgroup=group,
                showlegend=mode == "lines+markers",
                mode=mode,
                line={"color": colour, "width": 2, "dash": dash},
                marker={
                    "size": 9,
                    "symbol": drawn,
                    "color": colour,
                    "opacity": drawing.opacities(rows["delivered"] < FEW),
                },
                connectgaps=False,
                hovertext=words,
                hoverinfo="text",
            ),
            **place,
        )


def unfinished(rows: pd.DataFrame) -> pd.Series:
    """Which steps of time have so many orders in transit that their late rate is not settled."""
    return rows["delivered"] < NEARLY_ALL * rows["orders"]


def risk_against_actual(view: View, rows: pd.DataFrame) -> go.Figure:
    """The share of orders that were late, by predicted risk; with what chance may do.

    `rows` has BUCKET_COLUMNS. The bars are Wilson's 95 % intervals.
    """
    figure = go.Figure()
    bounds = [wilson(row.late, row.orders) for row in each_row(rows)]
    top = min(1.0, 1.1 * max([*rows["said_late"], *(high for _, high in bounds)], default=1.0))
    drawing.add_diagonal(figure, top, view.text("outcomes.diagonal"))
    words = [
        view.text(
            "risk.hover",
            range=bucket_name(view, row.bucket),
            share=view.percent(row.late_rate, 1),
            n=view.number(row.orders),
        )
        for row in each_row(rows)
    ]
    marks = _marks(rows, "said_late", "late_rate", view.text("risk.late"), words)
    figure.add_trace(marks.update(error_y=_intervals(rows["late_rate"], bounds)))
    axis = {"tickformat": ".0%", "range": [0, top]}
    figure.update_xaxes(title=drawing.title(view.text("risk.axis.predicted")), **axis)
    figure.update_yaxes(title=drawing.title(view.text("risk.axis.actual")), **axis)
    return laid_out(figure, view)


def bucket_name(view: View, bucket: int) -> str:
    """ "20–30%" or "20–30 %"."""
    return f"{10 * bucket}–{view.percent((bucket + 1) / 10)}"


def laid_out(figure: go.Figure, view: View) -> go.Figure:
    """The figure with the layout that the charts of deliveries have in common."""
    look = drawing.look(view, height=_HEIGHT, entry_width=130)
    figure.update_layout(**look, hovermode="closest")
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(**drawing.AXIS)
    return figure


def _marks(rows: pd.DataFrame, x: str, y: str, name: str, words: Sequence[str]) -> go.Scatter:
    """A mark for each row; those of few orders are pale."""
    few = drawing.opacities(rows["orders"] < FEW)
    return go.Scatter(
        x=rows[x],
        y=rows[y],
        name=name,
        mode="markers",
        marker={"color": drawing.ACCENT, "size": 10, "opacity": few},
        hovertext=list(words),
        hoverinfo="text",
    )


def _intervals(rates: pd.Series, bounds: Sequence[tuple[float, float]]) -> dict[str, Any]:
    pairs = list(zip(bounds, rates, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - rate for (_, high), rate in pairs],
        "arrayminus": [rate - low for (low, _), rate in pairs],
        "color": drawing.MUTED,
        "thickness": 1.2,
        "width": 4,
    }
