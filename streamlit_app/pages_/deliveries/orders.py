"""The ranked list of open orders, its file, and the page of the order that is opened."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.data.flows import ALL
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.frames import each_row
from streamlit_app.pages_.deliveries import data, order, reasons
from streamlit_app.pages_.deliveries.order_list import Cell, Line, order_list, short
from streamlit_app.pages_.deliveries.selection import Selection, days_between

# Two reasons fit a row; the order's page has all.
_REASONS_LISTED = 2
_HEADINGS = (
    *("order_id", "late_probability", "promised_at", "predicted_at", "why", "price"),
    *("shipper", "status", "last_action"),
)
# The places of the headings whose cells are aligned as numbers.
_NUMERIC = (1, 5)


def show(selection: Selection) -> None:
    """The list and the order that is opened."""
    view, chosen, period = selection.view, selection.chosen, selection.period
    layout.heading(view.text("orders"))
    counts = data.open_counts(chosen, *period, selection.as_of)
    left, right = st.columns([3, 2])
    with left:
        options = {
            name: view.text(f"show.{name}", n=view.number(counts[name])) for name in data.SHOWS
        }
        # Where no risk is high, as when all have the usual rate, overdue orders are shown first.
        default = next((name for name in ("act", "overdue", "open") if counts[name]), "act")
        shown = choices.select("show", view.text("show"), options, default)
    opened = choices.kept("order")
    with right:
        st.session_state["desk.find"] = opened
        st.text_input(view.text("find"), key="desk.find", max_chars=200, on_change=_find)
    rows = data.open_orders(chosen, *period, shown, selection.as_of)
    _list(selection, rows, counts, shown, opened)
    if opened:
        order.show(selection, opened)
    if not rows.empty:
        where = "all" if chosen.region == ALL else chosen.region
        name = f"deliveries_{shown}_{where}_{period.first}_{period.last}"
        layout.downloads(view, rows, name=name, key="orders")


def _find() -> None:
    choices.take("order", st.session_state["desk.find"].strip())


def _list(
    selection: Selection, rows: pd.DataFrame, counts: dict[str, int], shown: str, opened: str
) -> None:
    view = selection.view
    if rows.empty:
        st.info(view.text("listed.none"))
        return
    head = rows.head(data.LISTED)
    order_list(
        [_line(selection, row) for row in each_row(head)],
        [view.text(f"column.{name}") for name in _HEADINGS],
        numeric=_NUMERIC,
        opened=opened,
        name=view.text("list.name"),
        open_label=lambda order_id: view.text("list.open", order=order_id),
        on_open=lambda order_id: choices.take("order", order_id),
    )
    every = view.number(counts[shown])
    words = (
        view.text("listed", shown=view.number(len(head)), all=every)
        if counts[shown] > len(head)
        else view.text("listed.all", all=every)
    )
    earlier = counts["before"]
    st.caption(words + (view.text("listed.older", n=view.number(earlier)) if earlier else ""))


def _line(selection: Selection, row: Any) -> Line:
    """One order as a row of the list."""
    view, zone = selection.view, selection.zone(row.centre_id)
    why = reasons.named(view, str(row.why).split("; ")) if pd.notna(row.why) else []
    return Line(
        row.order_id,
        (
            Cell(view.chance(row.late_probability), strong=bool(row.is_high_risk is True)),
            _promised(selection, row, zone),
            _predicted(selection, row, zone),
            Cell(capitalised(", ".join(why[:_REASONS_LISTED])) or MISSING),
            Cell(view.number(row.price, 2)),
            Cell(MISSING if pd.isna(row.shipper) else short(str(row.shipper))),
            Cell(capitalised(view.name("status", row.status))),
            _last_action(selection, row, zone),
        ),
    )


def _promised(selection: Selection, row: Any, zone: str) -> Cell:
    view, day = selection.view, selection.day(row.promised_at, zone)
    if not row.is_overdue:
        return Cell(day)
    since = view.duration(days_between(row.promised_at, selection.now))
    return Cell(day, (view.text("list.since", age=since),), view.text("list.overdue"))


def _predicted(selection: Selection, row: Any, zone: str) -> Cell:
    view, day = selection.view, selection.day(row.predicted_at, zone)
    if is_missing(row.late_probability):
        return Cell(day, (view.text("list.unscored"),))
    late_by = days_between(row.promised_at, row.predicted_at)
    return Cell(
        day,
        (
            view.text("list.late", n=view.duration(late_by)) if late_by > 0 else "",
            view.text("life.passed") if row.predicted_at < selection.now else "",
            selection.band("list.band", row.predicted_from, row.predicted_to, zone),
        ),
    )


def _last_action(selection: Selection, row: Any, zone: str) -> Cell:
    if pd.isna(row.last_action):
        return Cell(MISSING)
    action = selection.view.text(f"action.{row.last_action}")
    return Cell(action, (str(row.last_author), selection.day(row.last_acted_at, zone)))
