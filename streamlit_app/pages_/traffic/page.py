"""Road traffic: the forecast of the next hour and 24 hours, how sure it is, and its errors.

What it reads is in `data.py`; all counters in one hour are in `counters.py`, one of them in
`counter.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app.blocks import held, issue, layout
from streamlit_app.blocks.ages import HOUR, age
from streamlit_app.blocks.issue import Centre, Series
from streamlit_app.blocks.layout import literal
from streamlit_app.data import flows
from streamlit_app.formats import MISSING, local_day
from streamlit_app.pages_.traffic import counter, counters, data
from streamlit_app.pages_.traffic.counter import SHOWN_HOURS
from streamlit_app.pages_.traffic.issue_choice import chosen_issue
from streamlit_app.view import View

SERIES = Series(data.FLOW, data.MEASURE)
STALE = timedelta(hours=3)
_LICENCE = "https://opendatacommons.org/licenses/odbl/"


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    view = view.giving(unit=view.text(f"measure.{data.MEASURE}"))
    listed = layout.head_with_centres(view, data.FLOW)
    if listed is None:
        return
    newest = data.newest_issues()
    if newest.empty:
        layout.notice(st.info, view, "empty")
        return

    newest_at = newest.max().to_pydatetime()
    left, middle, right = st.columns([4, 5, 3])
    with left:
        centre = _chosen_counter(view, listed, newest, newest_at)
    # The issues to choose from are those of a counter that has the newest.
    reference = centre.centre_id
    if newest.get(reference) != newest_at:
        reference = newest.index[newest == newest_at][0]
    issued_at = chosen_issue(view, reference, centre.timezone, (middle, right))
    is_newest = issued_at == newest_at
    ids = tuple(listed["centre_id"])
    until = max(view.now, newest_at) + HOUR
    counted = data.newest_readings(ids, newest_at - data.LOOK_BACK, until)
    last_actual = None if counted.empty else counted["target_at"].max().to_pydatetime()
    rows = _one_hour(view, listed, issued_at, is_newest)
    own = data.issue(centre.centre_id, issued_at)
    _stamp(view, newest_at, counted, own, is_newest, centre.timezone)

    by_then = data.newest_readings(ids, issued_at - data.LOOK_BACK, issued_at)
    rows["last_counted"] = rows["centre_id"].map(by_then["target_at"])
    counters.tiles(view, rows, issued_at, is_newest, centre.timezone)
    counters.where(view, rows, centre)
    hour_end = rows["target_at"].iloc[0]
    counter.next_hours(view, centre, issued_at, own, hour_end, newest, last_actual)
    counter.errors(view, centre)
    held.held(view, SERIES, listed, centre)
    _credit(view)


def _chosen_counter(
    view: View, listed: pd.DataFrame, newest: pd.Series, newest_at: datetime
) -> Centre:
    """The counter chosen, by name or on the map; at first the one with the largest forecast."""
    expected = data.at_horizon(newest_at, 1).set_index("centre_id")["prediction"]
    default = str(expected.idxmax()) if expected.notna().any() else str(newest.index[0])
    centre = issue.chosen_centre(view, "counter", listed, default)
    layout.refused_choice(view, "counter", centre.label)
    return centre


def _one_hour(
    view: View, listed: pd.DataFrame, issued_at: datetime, is_newest: bool
) -> pd.DataFrame:
    """A row for each counter with its forecast for one hour: the current one, if the issue is the
    newest and covers it, else the first after the issue. Columns of `listed` and of at_horizon.
    """
    ahead = int((view.now - issued_at) / HOUR) + 1
    horizon = ahead if is_newest and 1 <= ahead <= SHOWN_HOURS else 1
    rows = listed.merge(data.at_horizon(issued_at, horizon), on="centre_id", how="left")
    rows["target_at"] = rows["target_at"].fillna(pd.Timestamp(issued_at) + horizon * HOUR)
    return rows


def _stamp(
    view: View,
    newest_at: datetime,
    counted: pd.DataFrame,
    own: pd.DataFrame,
    is_newest: bool,
    timezone: str,
) -> None:
    """How up to date all of this is, and what to do when it is not."""
    last, actual = None, MISSING
    if not counted.empty:
        row: Any = counted.sort_values(["target_at", "available_at"]).iloc[-1]
        last = row["target_at"].to_pydatetime()
        day = view.short_day(local_day(last, timezone))
        hour = f"{day}, {view.hour_span(last, timezone)}"
        actual = view.text(
            "stamp.known", hour=hour, known=view.moment(row["available_at"], timezone)
        )
    model = literal(own["model_version"].iloc[0]) if len(own) else MISSING
    made = view.moment(newest_at, timezone)
    words = view.text("stamp", issue=made, actual=actual, model=model)
    streams = flows.streams()
    heard = streams.loc[streams["flow"] == data.FLOW, "last_message_at"].dropna()
    if len(heard):
        words += view.text("stamp.live", age=age(view, view.now - heard.max().to_pydatetime()))
    st.caption(words)
    if not is_newest:
        st.caption(view.text("past"))
    elif view.now - newest_at > STALE:
        st.warning(view.text("stale", day=made, age=age(view, view.now - newest_at)))
    elif last is None or view.now - last > STALE:
        since = last or newest_at - data.LOOK_BACK
        st.warning(view.text("late", age=age(view, view.now - since)))


def _credit(view: View) -> None:
    """Whose data these are: a condition of the licence."""
    simulated = flows.is_simulated(data.FLOW)
    if simulated is None:
        return
    st.caption(view.text("simulated") if simulated else view.text("credit", url=_LICENCE))


show(layout.view_of(data.FLOW))
