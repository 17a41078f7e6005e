"""What pages of daily forecasts read: forecasts with their actuals, errors, and what explains them.

Every function takes the flow and the measure, and returns what is published for them.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read

COMPARED_DAYS = 60


# The columns of a table of forecasts and of its file, in this order.
FORECAST_COLUMNS = (
    "date",
    "centre_id",
    "horizon",
    "prediction",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
    "actual",
    "issued_at",
    "model_version",
)

LEADER_COLUMNS = ("candidate", "mase", "rmse", "mae", "mape", "coverage_80", "is_champion")

# What the table of coverage shows; its file has what was promised and the days as well.
COVERAGE_COLUMNS = ("cut", "key", "forecasts", "coverage_80", "coverage_95", "mean_width_80")


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def issue_days(flow: str, measure: str, centre_id: str) -> list[date]:
    """The days on whose evening a forecast was made for the centre, newest first."""
    frame = read(
        "select distinct issued_on from published.predictions"
        " where flow = %s and measure = %s and centre_id = %s order by issued_on desc",
        (flow, measure, centre_id),
    )
    return [moment.date() for moment in frame["issued_on"]]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def issue(flow: str, measure: str, centre_id: str, issued_on: date) -> pd.DataFrame:
    """One issue with the actuals known since: FORECAST_COLUMNS, a row per horizon, as stored."""
    return _forecasts(
        "p.flow = %s and p.measure = %s and p.centre_id = %s and p.issued_on = %s",
        (flow, measure, centre_id, issued_on),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def forecasts_at_horizon(
    flow: str, measure: str, centre_id: str, horizon: int, last_day: date
) -> pd.DataFrame:
    """The forecasts made `horizon` steps ahead for the COMPARED_DAYS days up to `last_day`.

    FORECAST_COLUMNS, one row per target day that was forecast; `actual` is NaN where there is none.
    """
    first_day = last_day - timedelta(days=COMPARED_DAYS - 1)
    return _forecasts(
        "p.flow = %s and p.measure = %s and p.centre_id = %s and p.horizon = %s"
        " and p.issued_on between %s and %s and p.date between %s and %s",
        (
            *(flow, measure, centre_id, horizon),
            # The issue days are bounded too, because that is what the forecasts are indexed by.
            *(first_day - timedelta(days=horizon), last_day - timedelta(days=horizon)),
            *(first_day, last_day),
        ),
    )


def _forecasts(condition: str, parameters: tuple[Any, ...]) -> pd.DataFrame:
    frame = read(
        f"""
        select p.date, p.centre_id, p.horizon, p.prediction, p.lower_80, p.upper_80, p.lower_95,
            p.upper_95, a.value as actual, p.issued_at, p.model_version
        from published.predictions p
        left join published.actuals a
            on a.flow = p.flow and a.measure = p.measure and a.centre_id = p.centre_id
            and a.date = p.date
        where {condition}
        order by p.date, p.horizon
        """,
        parameters,
    )
    return frame[list(FORECAST_COLUMNS)]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def actuals(flow: str, measure: str, centre_id: str, first: date, last: date) -> pd.Series:
    """The actuals, indexed by every day from `first` to `last`; NaN where there is none."""
    frame = read(
        "select date, value from published.actuals"
        " where flow = %s and measure = %s and centre_id = %s and date between %s and %s",
        (flow, measure, centre_id, first, last),
    )
    days = pd.date_range(first, last, freq="D", unit="us")
    return frame.set_index("date")["value"].reindex(days)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def calendar(flow: str, centre_id: str, first: date, last: date) -> pd.DataFrame:
    """Days from `first` to `last`: day, holiday, is_bridge_day, school_holiday, event."""
    frame = read(
        "select day, holiday, is_bridge_day, school_holiday, event from published.calendar"
        " where flow = %s and centre_id = %s and day between %s and %s order by day",
        (flow, centre_id, first, last),
    )
    for column in ("holiday", "school_holiday", "event"):
        frame[column] = frame[column].fillna("")
    frame["is_bridge_day"] = frame["is_bridge_day"].fillna(False).astype(bool)
    return frame


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def accuracy(flow: str, measure: str, centre_id: str, horizon: int) -> pd.Series | None:
    """The published error figures of a centre and horizon over its newest 60 days, if measured."""
    frame = read(
        "select first_date, last_date, n, mae, rmse, wape, mase, bias, coverage_80, coverage_95,"
        " mean_actual from published.accuracy"
        " where flow = %s and measure = %s and centre_id = %s and horizon = %s",
        (flow, measure, centre_id, horizon),
    )
    return None if frame.empty else frame.iloc[0]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def coverage(flow: str, measure: str) -> pd.DataFrame:
    """How often the bands held, over all that was measured: a row for each cut and key.

    COVERAGE_COLUMNS, then expected_80, expected_95, first_day, last_day.
    """
    return read(
        "select cut, key, forecasts, coverage_80, coverage_95, mean_width_80, expected_80,"
        " expected_95, first_day, last_day"
        " from published.coverage where flow = %s and measure = %s"
        # Numbers as text: 2 before 10.
        " order by array_position(array['overall', 'horizon', 'weekday', 'centre'], cut),"
        " case when cut <> 'centre' then length(key) end, key",
        (flow, measure),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def busiest(flow: str, measure: str) -> str | None:
    """The centre with the largest actuals over the newest COMPARED_DAYS days, if there are any."""
    frame = read(
        """
        select centre_id from published.actuals
        where flow = %s and measure = %s and date > (
            select max(date) - %s from published.actuals where flow = %s and measure = %s
        )
        group by centre_id order by sum(value) desc, centre_id limit 1
        """,
        (flow, measure, COMPARED_DAYS, flow, measure),
    )
    return None if frame.empty else str(frame["centre_id"].iloc[0])


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def leaderboard(flow: str, measure: str, day: date) -> pd.DataFrame:
    """The candidates of the newest month begun by `day`, best first: month, LEADER_COLUMNS."""
    frame = read(
        """
        select month, candidate, mase, rmse, mae, mape, coverage_80, is_champion
        from published.leaderboard m
        where flow = %s and measure = %s and month = (
            select max(month) from published.leaderboard
            where flow = m.flow and measure = m.measure and month <= %s
        )
        order by mase, candidate
        """,
        (flow, measure, day),
    )
    return frame[["month", *LEADER_COLUMNS]]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def explanations(flow: str, measure: str, centre_id: str, issued_on: date) -> pd.DataFrame:
    """What explains each forecast of an issue: date, prediction, usual and the by_... columns."""
    return read(
        """
        select date, prediction, usual, by_calendar, by_weather, by_events, by_recent_level,
            by_trend
        from published.explanations
        where flow = %s and measure = %s and centre_id = %s and issued_on = %s order by date
        """,
        (flow, measure, centre_id, issued_on),
    )
