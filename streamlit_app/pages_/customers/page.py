"""Customers: which groups there are, what they are like, and how well they are served.

What it reads is in `data.py`, its charts are in `charts.py`. No customer is looked at alone: groups
of a few have no figures here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout, periods
from streamlit_app.blocks.layout import literal
from streamlit_app.chance import FEW, beyond_chance
from streamlit_app.data import flows
from streamlit_app.data.flows import ALL
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.frames import each_row, row_at
from streamlit_app.pages_.customers import charts, data
from streamlit_app.pages_.deliveries.charts import unfinished
from streamlit_app.pages_.deliveries.data import FLOW
from streamlit_app.view import View

# Figures of fewer customers or deliveries would reveal what a few people do.
FEWEST = 10
# Below this a group is hardly found again among other customers (Hennig 2007).
UNSTABLE = 0.6
# Groups are made each month: two months without new ones are one too many.
_STALE_DAYS = 62
_SHOWN_MONTHS = 12
MEASURES = ("customers", "recency_days", "orders_each", "value", "late_share", "mean_days")


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    layout.head(view)
    months = data.segment_months()
    if not months:
        layout.notice(st.info, view, "none")
        return
    month = _choose_month(view, months)
    rows = data.segments(month)
    names = {group: segment_name(view, group) for group in rows["segment"]}
    st.caption(
        view.text(
            "stamp",
            n=view.number(rows["customers"].sum()),
            k=view.number(len(rows)),
            day=view.long_day(month, year=True),
        )
    )
    if month == months[0] and (view.today("UTC") - month).days > _STALE_DAYS:
        st.warning(view.text("stale", month=view.long_month(month)))
    _groups(view, rows, names)
    _compare(view, rows, names, month)
    _served(view, month, names)
    with st.expander(view.text("choice")):
        _choice(view, month)
    layout.simulated_note(view, FLOW)


def segment_name(view: View, group: str) -> str:
    """A group's name in the reader's language; one without a text is shown as is."""
    numbered = re.fullmatch(r"occasional_(\d+)", group)
    if numbered:
        return view.text("segment.numbered", n=numbered[1])
    return view.name("segment", group)


def _choose_month(view: View, months: list[date]) -> date:
    labels = {f"{month:%Y-%m}": capitalised(view.long_month(month)) for month in months}
    chosen = choices.select("month", view.text("month"), labels, f"{months[0]:%Y-%m}")
    return date.fromisoformat(f"{chosen}-01")


def _groups(view: View, rows: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Each group in plain words."""
    layout.heading(view.text("groups"))
    cards = [_card(view, row, names[row.segment]) for row in each_row(rows)]
    layout.day_cards(cards, view.text("groups"))
    st.caption(view.text("group.means", n=str(FEWEST)))


def _card(view: View, row: Any, name: str) -> str:
    if row.is_hidden:
        hidden = view.text("group.hidden", n=str(FEWEST))
        return layout.day_card(name, MISSING, [hidden], names=(), load="", warn=False)
    is_unstable = row.stability < UNSTABLE
    served = [view.text("group.undelivered")]
    if not is_missing(row.mean_days):
        served = [
            view.text("group.late", share=view.percent(row.late_share)),
            view.text("group.days", days=view.duration(row.mean_days)),
        ]
    notes = [
        view.text("group.share", share=view.percent(row.share)),
        view.text("group.recency", days=_whole_days(view, row.recency_days)),
        view.text("group.orders", n=view.number(row.orders_each, 1)),
        view.text("group.value", n=view.number(row.value)),
        *served,
    ]
    return layout.day_card(
        name,
        view.text("group.count", n=view.number(row.customers)),
        notes,
        names=(),
        load=view.text("group.unstable") if is_unstable else "",
        warn=is_unstable,
    )


def _whole_days(view: View, days: float) -> str:
    return view.duration(days if is_missing(days) else round(days))


def _compare(view: View, rows: pd.DataFrame, names: Mapping[str, str], month: date) -> None:
    """The groups next to each other by one measure, and all figures as a table."""
    labels = {measure: view.text(f"by.{measure}") for measure in MEASURES}
    measure = choices.select("measure", view.text("compare"), labels, MEASURES[0])
    shown = rows[~rows["is_hidden"] & rows[measure].notna()]
    figures = [_figure(view, measure, row) for _, row in shown.iterrows()]
    groups = [names[group] for group in shown["segment"]]
    if groups:
        listed = ", ".join(
            f"{group}{view.colon}{figure}" for group, figure in zip(groups, figures, strict=True)
        )
        layout.chart(
            charts.bars(view, groups, list(shown[measure]), figures),
            key="customers.bars",
            alt=view.text("compare.alt", by=labels[measure], groups=listed),
        )
    formats: layout.Formats = {
        "segment": lambda group: literal(names[group]),
        "customers": view.number,
        **dict.fromkeys(("share", "late_share"), lambda value: view.percent(value, 1)),
        **layout.decimals(view, ("orders_each", "mean_days")),
        **layout.decimals(view, ("recency_days", "value"), 0),
        **layout.decimals(view, ("stability",), 2),
    }
    with st.expander(view.text("compare.table")):
        whole, name = rows[list(data.SEGMENT_COLUMNS)], f"customers_{month:%Y-%m}"
        layout.table_with_files(
            view, whole, key="customers", alt=view.text("groups"), shown=formats, name=name
        )


def _figure(view: View, measure: str, row: pd.Series) -> str:
    value = row[measure]
    if measure == "customers":
        return f"{view.number(value)} ({view.percent(row['share'])})"
    if measure == "late_share":
        return view.percent(value, 1)
    if measure == "recency_days":
        return _whole_days(view, value)
    if measure == "mean_days":
        return view.duration(value)
    return view.number(value, 1 if measure == "orders_each" else 0)


def _served(view: View, month: date, names: dict[str, str]) -> None:
    """How often deliveries to each group were late, month by month."""
    layout.heading(view.text("served"))
    region, place = periods.chosen_centre(view, "region", flows.centres(FLOW))
    first = (month - timedelta(days=30 * (_SHOWN_MONTHS - 1))).replace(day=1)
    # To the end of the month that begins with these groups.
    last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    every = data.experience(region, first, last)
    rows = every[every["delivered"] >= FEWEST].reset_index(drop=True)
    if rows.empty:
        st.info(view.text("served.none", place=literal(place)))
        return
    # Groups of earlier months may be gone by now; their deliveries are not.
    gone = [group for group in rows["segment"].unique() if group not in names]
    named = {**names, **{group: segment_name(view, group) for group in gone}}
    _worst_and_best(view, rows[~unfinished(rows)], named)
    low, high = (
        view.percent(rate, 1) for rate in (rows["late_rate"].min(), rows["late_rate"].max())
    )
    layout.chart(
        charts.late_rates(view, rows, named),
        key="customers.experience",
        alt=view.text("served.alt", low=low, high=high),
    )
    hidden = len(every) - len(rows)
    enough = {"n": str(FEWEST), "enough": str(FEW)}
    st.caption(
        view.text("served.body", place=literal(place), **enough)
        + (view.text("served.hidden", n=view.number(hidden)) if hidden else "")
    )
    where = "all" if region == ALL else region
    name = f"customers_late_{where}_{first:%Y-%m}_{month:%Y-%m}"
    formats: layout.Formats = {
        "segment": lambda group: literal(named[group]),
        "month": lambda at: capitalised(view.long_month(at.date())),
        **layout.decimals(view, ("orders", "delivered", "late"), 0),
        "late_rate": lambda value: view.percent(value, 1),
    }
    with st.expander(view.text("served.table")):
        layout.table_with_files(
            view, rows, key="late", alt=view.text("served"), shown=formats, name=name
        )


def _worst_and_best(view: View, rows: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Which group is delivered late most often, if that is beyond chance; `rows` are of months
    whose orders have arrived."""
    sums = rows.groupby("segment")[["late", "delivered"]].sum()
    sums = sums[sums["delivered"] >= FEW]
    if len(sums) < 2:
        return
    rates = sums["late"] / sums["delivered"]
    worst, best = row_at(sums, rates.idxmax()), row_at(sums, rates.idxmin())
    beyond = beyond_chance(
        *(float(part[column]) for part in (worst, best) for column in ("late", "delivered"))
    )
    st.markdown(
        view.text(
            "served.words" if beyond else "served.alike",
            worst=literal(names[str(rates.idxmax())]),
            worst_rate=view.percent(rates.max(), 1),
            best=literal(names[str(rates.idxmin())]),
            best_rate=view.percent(rates.min(), 1),
        )
    )


def _choice(view: View, month: date) -> None:
    """How the number of groups was chosen."""
    rows = data.segment_choices(month)
    chosen = rows.loc[rows["chosen"], "k"]
    if chosen.empty:
        st.info(view.text("choice.none"))
        return
    st.markdown(view.text("choice.body", k=view.number(chosen.iloc[0])))
    layout.chart(
        charts.choices_of_k(view, rows), key="customers.choice", alt=view.text("choice.alt")
    )
    formats: layout.Formats = {
        "k": view.number,
        **layout.decimals(view, ("silhouette", "stability"), 2),
        "chosen": lambda yes: view.text("choice.yes" if yes else "choice.no"),
    }
    layout.table(view, rows, key="choice.table", alt=view.text("choice"), shown=formats)


show(layout.view_of("customers"))
