"""Retail: what a country will buy, how sure that is, what comes back, and which model says so.

How it is read is in `data.py`, what it shares with other pages in `forecasts.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices, data, layout, texts
from streamlit_app.forecasts import (
    Centre,
    Series,
    compare,
    curve,
    opening,
    range_of,
    why,
)
from streamlit_app.formats import (
    Language,
    capitalised,
    is_missing,
    long_day,
    long_month,
    number,
    percent,
    rounded,
)
from streamlit_app.record import record
from streamlit_app.texts import Say

FLOW = "retail"
MEASURES = ("quantity", "invoices", "revenue")


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    plain = texts.speaker(language)
    layout.head(plain("retail.title"), language, plain)
    listed = data.centres(FLOW)
    newest_issue = data.newest_day(FLOW, "predictions")
    last_counted = data.newest_day(FLOW, "actuals")
    if listed.empty:
        st.info(plain("retail.no_centres"))
        return
    if newest_issue is None:
        st.info(f"**{plain('empty.title')}** {plain('retail.empty.body')}")
        return

    labels = {measure: capitalised(plain(f"unit.{measure}")) for measure in MEASURES}
    measure = choices.select("measure", plain("measure"), labels, MEASURES[0])
    series = Series(FLOW, measure)
    say = texts.speaker(
        language,
        unit=plain(f"unit.{measure}"),
        absent=plain("absent.retail"),
        absent_short=plain("absent.short.retail"),
        place=plain("place.retail"),
        places=plain("places.retail"),
        schedule="predict_retail_daily",
    )
    default = data.busiest(FLOW, measure) or listed["centre_id"].iloc[0]
    opened = opening(
        series,
        listed,
        default,
        newest_issue,
        last_counted,
        language,
        say,
        label=say("retail.centre"),
    )
    if opened is None:
        return
    centre, issued_on, issue = opened

    last_target = max(issue["date"].max().date(), issued_on + timedelta(days=14))
    first_shown = issued_on - timedelta(days=data.HISTORY_DAYS - 1)
    history = data.actuals(*series, centre.centre_id, first_shown, last_target)
    closed = data.closed_days(first_shown, last_target)
    _first_day(issue, language, say)
    why(series, centre, issued_on, language, say)
    curve(
        series,
        centre,
        issued_on,
        issue,
        history,
        last_counted,
        [day for day in closed["day"] if is_missing(history.get(day))],
        language,
        say,
    )
    _closed(closed, language, say)
    compare(series, centre, last_counted, language, say)
    record(series, centre, listed, language, say)
    _returns(centre, last_counted, language, say)
    _leaderboard(series, issued_on, language, say)


def _first_day(issue: pd.DataFrame, language: Language, say: Say) -> None:
    """The first forecast day: what is expected, how sure that is, and what came."""
    row: Any = issue.iloc[0]
    day = long_day(row["date"].date(), language, year=True)
    boxes = [
        layout.tile(
            say("retail.next", day=day),
            rounded(row["prediction"], language),
            range_of("range", row, language, say),
            main=True,
        )
    ]
    came = row["actual"]
    if not is_missing(came):
        inside = row["lower_80"] <= came <= row["upper_80"]
        error = row["prediction"] - came
        gap = say("over" if error > 0 else "under", amount=rounded(abs(error), language))
        words = say("came.inside" if inside else "came.outside", error=gap)
        boxes.append(layout.tile(say("came.title"), rounded(came, language), words))
    layout.tiles(boxes, say("head.label", day=day))


def _closed(closed: pd.DataFrame, language: Language, say: Say) -> None:
    """The days without trade among those shown, each with its reason."""
    with st.expander(say("retail.closed"), expanded=False):
        st.caption(say("retail.closed.note"))
        if closed.empty:
            st.markdown(say("retail.closed.none"))
            return
        layout.table(
            closed[["day", "reason"]],
            key="closed.table",
            alt=say("retail.closed"),
            labels=lambda column: say(f"column.{column}"),
            shown={"day": lambda day: capitalised(long_day(day.date(), language, year=True))},
        )


def _returns(centre: Centre, last_counted: date | None, language: Language, say: Say) -> None:
    st.subheader(say("retail.returns"), anchor=False)
    found = data.returns(centre.centre_id, last_counted) if last_counted else None
    if found is None or not found["quantity"] > 0:
        st.info(say("retail.returns.none"))
        return
    first = last_counted - timedelta(days=data.COMPARED_DAYS - 1) if last_counted else None
    boxes = [
        layout.tile(
            say(f"retail.returns.{what}"),
            percent(found[f"returned_{what}"] / found[what], language, 1),
            say(
                "retail.returns.body",
                returned=number(found[f"returned_{what}"], language),
                sold=number(found[what], language),
                first=long_day(first, language) if first else "",
                last=long_day(last_counted, language, year=True) if last_counted else "",
            ),
        )
        for what in ("quantity", "revenue")
    ]
    layout.tiles(boxes, say("retail.returns"))


def _leaderboard(series: Series, issued_on: date, language: Language, say: Say) -> None:
    """The candidates of the month of the issue, by what they did before it."""
    st.subheader(say("retail.leaderboard"), anchor=False)
    rows = data.leaderboard(*series, issued_on)
    if rows.empty:
        st.info(say("retail.leaderboard.none"))
        return
    month = rows["month"].iloc[0].date()
    st.caption(say("retail.leaderboard.body", month=long_month(month, language)))
    shown = rows.drop(columns="month")

    def figure(value: Any) -> str:
        return number(value, language, 3)

    layout.table(
        shown,
        key="leaderboard.table",
        alt=say("retail.leaderboard"),
        labels=lambda column: say(f"column.{column}"),
        shown={
            "candidate": lambda name: texts.name_of("candidate", name, language),
            "mase": figure,
            "rmse": lambda value: number(value, language, 1),
            "mae": lambda value: number(value, language, 1),
            "mape": lambda value: percent(value, language, 1),
            "coverage_80": lambda value: percent(value, language, 1),
            "is_champion": lambda chosen: say("champion") if chosen else "",
        },
    )
    layout.downloads(
        shown, name=f"leaderboard_{series.measure}_{month:%Y-%m}", key="leaderboard", say=say
    )


show()
