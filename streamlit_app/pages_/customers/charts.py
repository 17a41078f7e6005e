"""The charts of groups of customers: compared by one measure, late rates, and the number of groups.

What they share with the charts of deliveries is in `pages_/deliveries/charts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from streamlit_app.charts import drawing
from streamlit_app.formats import capitalised, is_missing
from streamlit_app.frames import each_row
from streamlit_app.pages_.deliveries.charts import add_rates, laid_out
from streamlit_app.view import View

# At most so many months are named on an axis.
_TICKS = 6
# The lines of groups differ in shape and dash as well as in colour.
_LINES = (
    (drawing.ACCENT, "solid", "circle"),
    (drawing.WARNING, "dash", "square"),
    (drawing.INK, "dot", "diamond"),
    ("#2f7d5b", "dashdot", "triangle-up"),
    ("#8a3f86", "longdash", "cross"),
    ("#0f7b8a", "solid", "x"),
    ("#b3261e", "dash", "triangle-down"),
    (drawing.MUTED, "dot", "star"),
)


def bars(
    view: View, names: Sequence[str], values: Sequence[float], texts: Sequence[str]
) -> go.Figure:
    """One bar a group, the first on top, each with its figure next to it."""
    figure = go.Figure(
        go.Bar(
            y=list(names),
            x=list(values),
            text=list(texts),
            orientation="h",
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 13, "color": drawing.INK},
            marker={"color": drawing.ACCENT},
            hoverinfo="skip",
        )
    )
    top = max((value for value in values if not is_missing(value)), default=1.0)
    figure.update_xaxes(visible=False, range=[0, 1.6 * top or 1.0])
    figure.update_yaxes(autorange="reversed", type="category")
    figure = laid_out(figure, view)
    figure.update_yaxes(showgrid=False)
    return figure.update_layout(height=70 + 42 * len(names), showlegend=False, bargap=0.35)


def late_rates(view: View, rows: pd.DataFrame, names: Mapping[str, str]) -> go.Figure:
    """The late rate of each group by month of placing; months of few deliveries are pale, and those
    that are not settled are empty and apart.

    `rows` has EXPERIENCE_COLUMNS; `names` are the groups in their order.
    """
    figure = go.Figure()
    for (group, name), (colour, dash, symbol) in zip(names.items(), _LINES, strict=False):
        part = rows[rows["segment"] == group]
        if part.empty:
            continue
        words = [
            view.text(
                "served.hover",
                segment=name,
                month=capitalised(view.long_month(row.month.date())),
                share=view.percent(row.late_rate, 1),
                n=view.number(row.delivered),
            )
            for row in each_row(part)
        ]
        add_rates(
            figure, part, "month", name, words, colour=colour, dash=dash, symbol=symbol, group=group
        )
    months = sorted(set(rows["month"]))
    shown = months[:: max(1, -(-len(months) // _TICKS))]
    figure.update_xaxes(
        tickvals=shown, ticktext=[view.short_month(month.date()) for month in shown]
    )
    title = drawing.title(view.text("rates.late"))
    figure.update_yaxes(title=title, tickformat=".0%", rangemode="tozero")
    return laid_out(figure, view)


def choices_of_k(view: View, rows: pd.DataFrame) -> go.Figure:
    """Silhouette and stability by the number of groups; `rows` has CHOICE_COLUMNS."""
    figure = go.Figure()
    for column, (colour, dash, symbol) in zip(("silhouette", "stability"), _LINES, strict=False):
        figure.add_trace(
            go.Scatter(
                x=rows["k"],
                y=rows[column],
                name=view.text(f"column.{column}"),
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"size": 9, "symbol": symbol},
                hovertext=[view.number(value, 2) for value in rows[column]],
                hoverinfo="text",
            )
        )
    for k in rows.loc[rows["chosen"], "k"]:
        drawing.add_moment(figure, k)
    figure.update_xaxes(title=drawing.title(view.text("column.k")), dtick=1)
    figure.update_yaxes(rangemode="tozero")
    return laid_out(figure, view)
