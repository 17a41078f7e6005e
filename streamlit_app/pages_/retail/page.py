"""Retail: the sales forecast of a country, its closed days, its returns and the model leaderboard.

What only this page reads is in `data.py`; what it shares with those of other daily flows is in
`blocks/`.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from streamlit_app.blocks import compare, curve, first_days, held, layout, why
from streamlit_app.blocks.issue import Issue, chosen_issue
from streamlit_app.data import series
from streamlit_app.data.series import COMPARED_DAYS
from streamlit_app.formats import capitalised, is_missing
from streamlit_app.pages_.retail import data
from streamlit_app.view import View

FLOW = "retail"
MEASURES = ("quantity", "invoices", "revenue")


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    layout.head(view)
    issue = chosen_issue(view, FLOW, MEASURES, largest_first=True)
    if issue is None:
        return
    closed = data.closed_days(issue.first_day, issue.last_day)
    first_days.first_day(issue)
    why.why(issue)
    curve.curve(issue, [day for day in closed["day"] if is_missing(issue.history.get(day))])
    _closed(issue.view, closed)
    compare.compare(issue)
    held.held(issue.view, issue.series, issue.listed, issue.centre)
    _returns(issue)
    _leaderboard(issue)


def _closed(view: View, closed: pd.DataFrame) -> None:
    """The days without trade among those shown, each with its reason."""
    with st.expander(view.text("closed"), expanded=False):
        st.caption(view.text("closed.note"))
        if closed.empty:
            st.markdown(view.text("closed.none"))
            return
        layout.table(
            view,
            closed[["day", "reason"]],
            key="closed.table",
            alt=view.text("closed"),
            shown={"day": lambda day: capitalised(view.long_day(day.date(), year=True))},
        )


def _returns(issue: Issue) -> None:
    """The share of sales that was returned, in pieces and in revenue."""
    view, last = issue.view, issue.last_actual
    layout.heading(view.text("returns"))
    found = None if last is None else data.returns(issue.centre.centre_id, last)
    if last is None or found is None or not found["quantity"] > 0:
        st.info(view.text("returns.none"))
        return
    dates = {
        "first": view.long_day(last - timedelta(days=COMPARED_DAYS - 1)),
        "last": view.long_day(last, year=True),
    }
    boxes = [
        layout.tile(
            view.text(f"returns.{measure}"),
            view.percent(found[f"returned_{measure}"] / found[measure], 1),
            view.text(
                "returns.body",
                returned=view.number(found[f"returned_{measure}"]),
                sold=view.number(found[measure]),
                **dates,
            ),
        )
        for measure in ("quantity", "revenue")
    ]
    layout.tiles(boxes, view.text("returns"))


def _leaderboard(issue: Issue) -> None:
    """The candidates of the month of the issue, by their errors before it."""
    view = issue.view
    layout.heading(view.text("leaderboard"))
    rows = series.leaderboard(*issue.series, issue.issued_on)
    if rows.empty:
        st.info(view.text("leaderboard.none"))
        return
    month = rows["month"].iloc[0].date()
    st.caption(view.text("leaderboard.body", month=view.long_month(month)))
    shown = rows.drop(columns="month")
    formats: layout.Formats = {
        "candidate": lambda name: view.name("candidate", name),
        **layout.decimals(view, ("mase",), 3),
        **layout.decimals(view, ("rmse", "mae")),
        **dict.fromkeys(("mape", "coverage_80"), lambda value: view.percent(value, 1)),
        "is_champion": lambda chosen: view.text("champion") if chosen else "",
    }
    alt, name = view.text("leaderboard"), f"leaderboard_{issue.series.measure}_{month:%Y-%m}"
    layout.table_with_files(view, shown, key="leaderboard", alt=alt, shown=formats, name=name)


show(layout.view_of(FLOW))
