"""What the pages read: SQL on the published views, as frames.

Only the schema `published` is named here, and the role that reads it can see nothing else. No
sentence, no chart, no Dagster, nothing of the platform's own code.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg
import streamlit as st

DSN_VARIABLE = "FLOW_DASHBOARD_DSN"
HISTORY_DAYS = 42
COMPARED_DAYS = 60
STALE_DAYS = 2
NEARLY_FULL = 0.9
DEFAULT_TIMEZONE = "Europe/Paris"

# What a table shows and its file holds, in this order.
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

CACHE_SECONDS = 30
# What is measured over years of forecasts: seconds where they are a million, and new once a day.
LONG_CACHE_SECONDS = 600
_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=15000 -c default_transaction_read_only=on"
    " -c application_name=flow_streamlit"
)


class DataError(Exception):
    """The published views cannot be read; `str()` is for whoever runs the platform."""


class DatabaseUnavailable(DataError):
    """No connection: no DSN, no server, or no permission to sign in."""


class NotPublished(DataError):
    """The server answers, but a view is not there or may not be read."""


Parameters = tuple[Any, ...] | Mapping[str, Any]


def read(query: str, parameters: Parameters = ()) -> pd.DataFrame:
    """Rows of one query. Timestamps are tz-aware UTC, days datetime64, missing numbers NaN.

    A connection lives for one query: on a Unix socket it costs a few ms, and none is left over
    that a restart of the database could break. Raises DatabaseUnavailable or NotPublished.
    """
    dsn = os.environ.get(DSN_VARIABLE, "").strip()
    if not dsn:
        raise DatabaseUnavailable(
            f"{DSN_VARIABLE} is not set. `flow up` sets it; by hand:"
            f' export {DSN_VARIABLE}="$(flow dsn --role flow_dashboard)"'
        )
    try:
        try:
            return _query(dsn, query, parameters)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            # A view is away for a moment while dbt replaces it.
            time.sleep(0.3)
            return _query(dsn, query, parameters)
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.InsufficientPrivilege,
    ) as error:
        raise NotPublished(f"{type(error).__name__}: {error.diag.message_primary}") from error
    except psycopg.ProgrammingError as error:
        # Its message would quote the DSN, password and all.
        raise DatabaseUnavailable(
            f"{DSN_VARIABLE} is no connection string ({type(error).__name__})."
            " Write postgresql://user@host/database, or take the output of `flow dsn`."
        ) from error
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()
        raise DatabaseUnavailable(reason[0] if reason else type(error).__name__) from error


def _query(dsn: str, query: str, parameters: Parameters) -> pd.DataFrame:
    with (
        psycopg.connect(dsn, connect_timeout=5, options=_OPTIONS, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        # psycopg's stubs want a literal; every query of the app is one.
        cursor.execute(query.encode(), parameters, prepare=False)
        columns = cursor.description or []
        rows = cursor.fetchall()
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    for column in columns:
        if column.type_code == 1082:  # date
            frame[column.name] = pd.to_datetime(frame[column.name]).astype("datetime64[us]")
        elif column.type_code == 1184:  # timestamptz
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True)
        elif column.type_code == 701:  # float8
            frame[column.name] = frame[column.name].astype("float64")
    return frame


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def centres(flow: str) -> pd.DataFrame:
    """The centres of a flow, by name: centre_id, name, latitude, longitude, timezone,
    daily_capacity, label.

    `label` is what people choose by: the name, with the id where a name is missing or not unique.
    """
    frame = read(
        "select centre_id, name, latitude, longitude, timezone, daily_capacity"
        " from published.centres"
        " where flow = %s order by name nulls last, centre_id",
        (flow,),
    )
    names = frame["name"].fillna("").str.strip()
    twice = names.duplicated(keep=False) & (names != "")
    frame["label"] = names.where(~twice, names + " (" + frame["centre_id"] + ")")
    frame["label"] = frame["label"].where(names != "", frame["centre_id"])
    frame["timezone"] = frame["timezone"].fillna(DEFAULT_TIMEZONE)
    return frame


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
    """One issue with what came since: FORECAST_COLUMNS, one row per horizon, as stored."""
    return _forecasts(
        "p.flow = %s and p.measure = %s and p.centre_id = %s and p.issued_on = %s",
        (flow, measure, centre_id, issued_on),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def said_at_horizon(
    flow: str, measure: str, centre_id: str, horizon: int, last_day: date
) -> pd.DataFrame:
    """What was forecast `horizon` steps ahead for the COMPARED_DAYS days up to `last_day`.

    FORECAST_COLUMNS, one row per target day that was forecast; `actual` is NaN where no count came.
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
    """What came, indexed by every day from `first` to `last`; NaN where no count came."""
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
    """How often the bands held, over all that was measured: one row for each cut and key.

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
    """The centre to which most came over the newest COMPARED_DAYS days, if anything came."""
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
def closed_days(first: date, last: date) -> pd.DataFrame:
    """The days on which the shop was, or is expected to be, closed: day, reason, is_known."""
    return read(
        "select day, reason, is_known from published.trading_calendar"
        " where not is_trading_day and day between %s and %s order by day",
        (first, last),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def returns(centre_id: str, last_day: date) -> pd.Series:
    """Sales and returns of a country over the COMPARED_DAYS days up to `last_day`.

    quantity, revenue, returned_quantity, returned_revenue; NaN where nothing was sold.
    """
    first_day = last_day - timedelta(days=COMPARED_DAYS - 1)
    frame = read(
        "select sum(quantity) as quantity, sum(revenue) as revenue,"
        " sum(returned_quantity) as returned_quantity, sum(returned_revenue) as returned_revenue"
        " from published.merged_retail where centre_id = %s and day between %s and %s",
        (centre_id, first_day, last_day),
    )
    return frame.iloc[0].astype("float64")


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
def freshness() -> pd.DataFrame:
    """Newest day of each data set: flow, dataset, newest_day, newest_at, rows."""
    return read(
        "select flow, dataset, newest_day, newest_at, rows from published.freshness"
        " order by flow, dataset"
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_day(flow: str, dataset: str) -> date | None:
    """The newest day of `dataset` ("actuals" or "predictions") of a flow, over all centres."""
    # Of the one flow: another may hold a thousand times its rows.
    days = read(
        "select newest_day from published.freshness where flow = %s and dataset = %s",
        (flow, dataset),
    )["newest_day"].dropna()
    return None if days.empty else days.max().date()


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def streams() -> pd.DataFrame:
    """Each live source, its topics together; no row where nothing is published live.

    flow, source, last_message_at (when the newest was settled), rows_stored, rows_repeated,
    rows_quarantined.
    """
    return read(
        """
        select flow, source, max(last_message_at) as last_message_at,
            sum(rows_stored)::bigint as rows_stored, sum(rows_repeated)::bigint as rows_repeated,
            sum(rows_quarantined)::bigint as rows_quarantined
        from published.streams group by flow, source order by flow, source
        """
    )


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def is_simulated(flow: str) -> bool | None:
    """Whether all rows of a flow came from the simulator; None where nothing was loaded."""
    found = read(
        "select bool_and(file = 'simulated') as simulated from published.loads"
        " where flow = %s and error is null",
        (flow,),
    )["simulated"].iloc[0]
    return None if found is None else bool(found)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def load_totals() -> pd.DataFrame:
    """Per flow: loads, rows_read, rows_stored, rows_quarantined, unbalanced (count of loads)."""
    return read(
        """
        select flow, count(*) as loads, coalesce(sum(rows_read), 0)::bigint as rows_read,
            coalesce(sum(rows_stored), 0)::bigint as rows_stored,
            coalesce(sum(rows_quarantined), 0)::bigint as rows_quarantined,
            count(*) filter (where rows_read <> rows_stored + rows_quarantined) as unbalanced
        from published.loads group by flow order by flow
        """
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_loads(limit: int = 50) -> pd.DataFrame:
    """The newest loads: loaded_at, flow, file, rows_read, rows_stored, rows_quarantined, error."""
    return read(
        "select loaded_at, flow, file, rows_read, rows_stored, rows_quarantined, error"
        " from published.loads order by loaded_at desc, load_id limit %s",
        (limit,),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def broken_files() -> pd.DataFrame:
    """Files whose newest load failed: flow, file, loaded_at, error."""
    return read(
        """
        select flow, file, loaded_at, error from (
            select distinct on (flow, file) flow, file, loaded_at, error
            from published.loads order by flow, file, loaded_at desc
        ) newest
        where error is not null order by loaded_at desc
        """
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def champions() -> pd.DataFrame:
    """The model that spoke last for each measure: model_version, wape, train_last ...

    That is the champion, unless one was promoted or rolled back to since.
    """
    return read(
        """
        select distinct on (m.flow, m.measure) m.flow, m.measure, m.candidate, m.month,
            m.model_version, m.mae, m.wape, m.mase, m.coverage_80, m.trained_rows, m.train_first,
            m.train_last, m.trained_at
        from published.models m
        join (
            select s.flow, s.measure, p.model_version, count(*) as said
            from (select distinct flow, measure from published.models) s
            join published.freshness f on f.flow = s.flow and f.dataset = 'predictions'
            join published.centres c on c.flow = s.flow
            -- One row a centre: an hourly flow has hundreds of them each day.
            cross join lateral (
                select model_version from published.predictions
                where flow = s.flow and measure = s.measure and centre_id = c.centre_id
                    and issued_on = f.newest_day
                order by issued_at desc limit 1
            ) p
            group by s.flow, s.measure, p.model_version
            union all
            -- Trips are scored one by one: what spoke last is what scored the newest day.
            select 'trips', model, model_version, sum(trips) from published.trip_accuracy
            where centre_id <> '*' and date = (select max(date) from published.trip_accuracy)
            group by model, model_version
            union all
            -- Of an order two models speak: when it is approved, and again on its way.
            select 'deliveries', said.model || case stage when 'approved' then ''
                else '_in_transit' end, said.version, count(*)
            from published.delivery_predictions p
            cross join lateral (
                values ('delay', p.model_version), ('late_risk', p.late_version)
            ) as said (model, version)
            where day > (
                select newest_day - 7 from published.freshness
                where flow = 'deliveries' and dataset = 'predictions'
            )
            group by 2, 3
        ) spoke using (flow, measure, model_version)
        order by m.flow, m.measure, spoke.said desc, m.trained_at desc
        """
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def explanations(flow: str, measure: str, centre_id: str, issued_on: date) -> pd.DataFrame:
    """What moved each forecast of an issue: date, prediction, usual and the by_... columns."""
    return read(
        """
        select date, prediction, usual, by_calendar, by_weather, by_events, by_recent_level,
            by_trend
        from published.explanations
        where flow = %s and measure = %s and centre_id = %s and issued_on = %s order by date
        """,
        (flow, measure, centre_id, issued_on),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def drift_states() -> pd.DataFrame:
    """The newest reading of each feature at each centre: date, feature, psi, status ..."""
    return read(
        """
        select distinct on (d.flow, d.centre_id, d.feature) d.flow, d.centre_id, d.date,
            d.feature, d.psi, d.psi_critical, d.status
        from published.drift d
        join (
            select flow, max(date) as date from published.drift group by flow
        ) newest on newest.flow = d.flow and d.date > newest.date - 30
        order by d.flow, d.centre_id, d.feature, d.date desc
        """
    )


def today(timezone: str = DEFAULT_TIMEZONE) -> date:
    """The day it is now at a centre."""
    return datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()


def forget() -> None:
    """Drop every cached answer, so that the next read asks the database."""
    st.cache_data.clear()
