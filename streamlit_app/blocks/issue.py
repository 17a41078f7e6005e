"""The head of every page of daily forecasts: the choice of measure, centre and evening, and how up
to date all of it is. The result is an `Issue`, which the other blocks of such a page show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.blocks.layout import literal
from streamlit_app.data import database, flows, series
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.view import View

HISTORY_DAYS = 42
HORIZON_DAYS = 14


class Series(NamedTuple):
    """The flow and measure of the published views that a page forecasts."""

    flow: str
    measure: str

    @property
    def file_stem(self) -> str:
        """How the files of the series begin."""
        return "_".join(dict.fromkeys(self))


class Centre(NamedTuple):
    """The chosen centre."""

    centre_id: str
    label: str
    timezone: str
    capacity: float | None


@dataclass(frozen=True)
class Issue:
    """The forecasts that one evening made for one centre, and the actuals around them.

    `rows` has FORECAST_COLUMNS; `history` has the actuals of every day from HISTORY_DAYS before the
    issue to the last target; `listed` are the centres of the flow; `last_actual` is the newest day
    with actuals of any centre. `view` fills {unit} in all texts with the measure's name.
    """

    view: View
    series: Series
    listed: pd.DataFrame
    centre: Centre
    issued_on: date
    rows: pd.DataFrame
    history: pd.Series
    last_actual: date | None

    @property
    def first_row(self) -> Any:
        """The forecast of the first day."""
        return self.rows.iloc[0]

    @property
    def first_day(self) -> date:
        """The first day of the history."""
        return self.issued_on - timedelta(days=HISTORY_DAYS - 1)

    @property
    def last_day(self) -> date:
        """The last day that is shown."""
        return pd.Timestamp(self.history.index[-1]).date()

    def is_due(self, day: date) -> bool:
        """Whether the actuals of a day should have arrived."""
        return self.last_actual is not None and day <= self.last_actual

    def absent_days(self) -> list[pd.Timestamp]:
        """The days whose actuals should have arrived, and did not."""
        days = self.history.index[self.history.isna()]
        return [day for day in days if self.is_due(day.date())]


def chosen_issue(
    view: View, flow: str, measures: Sequence[str], *, largest_first: bool = False
) -> Issue | None:
    """Let the reader choose; None, and why, where there is nothing to choose from.

    The centre shown at first is the first by name, or with `largest_first` the one with most
    actuals. A measure is chosen only where there are several.
    """
    listed = flows.centres(flow)
    if listed.empty:
        st.info(view.text("no_centres"))
        return None
    newest_issue = flows.newest_day(flow, "predictions")
    if newest_issue is None:
        layout.notice(st.info, view, "empty")
        return None
    measure = measures[0]
    if len(measures) > 1:
        labels = {name: capitalised(view.text(f"measure.{name}")) for name in measures}
        measure = choices.select("measure", view.text("measure"), labels, measures[0])
    view, chosen = view.giving(unit=view.text(f"measure.{measure}")), Series(flow, measure)
    default = series.busiest(*chosen) if largest_first else None
    centre, issued_on = _choose(view, chosen, listed, default or listed["centre_id"].iloc[0])
    if issued_on is None:
        layout.notice(st.info, view, "centre_empty", centre=literal(centre.label))
        return None
    rows = series.issue(*chosen, centre.centre_id, issued_on)
    if rows.empty:  # the issue was withdrawn between two reads: the list is read again
        database.forget()
        st.rerun()
    last = max(rows["date"].max().date(), issued_on + timedelta(days=HORIZON_DAYS))
    first = issued_on - timedelta(days=HISTORY_DAYS - 1)
    history = series.actuals(*chosen, centre.centre_id, first, last)
    last_actual = flows.newest_day(flow, "actuals")
    issue = Issue(view, chosen, listed, centre, issued_on, rows, history, last_actual)
    _stamp(issue, newest_issue)
    return issue


def chosen_centre(view: View, name: str, listed: pd.DataFrame, default: str) -> Centre:
    """The centre that the reader chooses among those of a flow, kept in the address as `name`."""
    labels = dict(zip(listed["centre_id"], listed["label"], strict=True))
    centre_id = choices.select(name, view.text("centre"), labels, default, always=True)
    row: Any = listed.set_index("centre_id").loc[centre_id]
    capacity = None if is_missing(row["daily_capacity"]) else row["daily_capacity"]
    return Centre(centre_id, row["label"], row["timezone"], capacity)


def _choose(
    view: View, chosen: Series, listed: pd.DataFrame, default: str
) -> tuple[Centre, date | None]:
    """The centre and issue day; None where the centre has no issue."""
    left, right = st.columns(2)
    with left:
        centre = chosen_centre(view, "centre", listed, default)
    layout.refused_choice(view, "centre", centre.label)
    days = series.issue_days(*chosen, centre.centre_id)
    with right:
        if not days:
            st.selectbox(
                view.text("issue"),
                [],
                placeholder=view.text("issue.none"),
                disabled=True,
                key="date.none",
            )
            return centre, None
        options = {day.isoformat(): view.long_day(day, year=True) for day in days}
        newest = days[0].isoformat()
        options[newest] = view.text("issue.newest", day=options[newest])
        day = choices.select("date", view.text("issue"), options, newest)
    if choices.refused("date"):
        st.info(view.text("issue.unknown", asked=literal(choices.refused("date"))))
    return centre, date.fromisoformat(day)


def _stamp(issue: Issue, newest_issue: date) -> None:
    """How up to date all of this is, and what to do when it is not."""
    view, centre = issue.view, issue.centre
    actual = MISSING if issue.last_actual is None else view.long_day(issue.last_actual, year=True)
    newest = view.long_day(newest_issue, year=True)
    model = literal(issue.rows["model_version"].iloc[0])
    st.caption(view.text("stamp", issue=newest, actual=actual, model=model))
    age = (view.today(centre.timezone) - newest_issue).days
    if age > flows.STALE_DAYS:
        st.warning(view.text("stale", day=newest, age=str(age)))
    own_newest = series.issue_days(*issue.series, centre.centre_id)[0]
    if (newest_issue - own_newest).days > flows.STALE_DAYS:
        day = view.long_day(own_newest, year=True)
        label = literal(centre.label)
        st.warning(view.text("centre_behind", centre=label, day=day, newest=newest))
    if issue.issued_on < own_newest:
        st.caption(view.text("past"))
