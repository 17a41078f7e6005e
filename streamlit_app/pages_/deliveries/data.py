"""What the page Deliveries desk reads: SQL on the published views, as frames.

Days are those on which orders were placed (UTC), durations are days. No view holds a customer, and
none is asked for. What the desk writes is in `desk.py`; what it reads of predictions that can be
measured is in `outcomes_data.py`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read
from streamlit_app.data.flows import ALL
from streamlit_app.frames import row_at
from streamlit_app.pages_.deliveries import reasons

FLOW = "deliveries"
# The late rate of days with fewer of their orders delivered is not settled yet: the slow orders,
# which are the late ones, are still in transit.
NEARLY_ALL = 0.9
SHOWS = ("act", "ahead", "overdue", "open", "resolved")

# The columns of the list's file, in this order; the screen shows the same facts in fewer columns.
ORDER_COLUMNS = (
    "order_id",
    "late_probability",
    "is_high_risk",
    "is_overdue",
    "promised_at",
    "predicted_at",
    "predicted_from",
    "predicted_to",
    "why",
    "price",
    "shipper",
    "category",
    "centre_id",
    "status",
    "placed_at",
    "last_action",
    "last_author",
    "last_acted_at",
    "last_note",
)

# On the screen, and in the file.
LISTED = 25
FILED = 5000
_OFFERED = 300


class Chosen(NamedTuple):
    """Which orders are looked at; ALL where that does not matter."""

    region: str = ALL
    shipper: str = ALL
    category: str = ALL


class Fresh(NamedTuple):
    """How new the data are: newest day of placing, newest event and newest score (UTC)."""

    day: date
    event_at: datetime
    scored_at: datetime | None


# Conditions of queries, with a blank for the alias of a table.
REGION = "(%(region)s = '*' or {0}centre_id = %(region)s)"
SHIPPER = "(%(shipper)s = '*' or {0}shipper = %(shipper)s)"
CATEGORY = "(%(category)s = '*' or {0}category = %(category)s)"
DAYS = "{0}day between %(first)s and %(last)s"
CHOSEN = " and ".join(part.format("") for part in (REGION, SHIPPER, CATEGORY, DAYS))


def given(chosen: Chosen, first: date, last: date) -> dict[str, object]:
    """The parameters of a query with these conditions."""
    return {**chosen._asdict(), "first": first, "last": last}


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def fresh() -> Fresh | None:
    """How new the data about orders are; None where there are no orders."""
    rows = read(
        "select dataset, newest_day, newest_at from published.freshness where flow = %s", (FLOW,)
    ).set_index("dataset")
    events = row_at(rows, "actuals") if "actuals" in rows.index else None
    if events is None or pd.isna(events["newest_day"]):
        return None
    has_scores = "predictions" in rows.index
    scored = row_at(rows, "predictions")["newest_at"] if has_scores else pd.NaT
    return Fresh(
        events["newest_day"].date(),
        events["newest_at"].to_pydatetime(),
        None if pd.isna(scored) else scored.to_pydatetime(),
    )


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def first_day() -> date | None:
    """The first day on which an order was placed."""
    first = read("select min(day) as day from published.delivery_performance")["day"].iloc[0]
    return None if pd.isna(first) else first.date()


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def offered(kind: str, region: str, first: date, last: date) -> list[str]:
    """The shippers or categories (`kind`) of a region's orders, those with most orders first."""
    assert kind in ("shipper", "category")
    rows = read(
        f"""
        select {kind} as name from published.delivery_performance
        where {REGION.format("")} and {DAYS.format("")} and {kind} is not null
        group by {kind} order by sum(orders) desc, {kind} limit {_OFFERED}
        """,
        {"region": region, "first": first, "last": last},
    )
    return [str(name) for name in rows["name"]]


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def totals(chosen: Chosen, first: date, last: date) -> pd.Series:
    """The orders placed on these days, added up: orders, delivered, late, scored, high_risk,
    incidents, incidents_resolved; then late_rate, gap_days and abs_gap_days (means over delivered
    orders that were predicted), high_risk_share (of scored ones), resolve_hours (mean). NaN where
    nothing is known.
    """
    frame = read(
        f"""
        select coalesce(sum(orders), 0)::float8 as orders,
            coalesce(sum(delivered), 0)::float8 as delivered,
            coalesce(sum(late), 0)::float8 as late,
            coalesce(sum(scored), 0)::float8 as scored,
            coalesce(sum(high_risk), 0)::float8 as high_risk,
            coalesce(sum(incidents), 0)::float8 as incidents,
            coalesce(sum(incidents_resolved), 0)::float8 as incidents_resolved,
            sum(late) / nullif(sum(delivered), 0)::float8 as late_rate,
            sum(gap_days) / nullif(sum(delivered_scored), 0)::float8 as gap_days,
            sum(abs_gap_days) / nullif(sum(delivered_scored), 0)::float8 as abs_gap_days,
            sum(high_risk) / nullif(sum(scored), 0)::float8 as high_risk_share,
            sum(resolve_hours) / nullif(sum(incidents_resolved), 0) as resolve_hours
        from published.delivery_performance where {CHOSEN}
        """,
        given(chosen, first, last),
    )
    return frame.iloc[0].astype("float64")


# Nobody can act on delivered, cancelled and returned orders any more.
_OPEN = "status in ('placed', 'approved', 'in_transit')"
_OVERDUE = "promised_at < coalesce(%(as_of)s::timestamptz, now())"
_RISKY = "coalesce(is_high_risk, false)"
_RESOLVED = "coalesce(is_resolved, false)"
_SHOWN = {
    "act": f"{_RISKY} and not {_RESOLVED}",
    # A call still helps before the promised date.
    "ahead": f"{_RISKY} and not {_RESOLVED} and not coalesce({_OVERDUE}, false)",
    "overdue": f"{_OVERDUE} and not {_RESOLVED}",
    "open": f"not {_RESOLVED}",
    "resolved": _RESOLVED,
}


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def open_counts(chosen: Chosen, first: date, last: date, as_of: datetime | None) -> dict[str, int]:
    """How many open orders of the days each of SHOWS has; `before` is the number of orders to act
    on that were placed earlier. `as_of` is the moment to compare promised dates with, None = now.
    """
    parameters = {**given(chosen, date(1970, 1, 1), last), "begin": first, "as_of": as_of}
    counted = ", ".join(
        f"count(*) filter (where day >= %(begin)s and {condition}) as {name}"
        for name, condition in _SHOWN.items()
    )
    frame = read(
        f"""
        select {counted}, count(*) filter (where day < %(begin)s and {_SHOWN["act"]}) as before
        from published.delivery_orders where {CHOSEN} and {_OPEN}
        """,
        parameters,
    )
    return {str(name): int(count) for name, count in frame.iloc[0].items()}


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def open_orders(
    chosen: Chosen, first: date, last: date, show: str, as_of: datetime | None
) -> pd.DataFrame:
    """The open orders of one of SHOWS, the riskiest first, at most FILED: ORDER_COLUMNS, with
    `why` as the names of the features that raised the risk, or `reasons.PASSED`. Of equal risks
    the one first whose predicted date is farthest beyond its promised date.
    """
    frame = read(
        f"""
        select order_id, late_probability, is_high_risk, {_OVERDUE} as is_overdue, promised_at,
            predicted_at, placed_at + lower_80 * interval '1 day' as predicted_from,
            placed_at + upper_80 * interval '1 day' as predicted_to, reasons, price, shipper,
            category, centre_id, status, placed_at, last_action, last_author, last_acted_at,
            last_note
        from published.delivery_orders
        where {CHOSEN} and {_OPEN} and {_SHOWN[show]}
        order by late_probability desc nulls last, predicted_at - promised_at desc nulls last,
            order_id
        limit {FILED}
        """,
        {**given(chosen, first, last), "as_of": as_of},
    )
    frame["why"] = [
        "; ".join(str(reason.get("feature")) for reason in found or [])
        or (reasons.PASSED if risk == reasons.CERTAIN else None)
        for found, risk in zip(frame["reasons"], frame["late_probability"], strict=True)
    ]
    return frame[list(ORDER_COLUMNS)]


# Never the customer: an order's page is for those who move the parcel.
_SHOWN_OF_ORDER = (
    *("order_id", "centre_id", "placed_at", "paid_at", "approved_at", "handed_over_at"),
    *("last_tracked_at", "last_tracked", "delivered_at", "cancelled_at", "promised_at"),
    *("promised_now_at", "predicted_at", "predicted_days", "lower_80", "upper_80", "scored_at"),
    *("late_probability", "threshold", "is_high_risk", "reasons", "stage", "status", "price"),
    *("shipper", "category", "distance_km", "segment", "actual_days", "was_late"),
    *("model_version", "late_version", "last_action", "last_note", "last_author"),
    *("last_acted_at", "is_resolved"),
)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def order(order_id: str) -> pd.Series | None:
    """One order with all that its page shows, unknown values as None; None if there is no such."""
    frame = read("select * from published.delivery_orders where order_id = %s", (order_id,))
    if frame.empty:
        return None
    row = frame.iloc[0]
    values = {name: row.get(name) for name in _SHOWN_OF_ORDER}
    return pd.Series(
        {
            name: None if not isinstance(value, list) and pd.isna(value) else value
            for name, value in values.items()
        },
        dtype=object,
    )


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def incidents(order_id: str) -> pd.DataFrame:
    """An order's incidents: kind, opened_at, resolved_at, resolved_by ("log" or "desk")."""
    return read(
        "select kind, opened_at, resolved_at, resolved_by from published.delivery_incidents"
        " where order_id = %s order by opened_at",
        (order_id,),
    )


def forget() -> None:
    """Drop what the desk's writing changes, so that the next read asks the database."""
    for cached in (totals, open_counts, open_orders, order, incidents):
        cached.clear()
