"""What the page Deliveries desk reads of predictions and their outcomes: SQL, as frames.

Columns called `said_...` and `real_...` are predicted and actual: the files that readers download
have these names, and keep them.
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import streamlit as st

from streamlit_app.data.database import LONG_CACHE_SECONDS, read
from streamlit_app.data.flows import ALL, FALLBACK_VERSION
from streamlit_app.pages_.deliveries.data import (
    CATEGORY,
    CHOSEN,
    DAYS,
    NEARLY_ALL,
    REGION,
    SHIPPER,
    Chosen,
    given,
)

# Versions that predict the same for all orders: the usual rate, and the fallback.
SAME_FOR_ALL = ("usual", FALLBACK_VERSION)

# The columns of the tables and of their files, in this order.
TENTH_COLUMNS = (
    "part",
    "orders",
    "said_days",
    "said_from",
    "said_to",
    "real_days",
    "coverage_80",
)
RATE_COLUMNS = ("begins", "orders", "delivered", "late", "late_rate")
BUCKET_COLUMNS = ("bucket", "orders", "said_late", "late", "late_rate")


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def rates(chosen: Chosen, first: date, last: date, step: str) -> pd.DataFrame:
    """The late rate by `step` ("week" or "month") of placing: RATE_COLUMNS, in order."""
    frame = read(
        f"""
        select date_trunc(%(step)s, day)::date as begins, sum(orders)::bigint as orders,
            sum(delivered)::bigint as delivered, sum(late)::bigint as late,
            sum(late) / nullif(sum(delivered), 0)::float8 as late_rate
        from published.delivery_performance where {CHOSEN} group by 1 order by 1
        """,
        {**given(chosen, first, last), "step": step},
    )
    return frame[list(RATE_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def arrived_until(first: date, last: date) -> date | None:
    """The newest of these days of placing up to which nearly all orders have arrived: NEARLY_ALL of
    those of the week that it ends, over the whole network. None where there is none.

    Of newer days only the quick orders have been delivered, which would flatter the forecasts.
    """
    frame = read(
        """
        select max(day) as day from (
            select day, sum(sum(delivered)) over week as delivered, sum(sum(orders)) over week as n
            from published.delivery_performance where day between %(first)s::date - 6 and %(last)s
            group by day
            window week as (order by day range between interval '6 days' preceding and current row)
        ) as weeks
        where day >= %(first)s and n > 0 and delivered >= %(share)s * n
        """,
        {"first": first, "last": last, "share": NEARLY_ALL},
    )
    day = frame["day"].iloc[0]
    return None if pd.isna(day) else pd.Timestamp(day).date()


def _outcomes(chosen: Chosen) -> str:
    """Delivered orders of the days with their predictions at approval and their outcomes."""
    # Shipper and category are known of orders only: without them no order need be looked up.
    narrow = chosen.shipper != ALL or chosen.category != ALL
    join = "join published.delivery_orders o using (order_id)" if narrow else ""
    more = f"and {SHIPPER.format('o.')} and {CATEGORY.format('o.')}" if narrow else ""
    more += f" and {DAYS.format('o.')}" if narrow else ""
    return f"""
        select p.order_id, p.predicted_days, p.lower_80, p.upper_80, p.actual_days,
            p.late_probability, p.was_late
        from published.delivery_predictions p {join}
        where p.stage = 'approved' and p.actual_days is not null
            and {REGION.format("p.")} and {DAYS.format("p.")} {more}
    """


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def tenths(chosen: Chosen, first: date, last: date) -> pd.DataFrame:
    """Delivered orders in up to ten parts of equal size, from the shortest delivery time predicted
    at approval to the longest: TENTH_COLUMNS, means in days. Of fewer than 100 orders, fewer parts.
    """
    frame = read(
        f"""
        with outcomes as ({_outcomes(chosen)}),
        parts as (
            select *, ntile(
                (select least(10, greatest(1, count(*) / 10)) from outcomes)::int
            ) over (order by predicted_days, order_id) as part
            from outcomes
        )
        select part, count(*) as orders, avg(predicted_days) as said_days,
            avg(lower_80) as said_from, avg(upper_80) as said_to, avg(actual_days) as real_days,
            avg((actual_days between lower_80 and upper_80)::int)::float8 as coverage_80
        from parts group by part order by part
        """,
        given(chosen, first, last),
    )
    return frame[list(TENTH_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def risks(chosen: Chosen, first: date, last: date) -> pd.DataFrame:
    """Outcomes of delivered orders by their risk at approval: by bucket of ten points, and by
    whether an order was among the tenth with the highest risk.

    bucket, is_riskiest, orders, probability (sum), squared (sum of squares), late, late_probability
    (sum over late orders).
    """
    return read(
        f"""
        with outcomes as ({_outcomes(chosen)}),
        ranked as (
            select *, ntile(10) over (order by late_probability desc, order_id) = 1 as is_riskiest
            from outcomes where was_late is not null
        )
        select least(floor(late_probability * 10), 9)::int as bucket, is_riskiest,
            count(*) as orders, sum(late_probability) as probability,
            sum(late_probability ^ 2) as squared, count(*) filter (where was_late) as late,
            coalesce(sum(late_probability) filter (where was_late), 0) as late_probability
        from ranked group by 1, 2 order by 1, 2
        """,
        given(chosen, first, last),
    )


def buckets(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `risks` by bucket alone: BUCKET_COLUMNS."""
    frame = rows.groupby("bucket", as_index=False)[["orders", "probability", "late"]].sum()
    frame["said_late"] = frame["probability"] / frame["orders"]
    frame["late_rate"] = frame["late"] / frame["orders"]
    return frame[list(BUCKET_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def late_versions(last: date) -> dict[str, str]:
    """The version that predicted the newest risk of each stage, for orders placed in the four weeks
    up to `last`: stage -> late_version."""
    frame = read(
        """
        select distinct on (stage) stage, late_version from published.delivery_predictions
        where day between %s and %s order by stage, scored_at desc
        """,
        (last - timedelta(days=27), last),
    )
    return dict(zip(frame["stage"], frame["late_version"], strict=True))
