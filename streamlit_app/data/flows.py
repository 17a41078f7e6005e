"""What is known of any flow: its centres, how fresh its data are, whether they are simulated."""

from __future__ import annotations

from datetime import date

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read

# The model version of what is forecast or scored without a trained model.
FALLBACK_VERSION = "fallback"
# All centres together, as a centre_id and as a choice.
ALL = "*"
# Data older than this are called old.
STALE_DAYS = 2
DEFAULT_TIMEZONE = "Europe/Paris"


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def flows() -> list[str]:
    """The flows that have centres, by name."""
    return [
        str(flow) for flow in read("select distinct flow from published.centres order by 1")["flow"]
    ]


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

    flow, source, last_message_at (when the newest was stored), rows_stored, rows_repeated,
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
    """Whether all rows of a flow are from the simulator; None where nothing was loaded."""
    found = read(
        "select bool_and(file = 'simulated') as simulated from published.loads"
        " where flow = %s and error is null",
        (flow,),
    )["simulated"].iloc[0]
    return None if found is None else bool(found)
