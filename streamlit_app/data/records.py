"""What pages of scored events read of any such flow: accuracy by centre, and the newest scores."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read

# The columns of the table of accuracy and of its file, in this order.
ACCURACY_COLUMNS = ("centre_id", "n", "mae", "bias", "coverage_80", "mean_actual")
NEWEST = 25


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def accuracy(flow: str, measure: str) -> pd.DataFrame:
    """The published errors of each centre, "*" for all: ACCURACY_COLUMNS, first_date, last_date."""
    return read(
        "select centre_id, n, mae, bias, coverage_80, mean_actual, first_date, last_date"
        " from published.accuracy where flow = %s and measure = %s and horizon = 0"
        " order by centre_id",
        (flow, measure),
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_scores(view: str) -> pd.DataFrame:
    """The rows of the NEWEST scores of a published view, by its column `day`; none without a view.

    Raises ValueError for a name that is no name of a view.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", view):
        raise ValueError(f"{view!r} is no name of a published view")
    known = read("select to_regclass(%s) is not null as known", (f"published.{view}",))
    if not known["known"].iloc[0]:
        return pd.DataFrame()
    return read(f"select * from published.{view} order by day desc limit {NEWEST}")
