"""What the page Data status reads: loads, models in use and drift, of all flows together."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, read


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def freshness() -> pd.DataFrame:
    """Newest day of each data set: flow, dataset, newest_day, newest_at, rows."""
    return read(
        "select flow, dataset, newest_day, newest_at, rows from published.freshness"
        " order by flow, dataset"
    )


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
def days_not_whole(limit: int = 50) -> pd.DataFrame:
    """The newest days of centres that lack refused rows, and in `days` how many there are in all.

    flow, centre_id, date, rows_stored, rows_refused (with those whose day is not known), reason.
    """
    return read(
        """
        select flow, centre_id, day as date, rows_stored,
            rows_refused + rows_without_day as rows_refused, reason, count(*) over () as days
        from published.days_not_whole order by day desc, flow, centre_id limit %s
        """,
        (limit,),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def models_in_use() -> pd.DataFrame:
    """The model that made most of the newest predictions of each measure.

    flow, measure, candidate, month, model_version, its backtest figures (mae, wape, mase,
    coverage_80; NaN where it has none), trained_rows, train_first, train_last, trained_at. That is
    the champion, unless another one was promoted or rolled back to since.
    """
    return read(
        """
        select distinct on (m.flow, m.measure) m.flow, m.measure, m.candidate, m.month,
            m.model_version, m.mae, m.wape, m.mase, m.coverage_80, m.trained_rows, m.train_first,
            m.train_last, m.trained_at
        from published.models m
        join published.model_use u using (flow, measure, model_version)
        order by m.flow, m.measure, u.predictions desc, m.trained_at desc
        """
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
