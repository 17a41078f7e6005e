"""Deliveries desk: which orders will be late and why, the actions taken, and how predictions did.

The parts of the page are modules of this folder: `figures.py`, `orders.py`, `order.py` and
`outcomes.py`. What it reads is in `data.py` and `outcomes_data.py`, what it writes in `desk.py`.
"""

from __future__ import annotations

import streamlit as st

from streamlit_app.blocks import layout
from streamlit_app.pages_.deliveries import data, figures, orders, outcomes
from streamlit_app.pages_.deliveries.selection import select
from streamlit_app.view import View


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    listed = layout.head_with_centres(view, data.FLOW)
    if listed is None:
        return
    fresh, first_day = data.fresh(), data.first_day()
    if fresh is None or first_day is None:
        layout.notice(st.info, view, "empty")
        return
    selection = select(view, listed, fresh)
    totals = data.totals(selection.chosen, *selection.period)
    has_orders = bool(totals["orders"])
    if has_orders:
        figures.show(selection, first_day, totals)
    else:
        st.info(view.text("none", **selection.period.spelled(view)))
    orders.show(selection)
    if has_orders:
        outcomes.delivery_times(selection)
        outcomes.late_rates(selection)
        outcomes.risks(selection)
    layout.simulated_note(view, data.FLOW)


show(layout.view_of(data.FLOW))
