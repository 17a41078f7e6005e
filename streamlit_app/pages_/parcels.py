"""Parcels: the forecast of a sorting centre, against last week and against capacity.

What the page shares with those of other daily flows is in `blocks/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby

import pandas as pd
import streamlit as st

from streamlit_app.blocks import compare, curve, first_days, held, layout, why
from streamlit_app.blocks.first_days import NEARLY_FULL
from streamlit_app.blocks.issue import Issue, chosen_issue
from streamlit_app.blocks.layout import literal
from streamlit_app.data import series
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.view import View

FLOW = "parcels"
MEASURES = ("parcels",)


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    layout.head(view)
    issue = chosen_issue(view, FLOW, MEASURES)
    if issue is None:
        return
    centre_id, tomorrow = issue.centre.centre_id, issue.issued_on + timedelta(days=1)
    known_days = series.calendar(FLOW, centre_id, tomorrow, issue.last_day)
    first_days.first_day(issue, [_change_tile(issue), _load_tile(issue)])
    first_days.next_days(issue, known_days)
    _tight_days(issue)
    _days_to_note(issue.view, known_days)
    why.why(issue)
    curve.curve(issue)
    figures = compare.compare(issue)
    held.held(issue.view, issue.series, issue.listed, issue.centre)
    held.how_sure(issue, figures)


def _change_tile(issue: Issue) -> str:
    """The first day against the actual of the same weekday before."""
    view, row = issue.view, issue.first_row
    before = row["date"] - pd.Timedelta(days=7)
    title = view.text("change.title", day=view.long_day(before.date()))
    actual = issue.history.get(before)
    if is_missing(actual):
        return layout.tile(title, MISSING, view.text("change.missing"))
    difference = row["prediction"] - actual
    shown = view.rounded(difference)
    signed = f"+{shown}" if difference > 0 and shown != "0" else shown
    share = view.percent(difference / actual, 1, signed=True) if actual else signed
    note = view.text("change.body", difference=signed, actual=view.rounded(actual))
    return layout.tile(title, share, note)


def _load_tile(issue: Issue) -> str:
    view, row, capacity = issue.view, issue.first_row, issue.centre.capacity
    if not capacity:
        return layout.tile(view.text("load.title"), MISSING, view.text("load.none"))
    share = row["prediction"] / capacity
    upper = view.percent(row["upper_80"] / capacity)
    return layout.tile(
        view.text("load.title"),
        view.percent(share),
        view.text("load.body", capacity=view.number(capacity), upper=upper),
        warn=share > NEARLY_FULL,
        bar=share,
    )


def _tight_days(issue: Issue) -> None:
    """Days on which capacity is short: expected, or possible."""
    view, rows, capacity = issue.view, issue.rows, issue.centre.capacity
    if not capacity:
        return
    expected, possible = rows["prediction"] / capacity, rows["upper_80"] / capacity
    for key, box, share, chosen in (
        ("tight", st.warning, expected, expected > NEARLY_FULL),
        (
            *("tight_possible", st.caption, possible),
            (possible > NEARLY_FULL) & (expected <= NEARLY_FULL),
        ),
    ):
        days = ", ".join(
            f"{view.short_day(day.date())} ({view.percent(part)})"
            for day, part in zip(rows.loc[chosen, "date"], share[chosen], strict=True)
        )
        if days:
            box(view.text(key, limit=view.percent(NEARLY_FULL), days=days))


def _days_to_note(view: View, known_days: pd.DataFrame) -> None:
    """Holidays, events, bridge days and school holidays ahead, runs of one name as a span."""
    lines = [
        (first, f"- {capitalised(when)}{view.colon}{what}")
        for first, when, what in _named_days(view, known_days)
    ]
    with st.container(key="days"):
        if not lines:
            st.caption(view.text("days.none"))
            return
        listed = "\n".join(line for _, line in sorted(lines))
        st.markdown(f"**{view.text('days')}**\n\n{listed}")


def _named_days(view: View, known_days: pd.DataFrame) -> Iterator[tuple[date, str, str]]:
    """First day, when and what, in words, of everything that is named."""
    for column, kind in (("holiday", "holiday"), ("event", "event"), ("school_holiday", "school")):
        position = 0
        for name, run in groupby(known_days[column]):
            length = len(list(run))
            days = known_days["day"].iloc[position : position + length]
            position += length
            if name:
                first, last = days.iloc[0].date(), days.iloc[-1].date()
                what = f"**{literal(name)}** ({view.text(f'days.{kind}')})"
                yield first, _span(view, first, last), what
    for day in known_days.loc[known_days["is_bridge_day"], "day"]:
        yield day.date(), view.long_day(day.date()), view.text("days.bridge")


def _span(view: View, first: date, last: date) -> str:
    if first == last:
        return view.long_day(first)
    return view.text("days.span", first=view.long_day(first), last=view.long_day(last))


show(layout.view_of(FLOW))
