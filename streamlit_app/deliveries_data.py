"""What the pages Deliveries desk and Customers read: SQL on the published views, as frames.

Days are those on which orders were placed (UTC), durations are days. No view holds a customer, and
none is asked for. What the desk writes is in `desk.py`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import reasons
from streamlit_app.data import CACHE_SECONDS, LONG_CACHE_SECONDS, read

FLOW = "deliveries"
# What stands for every region, shipper or category.
ALL = "*"
# Versions that tell no order from another: the base rate, and what speaks before any vintage.
SAME_FOR_ALL = ("usual", "fallback")

# Of a stretch of days with fewer of its orders delivered the late rate does not stand yet: the slow
# ones, which are the late ones, are still on their way.
NEARLY_ALL = 0.9
SHOWS = ("act", "ahead", "overdue", "open", "resolved")

# What the list's file holds, in this order; the screen shows the same facts in fewer columns.
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


_REGION = "(%(region)s = '*' or {0}centre_id = %(region)s)"
_SHIPPER = "(%(shipper)s = '*' or {0}shipper = %(shipper)s)"
_CATEGORY = "(%(category)s = '*' or {0}category = %(category)s)"
_DAYS = "{0}day between %(first)s and %(last)s"


def _where(alias: str = "") -> str:
    return " and ".join(part.format(alias) for part in (_REGION, _SHIPPER, _CATEGORY, _DAYS))


def _given(chosen: Chosen, first: date, last: date) -> dict[str, object]:
    return {**chosen._asdict(), "first": first, "last": last}


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def fresh() -> Fresh | None:
    """How new what is known of orders is; None where there are none."""
    rows = read(
        "select dataset, newest_day, newest_at from published.freshness where flow = %s", (FLOW,)
    ).set_index("dataset")
    if "actuals" not in rows.index or pd.isna(rows.loc["actuals", "newest_day"]):
        return None
    events = rows.loc["actuals"]
    scored = rows.loc["predictions", "newest_at"] if "predictions" in rows.index else pd.NaT
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
        where {_REGION.format("")} and {_DAYS.format("")} and {kind} is not null
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
        from published.delivery_performance where {_where()}
        """,
        _given(chosen, first, last),
    )
    return frame.iloc[0].astype("float64")


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def rates(chosen: Chosen, first: date, last: date, step: str) -> pd.DataFrame:
    """The late rate by `step` ("week" or "month") of placing: RATE_COLUMNS, in order."""
    frame = read(
        f"""
        select date_trunc(%(step)s, day)::date as begins, sum(orders)::bigint as orders,
            sum(delivered)::bigint as delivered, sum(late)::bigint as late,
            sum(late) / nullif(sum(delivered), 0)::float8 as late_rate
        from published.delivery_performance where {_where()} group by 1 order by 1
        """,
        {**_given(chosen, first, last), "step": step},
    )
    return frame[list(RATE_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def arrived_until(first: date, last: date) -> date | None:
    """The newest of these days of placing up to which nearly all orders have arrived: NEARLY_ALL of
    those of the week that it ends, over the whole network. None where there is none.

    Of later days only the quick orders are delivered: to judge by these would flatter.
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


def _said(chosen: Chosen) -> str:
    """Delivered orders of the days with what was said of them when approved."""
    # Shipper and category are known of orders only: without them no order need be looked up.
    narrow = chosen.shipper != ALL or chosen.category != ALL
    join = "join published.delivery_orders o using (order_id)" if narrow else ""
    more = f"and {_SHIPPER.format('o.')} and {_CATEGORY.format('o.')}" if narrow else ""
    more += f" and {_DAYS.format('o.')}" if narrow else ""
    return f"""
        select p.order_id, p.predicted_days, p.lower_80, p.upper_80, p.actual_days,
            p.late_probability, p.was_late
        from published.delivery_predictions p {join}
        where p.stage = 'approved' and p.actual_days is not null
            and {_REGION.format("p.")} and {_DAYS.format("p.")} {more}
    """


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def tenths(chosen: Chosen, first: date, last: date) -> pd.DataFrame:
    """Delivered orders in up to ten parts of equal size, from the shortest delay said when approved
    to the longest: TENTH_COLUMNS, means in days. Fewer parts where there are fewer than 100 orders.
    """
    frame = read(
        f"""
        with said as ({_said(chosen)}),
        parts as (
            select *, ntile(
                (select least(10, greatest(1, count(*) / 10)) from said)::int
            ) over (order by predicted_days, order_id) as part
            from said
        )
        select part, count(*) as orders, avg(predicted_days) as said_days,
            avg(lower_80) as said_from, avg(upper_80) as said_to, avg(actual_days) as real_days,
            avg((actual_days between lower_80 and upper_80)::int)::float8 as coverage_80
        from parts group by part order by part
        """,
        _given(chosen, first, last),
    )
    return frame[list(TENTH_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def risks(chosen: Chosen, first: date, last: date) -> pd.DataFrame:
    """What came of the risks said of delivered orders when approved, by bucket of ten points and by
    whether an order was in the tenth said to be most at risk.

    bucket, is_riskiest, orders, probability (sum), squared (sum of squares), late, late_probability
    (sum over late orders).
    """
    return read(
        f"""
        with said as ({_said(chosen)}),
        ranked as (
            select *, ntile(10) over (order by late_probability desc, order_id) = 1 as is_riskiest
            from said where was_late is not null
        )
        select least(floor(late_probability * 10), 9)::int as bucket, is_riskiest,
            count(*) as orders, sum(late_probability) as probability,
            sum(late_probability ^ 2) as squared, count(*) filter (where was_late) as late,
            coalesce(sum(late_probability) filter (where was_late), 0) as late_probability
        from ranked group by 1, 2 order by 1, 2
        """,
        _given(chosen, first, last),
    )


def buckets(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `risks` by bucket alone: BUCKET_COLUMNS."""
    frame = rows.groupby("bucket", as_index=False)[["orders", "probability", "late"]].sum()
    frame["said_late"] = frame["probability"] / frame["orders"]
    frame["late_rate"] = frame["late"] / frame["orders"]
    return frame[list(BUCKET_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def speaking(last: date) -> dict[str, str]:
    """The version that said the newest risk of each stage, of orders placed in the four weeks up to
    `last`: stage -> late_version."""
    frame = read(
        """
        select distinct on (stage) stage, late_version from published.delivery_predictions
        where day between %s and %s order by stage, scored_at desc
        """,
        (last - timedelta(days=27), last),
    )
    return dict(zip(frame["stage"], frame["late_version"], strict=True))


# Delivered, cancelled and returned orders are no longer anyone's to act on.
_OPEN = "status in ('placed', 'approved', 'in_transit')"
_OVERDUE = "promised_at < coalesce(%(as_of)s::timestamptz, now())"
_RISKY = "coalesce(is_high_risk, false)"
_RESOLVED = "coalesce(is_resolved, false)"
_SHOWN = {
    "act": f"{_RISKY} and not {_RESOLVED}",
    # Whom a call reaches before the promise is broken.
    "ahead": f"{_RISKY} and not {_RESOLVED} and not coalesce({_OVERDUE}, false)",
    "overdue": f"{_OVERDUE} and not {_RESOLVED}",
    "open": f"not {_RESOLVED}",
    "resolved": _RESOLVED,
}


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def open_counts(chosen: Chosen, first: date, last: date, as_of: datetime | None) -> dict[str, int]:
    """How many open orders of the days each of SHOWS has; `before` is the number of orders to act
    on that were placed earlier. `as_of` is the moment at which promises are looked at, None = now.
    """
    given = {**_given(chosen, date(1970, 1, 1), last), "begin": first, "as_of": as_of}
    counted = ", ".join(
        f"count(*) filter (where day >= %(begin)s and {condition}) as {name}"
        for name, condition in _SHOWN.items()
    )
    frame = read(
        f"""
        select {counted}, count(*) filter (where day < %(begin)s and {_SHOWN["act"]}) as before
        from published.delivery_orders where {_where()} and {_OPEN}
        """,
        given,
    )
    return {str(name): int(count) for name, count in frame.iloc[0].items()}


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def open_orders(
    chosen: Chosen, first: date, last: date, show: str, as_of: datetime | None
) -> pd.DataFrame:
    """The open orders of one of SHOWS, the riskiest first, at most FILED: ORDER_COLUMNS, with
    `why` as the names of the features that raised the risk, or `reasons.PASSED`. Of equal risks
    the one first whose predicted date lies farthest beyond its promise.
    """
    frame = read(
        f"""
        select order_id, late_probability, is_high_risk, {_OVERDUE} as is_overdue, promised_at,
            predicted_at, placed_at + lower_80 * interval '1 day' as predicted_from,
            placed_at + upper_80 * interval '1 day' as predicted_to, reasons, price, shipper,
            category, centre_id, status, placed_at, last_action, last_author, last_acted_at,
            last_note
        from published.delivery_orders
        where {_where()} and {_OPEN} and {_SHOWN[show]}
        order by late_probability desc nulls last, predicted_at - promised_at desc nulls last,
            order_id
        limit {FILED}
        """,
        {**_given(chosen, first, last), "as_of": as_of},
    )
    frame["why"] = [
        "; ".join(str(reason.get("feature")) for reason in found or [])
        or (reasons.PASSED if risk == reasons.CERTAIN else None)
        for found, risk in zip(frame["reasons"], frame["late_probability"], strict=True)
    ]
    return frame[list(ORDER_COLUMNS)]


# Never the customer: an order's page is for whoever moves the parcel.
_TOLD = (
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
    """All that is told of one order; what the view does not have is None. None if there is none."""
    frame = read("select * from published.delivery_orders where order_id = %s", (order_id,))
    if frame.empty:
        return None
    row = frame.iloc[0]
    told = {name: row.get(name) for name in _TOLD}
    return pd.Series(
        {
            name: None if not isinstance(value, list) and pd.isna(value) else value
            for name, value in told.items()
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
        where {_REGION.format("")} and {_DAYS.format("")} and segment is not null
        group by 1, 2 having sum(delivered) > 0 order by 1, 2
        """,
        {"region": region, "first": first, "last": last},
    )
    return frame[list(EXPERIENCE_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def segment_choices(month: date) -> pd.DataFrame:
    """How well each number of groups would have served in a month: CHOICE_COLUMNS."""
    frame = read(
        "select k, silhouette, stability, chosen from published.segment_choices"
        " where month = %s order by k",
        (month,),
    )
    return frame[list(CHOICE_COLUMNS)]
