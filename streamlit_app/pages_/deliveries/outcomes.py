"""How the predictions of delivered orders did: delivery times, late rates and risks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app.blocks import layout
from streamlit_app.blocks.held import EXPECTED_80, verdict_on
from streamlit_app.chance import FEW, beyond_chance
from streamlit_app.pages_.deliveries import charts
from streamlit_app.pages_.deliveries import outcomes_data as data
from streamlit_app.pages_.deliveries.data import Chosen
from streamlit_app.pages_.deliveries.selection import Selection
from streamlit_app.view import View

# Beyond this the time axis has months.
_WEEKS_UP_TO = 182
# Fewer delivered orders cannot show any skill.
_ENOUGH_FOR_SKILL = 100
_STAGES = ("approved", "in_transit")
_COUNTS = ("orders", "delivered", "late", "part")


def delivery_times(selection: Selection) -> None:
    """Predicted against actual: whether orders with 10 predicted days take 10 days."""
    view = selection.view
    layout.heading(view.text("outcomes"))
    rows = _measured(selection, data.tenths)
    if rows is None:
        return
    orders = rows["orders"].sum()
    inside = (rows["coverage_80"] * rows["orders"]).sum() / orders
    verdict = ""
    if orders >= FEW:
        verdict = " " + view.text(f"coverage.{verdict_on(inside, EXPECTED_80)}")
    share, target = view.percent(inside), view.percent(EXPECTED_80)
    words = view.text("outcomes.words", n=view.number(orders), share=share, target=target)
    st.markdown(words + verdict)
    off = (rows["said_days"] - rows["real_days"]).abs().max()
    layout.chart(
        charts.predicted_against_actual(view, rows),
        key="desk.real.chart",
        alt=view.text("outcomes.alt", n=view.number(len(rows)), off=view.duration(off)),
    )
    st.caption(view.text("outcomes.body") + _pale(view, rows["orders"]))
    days = ("said_days", "said_from", "said_to", "real_days")
    with st.expander(view.text("outcomes.table")):
        formats = {
            **dict.fromkeys(days, lambda value: view.number(value, 1)),
            "coverage_80": lambda share: view.percent(share, 1),
        }
        _table(view, rows, "real", view.text("outcomes"), formats)


def late_rates(selection: Selection) -> None:
    """The late rate over time, with the number of deliveries behind it."""
    view, period = selection.view, selection.period
    step = "week" if (period.last - period.first).days < _WEEKS_UP_TO else "month"
    rows = data.rates(selection.chosen, *period, step)
    known = rows["late_rate"].dropna()
    if known.empty:
        return
    layout.heading(view.text("rates"))
    low, high = view.percent(known.min(), 1), view.percent(known.max(), 1)
    layout.chart(
        charts.late_rates(view, rows, step),
        key="desk.rates.chart",
        alt=view.text("rates.alt", low=low, high=high),
    )
    st.caption(view.text("rates.body", enough=str(FEW)))
    with st.expander(view.text("rates.table")):
        formats = {
            "begins": lambda day: view.short_day(day.date(), weekday=False, year=True),
            "late_rate": lambda share: view.percent(share, 1),
        }
        _table(view, rows, "rates", view.text("rates"), formats)


def risks(selection: Selection) -> None:
    """Whether orders were late as often as predicted, and whether the risk distinguishes them."""
    view = selection.view
    layout.heading(view.text("risk"))
    same = _stages_with_one_risk(selection)
    for stage in same:
        st.warning(view.text(f"risk.same.{stage}"))
    rows = _measured(selection, data.risks)
    if rows is None:
        return
    orders = rows["orders"].sum()
    if orders < _ENOUGH_FOR_SKILL:
        st.markdown(view.text("risk.few", n=view.number(orders)))
    elif "approved" not in same:
        st.markdown(_skill(view, rows))
    steps = data.buckets(rows)
    _highest_bucket(view, steps)
    layout.chart(
        charts.risk_against_actual(view, steps),
        key="desk.risk.chart",
        alt=view.text("risk.alt", n=view.number(len(steps))),
    )
    brier, base = _brier(rows)
    caption = view.text("risk.body", brier=view.number(brier, 4), base=view.number(base, 4))
    st.caption(caption + _pale(view, steps["orders"]))
    with st.expander(view.text("risk.table")):
        shares = ("said_late", "late_rate")
        formats = {
            "bucket": lambda bucket: charts.bucket_name(view, int(bucket)),
            **dict.fromkeys(shares, lambda share: view.percent(share, 1)),
        }
        _table(view, steps, "risk", view.text("risk"), formats)


def _stages_with_one_risk(selection: Selection) -> list[str]:
    """The stages whose newest risks are the same for all orders."""
    versions = data.late_versions(selection.period.last)
    return [
        stage for stage in _STAGES if versions.get(stage, "").split("-")[0] in data.SAME_FOR_ALL
    ]


def _measured(
    selection: Selection, read: Callable[[Chosen, date, date], pd.DataFrame]
) -> pd.DataFrame | None:
    """What `read` has of the days whose orders have nearly all arrived, and a word on the others;
    None, and why, where there is nothing to measure.
    """
    view, period = selection.view, selection.period
    until = data.arrived_until(*period)
    if until is None:
        st.info(view.text("judged.none"))
        return None
    if until < period.last:
        day = view.short_day(until, weekday=False, year=True)
        st.caption(view.text("judged", day=day))
    rows = read(selection.chosen, period.first, until)
    if rows.empty:
        st.info(view.text("outcomes.none"))
        return None
    return rows


def _highest_bucket(view: View, steps: pd.DataFrame) -> None:
    """How many orders of the highest risk were late, if there are enough of them."""
    enough = steps[steps["orders"] >= FEW]
    if enough.empty:
        return
    highest: Any = enough.iloc[-1]
    st.markdown(
        view.text(
            "risk.bucket",
            range=charts.bucket_name(view, int(highest["bucket"])),
            share=view.percent(highest["late_rate"]),
            n=view.number(highest["orders"]),
        )
    )


def _brier(rows: pd.DataFrame) -> tuple[float, float]:
    """The mean squared error of the risk, and that of predicting the late rate for every order."""
    orders = rows["orders"].sum()
    rate = rows["late"].sum() / orders
    squared = rows["squared"].sum() - 2 * rows["late_probability"].sum() + rows["late"].sum()
    return squared / orders, rate * (1 - rate)


def _skill(view: View, rows: pd.DataFrame) -> str:
    """Whether the orders with the highest risks were late more often than chance allows."""
    riskiest = rows["is_riskiest"].astype(bool)
    late, n, others_late, others = (
        float(part[column].sum())
        for part in (rows[riskiest], rows[~riskiest])
        for column in ("late", "orders")
    )
    beyond = beyond_chance(late, n, others_late, others)
    return view.text(
        "risk.skill" if beyond else "risk.no_skill",
        top=view.percent(late / n, 1),
        rest=view.percent(others_late / others, 1),
    )


def _pale(view: View, orders: pd.Series) -> str:
    return view.text("pale", enough=str(FEW)) if (orders < FEW).any() else ""


def _table(
    view: View,
    rows: pd.DataFrame,
    name: str,
    alt: str,
    formats: layout.Formats,
) -> None:
    counts: layout.Formats = dict.fromkeys(_COUNTS, view.number)
    formats, file_name = {**counts, **formats}, f"deliveries_{name}"
    layout.table_with_files(view, rows, key=name, alt=alt, shown=formats, name=file_name)
