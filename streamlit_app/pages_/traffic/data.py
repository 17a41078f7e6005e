"""What the page Road traffic reads: SQL on the published views, as frames.

Forecasts of an hourly flow are tens of millions: every query here goes by counter and issue, along
the index (flow, measure, centre_id, issued_on, issued_at, horizon), and none adds all of them up.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read

FLOW, MEASURE = "traffic", "vehicles"

# The columns of the table of a counter's next 24 hours and of its file, in this order: a phone has
# room for the first few.
HOUR_COLUMNS = (
    "target_at",
    "level",
    "prediction",
    "lower_80",
    "upper_80",
    "actual",
    "lower_95",
    "upper_95",
    "horizon",
    "centre_id",
    "issued_at",
    "model_version",
)

# The columns of the list of counters and of its file.
LIST_COLUMNS = ("counter", "level", "prediction", "last_counted")

# The columns of the table of errors by horizon and of its file.
ERROR_COLUMNS = ("horizon", "n", "mae", "persistence_mae", "week_before_mae")

# How far back the newest reading is looked for: a counter silent for longer is silent.
LOOK_BACK = timedelta(days=2)

_ONE = "flow = 'traffic' and measure = 'vehicles' and centre_id = %(centre_id)s"


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_issues() -> pd.Series:
    """When the newest issue of each counter was made, by centre_id; a counter without has none."""
    frame = read(
        """
        select c.centre_id, p.issued_at
        from published.centres c
        cross join lateral (
            select issued_at from published.predictions
            where flow = 'traffic' and measure = 'vehicles' and centre_id = c.centre_id
            order by issued_on desc, issued_at desc limit 1
        ) p
        where c.flow = 'traffic'
        """
    )
    return frame.set_index("centre_id")["issued_at"]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def issue_days(centre_id: str) -> pd.DataFrame:
    """First and last issue of each UTC day on which the counter was forecast: first_at, last_at.

    Newest first. It leaps from day to day along the index; a `distinct` would read each forecast.
    """
    return read(
        f"""
        with recursive days as (
            (
                select issued_on from published.predictions where {_ONE}
                order by issued_on desc limit 1
            )
            union all
            select (
                select p.issued_on from published.predictions p
                where {_ONE} and p.issued_on < days.issued_on order by p.issued_on desc limit 1
            )
            from days where days.issued_on is not null
        )
        select
            (
                select min(p.issued_at) from published.predictions p
                where {_ONE} and p.issued_on = days.issued_on
            ) as first_at,
            (
                select max(p.issued_at) from published.predictions p
                where {_ONE} and p.issued_on = days.issued_on
            ) as last_at
        from days where days.issued_on is not null order by days.issued_on desc
        """,
        {"centre_id": centre_id},
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def issues(centre_id: str, begin: datetime, end: datetime) -> list[datetime]:
    """The issues of a counter from `begin` to before `end`, newest first, in UTC."""
    frame = read(
        f"""
        select distinct issued_at from published.predictions
        where {_ONE} and issued_on between %(first)s and %(last)s
            and issued_at >= %(begin)s and issued_at < %(end)s
        order by issued_at desc
        """,
        {
            "centre_id": centre_id,
            "begin": begin,
            "end": end,
            # An issue at midnight may be filed under the day it closes.
            "first": (begin.astimezone(UTC) - timedelta(days=1)).date(),
            "last": end.astimezone(UTC).date(),
        },
    )
    return [moment.to_pydatetime() for moment in frame["issued_at"]]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def at_horizon(issued_at: datetime, horizon: int) -> pd.DataFrame:
    """The forecasts of one issue for one hour, a row for each counter that has one.

    centre_id, target_at, prediction, lower_80, upper_80, level.
    """
    return read(
        """
        select c.centre_id, p.target_at, p.prediction, p.lower_80, p.upper_80, p.level
        from published.centres c
        -- Lateral, so that it is a look-up a counter, whatever the planner estimates for dates.
        cross join lateral (
            select target_at, prediction, lower_80, upper_80, level from published.predictions
            where flow = 'traffic' and measure = 'vehicles' and centre_id = c.centre_id
                and issued_on = any(%(filed)s) and issued_at = %(issued_at)s
                and horizon = %(horizon)s
            limit 1
        ) p
        where c.flow = 'traffic'
        """,
        {"issued_at": issued_at, "horizon": horizon, "filed": _filed(issued_at)},
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def issue(centre_id: str, issued_at: datetime) -> pd.DataFrame:
    """One issue of a counter as stored: HOUR_COLUMNS without `actual`, one row per horizon."""
    return read(
        f"""
        select target_at, centre_id, horizon, level, prediction, lower_80, upper_80, lower_95,
            upper_95, issued_at, model_version
        from published.predictions
        where {_ONE} and issued_on = any(%(filed)s) and issued_at = %(issued_at)s
        order by horizon
        """,
        {"centre_id": centre_id, "issued_at": issued_at, "filed": _filed(issued_at)},
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def hours(centre_id: str, first: datetime, last: datetime) -> pd.DataFrame:
    """Every hour that ends from `first` to `last`, by its end: vehicles (NaN: no reading), state.

    An hour of which nothing is published is there too, with neither.
    """
    frame = read(
        """
        select target_at, vehicles, state from published.merged_traffic
        where centre_id = %(centre_id)s and day between %(first_day)s and %(last_day)s
            and target_at between %(first)s and %(last)s
        """,
        {
            "centre_id": centre_id,
            "first": first,
            "last": last,
            "first_day": first.astimezone(UTC).date(),
            "last_day": last.astimezone(UTC).date(),
        },
    )
    every = pd.date_range(first, last, freq="h", unit="us", name="target_at")
    return frame.set_index("target_at").reindex(every)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_readings(counters: tuple[str, ...], first: datetime, last: datetime) -> pd.DataFrame:
    """The newest hour counted of each counter, among those that end from `first` to `last`.

    Indexed by centre_id: target_at, available_at. A counter without a reading there has no row.
    """
    frame = read(
        """
        select distinct on (centre_id) centre_id, target_at, available_at
        from published.merged_traffic
        where centre_id = any(%(counters)s) and day between %(first_day)s and %(last_day)s
            and target_at between %(first)s and %(last)s and vehicles is not null
        order by centre_id, target_at desc
        """,
        {
            "counters": list(counters),
            "first": first,
            "last": last,
            "first_day": first.astimezone(UTC).date(),
            "last_day": last.astimezone(UTC).date(),
        },
    )
    return frame.set_index("centre_id")


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def errors(centre_id: str) -> pd.DataFrame:
    """The published errors of a counter by horizon, next to those of two simple rules.

    ERROR_COLUMNS, then first_date, last_date, wape, mase, against_persistence; NaN where unknown.
    """
    return read(
        f"""
        select horizon, n, mae, mae / nullif(against_persistence, 0) as persistence_mae,
            mae / nullif(mase, 0) as week_before_mae, first_date, last_date, wape, mase,
            against_persistence
        from published.accuracy where {_ONE} order by horizon
        """,
        {"centre_id": centre_id},
    )


def _filed(issued_at: datetime) -> list[date]:
    """The partition days under which an issue may be filed: its UTC day, or the one it closes."""
    day = issued_at.astimezone(UTC).date()
    return [day - timedelta(days=1), day]
