"""What only the page Retail reads: closed days and returns."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, read
from streamlit_app.data.series import COMPARED_DAYS


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
