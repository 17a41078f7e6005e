"""What the page Customers reads: SQL on the published views, as frames.

No view holds a customer, and none is asked for: groups of a few have no figures.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read
from streamlit_app.pages_.deliveries.data import DAYS, REGION

# The columns of the tables and of their files, in this order.
SEGMENT_COLUMNS = (
    "segment",
    "customers",
    "share",
    "recency_days",
    "orders_each",
    "value",
    "late_share",
    "mean_days",
    "stability",
)
EXPERIENCE_COLUMNS = ("segment", "month", "orders", "delivered", "late", "late_rate")
CHOICE_COLUMNS = ("k", "silhouette", "stability", "chosen")


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def segment_months() -> list[date]:
    """The months for which customers were grouped, newest first."""
    rows = read("select distinct month from published.customer_segments order by month desc")
    return [month.date() for month in rows["month"]]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def segments(month: date) -> pd.DataFrame:
    """The groups of customers of a month, in their order: SEGMENT_COLUMNS, is_hidden.

    A group whose figures are hidden has NaN in all of them.
    """
    frame = read(
        """
        select name as segment, customers::float8 as customers, share::float8 as share,
            recency_days::float8 as recency_days, orders::float8 as orders_each,
            value::float8 as value, late_share::float8 as late_share,
            mean_days::float8 as mean_days, stability::float8 as stability,
            coalesce(is_hidden, false) as is_hidden
        from published.customer_segments s where month = %s order by s.segment
        """,
        (month,),
    )
    return frame[[*SEGMENT_COLUMNS, "is_hidden"]]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def experience(region: str, first: date, last: date) -> pd.DataFrame:
    """How deliveries went for each group, by month of placing: EXPERIENCE_COLUMNS."""
    frame = read(
        f"""
        select segment, date_trunc('month', day)::date as month, sum(orders)::bigint as orders,
            sum(delivered)::bigint as delivered, sum(late)::bigint as late,
            sum(late) / nullif(sum(delivered), 0)::float8 as late_rate
        from published.delivery_performance
        where {REGION.format("")} and {DAYS.format("")} and segment is not null
        group by 1, 2 having sum(delivered) > 0 order by 1, 2
        """,
        {"region": region, "first": first, "last": last},
    )
    return frame[list(EXPERIENCE_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def segment_choices(month: date) -> pd.DataFrame:
    """How good each number of groups was in a month: CHOICE_COLUMNS."""
    frame = read(
        "select k, silhouette, stability, chosen from published.segment_choices"
        " where month = %s order by k",
        (month,),
    )
    return frame[list(CHOICE_COLUMNS)]
