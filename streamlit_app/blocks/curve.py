"""One issue as a curve, a table and files; a page of hours hands over a figure of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from streamlit_app.blocks import layout
from streamlit_app.blocks.issue import Issue
from streamlit_app.blocks.layout import literal
from streamlit_app.charts import daily
from streamlit_app.formats import capitalised
from streamlit_app.view import View

_NUMBERS = ("prediction", "lower_80", "upper_80", "lower_95", "upper_95", "actual")

# How cells of a table that have no number are filled: which rows, the column, the text.
Exceptions = Sequence[tuple[pd.Series, str, str]]


def curve(issue: Issue, absent: Sequence[pd.Timestamp] | None = None) -> None:
    """The issue with the actuals around it, and its table and files.

    `absent` are the days to mark as missing; by default those whose actuals are overdue.
    """
    view, days = issue.view, issue.absent_days() if absent is None else list(absent)
    layout.heading(view.text("curve"))
    figure = daily.forecast_curve(
        view,
        issue.history,
        issue.rows,
        issued_on=issue.issued_on,
        absent=days,
        capacity=issue.centre.capacity,
    )
    made = view.long_day(issue.issued_on, year=True)
    title = draw_issue(view, figure, issue.rows, issue.centre.label, made, has_gaps=bool(days))
    forecast_table(issue, issue.rows, key="issue", alt=title)
    name = f"{issue.series.file_stem}_{issue.centre.centre_id}_{issue.issued_on.isoformat()}"
    layout.downloads(view, issue.rows, name=name, key="issue")


def draw_issue(
    view: View, figure: go.Figure, rows: pd.DataFrame, label: str, made: str, *, has_gaps: bool
) -> str:
    """The chart of an issue and its caption. Returns the title of the table, shown below it.

    `made` is when the issue was made, in words; `has_gaps` is whether the chart has grey strips.
    """
    low, high = view.number(rows["prediction"].min()), view.number(rows["prediction"].max())
    alt = view.text("curve.alt", centre=label, low=low, high=high)
    layout.chart(figure, key="curve", alt=alt)
    gaps = view.text("curve.missing") if has_gaps else ""
    st.caption(view.text("curve.caption", day=made) + gaps)
    title = view.text("table", day=made, centre=label)
    if not rows.empty:
        st.markdown(f"**{literal(title)}**")
    return title


def forecast_table(issue: Issue, rows: pd.DataFrame, *, key: str, alt: str) -> None:
    """A table of daily forecasts; days without actuals say whether these are overdue."""
    view = issue.view
    due = pd.Series([issue.is_due(day.date()) for day in rows["date"]], rows.index, dtype=bool)
    shown = {"date": lambda day: capitalised(view.short_day(day.date(), year=True))}
    numbers_table(view, rows, key=f"{key}.table", alt=alt, due=due, shown=shown)


def numbers_table(
    view: View,
    rows: pd.DataFrame,
    *,
    key: str,
    alt: str,
    due: pd.Series,
    shown: dict[str, Callable[[Any], str]],
    exceptions: Exceptions = (),
) -> None:
    """A table of forecasts with whole numbers; rows without actuals say whether these are `due`."""
    absent = rows["actual"].isna()
    layout.table(
        view,
        rows,
        key=key,
        alt=alt,
        shown={
            **dict.fromkeys(_NUMBERS, view.number),
            "issued_at": lambda at: f"{at:%Y-%m-%d %H:%M}",
            **shown,
        },
        exceptions=[
            (absent & due, "actual", view.text("absent_short")),
            (absent & ~due, "actual", view.text("table.later")),
            *exceptions,
        ],
    )
