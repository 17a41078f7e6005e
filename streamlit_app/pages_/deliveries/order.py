"""One order: its facts, its timeline, why it is at risk, and the actions about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.blocks.layout import literal
from streamlit_app.formats import MISSING, capitalised
from streamlit_app.frames import each_row
from streamlit_app.pages_.deliveries import actions, data, reasons
from streamlit_app.pages_.deliveries.selection import Selection, days_between
from streamlit_app.view import View

_OPEN = ("placed", "approved", "in_transit")
# Events that have a step of their own in the timeline.
_OWN_STEPS = ("handed_over", "delivered")


class Step(NamedTuple):
    """One step of an order's timeline: the name of its text, when it was or will be, and notes."""

    name: str
    at: pd.Timestamp | None
    notes: Sequence[str] = ()


def show(selection: Selection, order_id: str) -> None:
    """The page of an order; where there is none with this number, that there is none."""
    view = selection.view
    with st.container(border=True, key="order-page"):
        row = data.order(order_id)
        if row is None:
            st.info(view.text("order.unknown", order=literal(order_id)))
            return
        zone = selection.zone(row["centre_id"])
        _head(selection, row)
        _verdict(selection, row, zone)
        st.markdown(f"**{view.text('order.life')}**")
        _timeline(selection, row, zone)
        _incidents(view, order_id, zone)
        left, right = st.columns(2)
        with left:
            if row["late_probability"] is not None:
                _reasons(view, row)
            actions.taken(view, row, zone)
        with right:
            actions.form(view, row)


def _head(selection: Selection, row: pd.Series) -> None:
    view = selection.view
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        title = view.text("order.title", order=literal(row["order_id"]))
        st.subheader(title, anchor=False, width="content")
        st.button(
            view.text("order.close"),
            key="order.close",
            on_click=choices.take,
            args=("order", ""),
        )
    st.markdown(
        view.text(
            "order.facts",
            region=literal(selection.labels.get(row["centre_id"], row["centre_id"])),
            shipper=literal(row["shipper"] or MISSING),
            category=literal(row["category"] or MISSING),
            price=view.number(row["price"], 2),
            status=view.name("status", row["status"]),
        )
    )


def _verdict(selection: Selection, row: pd.Series, zone: str) -> None:
    """The state of the order: delivered, overdue, resolved, and its risk."""
    view, now = selection.view, selection.now
    if row["actual_days"] is not None:
        key = "order.was.late" if row["was_late"] else "order.was.in_time"
        st.markdown(view.text(key, days=view.duration(row["actual_days"])))
    elif row["status"] in _OPEN and row["promised_at"] < now:
        age = view.duration(days_between(row["promised_at"], now))
        st.markdown(view.text("order.overdue", age=age))
    if row["late_probability"] is None:
        st.markdown(view.text("order.unscored"))
    else:
        st.markdown(_risk(view, row, zone))
    if row["is_resolved"]:
        author, at = literal(row["last_author"]), view.moment(row["last_acted_at"], zone)
        st.markdown(view.text("order.resolved", author=author, at=at))


def _risk(view: View, row: pd.Series, zone: str) -> str:
    verdict = ""
    if row["threshold"] is not None:
        key = "order.risk.high" if row["is_high_risk"] else "order.risk.usual"
        verdict = view.text(key, threshold=view.percent(row["threshold"]))
    return view.text(
        "order.risk",
        risk=view.chance(row["late_probability"]),
        verdict=verdict,
        scored=view.moment(row["scored_at"], zone),
    )


def _timeline(selection: Selection, row: pd.Series, zone: str) -> None:
    """The steps of the order as cards, in the order in which they happen."""
    view = selection.view
    ends = sorted(_ends(selection, row, zone), key=lambda step: step.at)
    cards = []
    for step in (*_steps(view, row), *ends):
        is_predicted = step.name == "predicted"
        hour = "" if step.at is None else view.clock(step.at, zone)
        cards.append(
            layout.day_card(
                view.text(f"life.{step.name}"),
                view.text("life.not_yet") if step.at is None else selection.day(step.at, zone),
                # A predicted hour would be more than is known.
                [*([] if is_predicted else [hour]), *step.notes],
                names=(),
                load="",
                warn=is_predicted and step.at is not None and step.at > row["promised_at"],
            )
        )
    layout.day_cards(cards, view.text("order.life"))


def _steps(view: View, row: pd.Series) -> Iterator[Step]:
    """The steps that have happened, or are still to happen, before delivery."""
    yield Step("placed", row["placed_at"])
    if row["paid_at"] is not None:
        yield Step("paid", row["paid_at"])
    yield Step("approved", row["approved_at"])
    yield Step("handed_over", row["handed_over_at"])
    if row["last_tracked_at"] is not None and row["last_tracked"] not in _OWN_STEPS:
        event = view.name("tracked", row["last_tracked"])
        yield Step("tracked", row["last_tracked_at"], (event,))
    if row["cancelled_at"] is not None:
        yield Step("cancelled", row["cancelled_at"])


def _ends(selection: Selection, row: pd.Series, zone: str) -> Iterator[Any]:
    """The promised, the predicted and the actual delivery."""
    view = selection.view
    yield Step("promised", row["promised_at"])
    if row["promised_now_at"] is not None and row["promised_now_at"] != row["promised_at"]:
        yield Step("promised_now", row["promised_now_at"])
    if row["predicted_at"] is not None:
        day = pd.Timedelta(days=1)
        first, last = (row["placed_at"] + row[side] * day for side in ("lower_80", "upper_80"))
        band = selection.band("life.band", first, last, zone)
        after = view.text("life.after", days=view.duration(row["predicted_days"]))
        has_passed = row["delivered_at"] is None and row["predicted_at"] < selection.now
        passed = (view.text("life.passed"),) if has_passed else ()
        yield Step("predicted", row["predicted_at"], (*passed, after, band))
    if row["delivered_at"] is not None:
        after = view.text("life.after", days=view.duration(row["actual_days"]))
        yield Step("delivered", row["delivered_at"], (after,))


def _incidents(view: View, order_id: str, zone: str) -> None:
    rows = data.incidents(order_id)
    if rows.empty:
        return
    st.markdown(f"**{view.text('order.incidents')}**")
    st.markdown("\n".join(f"- {_incident(view, row, zone)}" for row in each_row(rows)))


def _incident(view: View, row: Any, zone: str) -> str:
    kind = view.text("order.incident.kind") if pd.isna(row.kind) else str(row.kind)
    words = {
        "kind": literal(capitalised(kind.replace("_", " "))),
        "opened": view.moment(row.opened_at, zone),
    }
    if pd.isna(row.resolved_at):
        return view.text("order.incident.open", **words)
    took = view.duration(days_between(row.opened_at, row.resolved_at))
    return view.text(f"order.incident.{row.resolved_by}", took=took, **words)


def _reasons(view: View, row: pd.Series) -> None:
    st.markdown(f"**{view.text('order.why')}**")
    lines = reasons.sentences(view, row["reasons"] or [])
    passed = row["late_probability"] == reasons.CERTAIN
    st.markdown(
        "\n".join(f"- {line}" for line in lines)
        or view.text("order.why.passed" if passed else "order.why.none")
    )
