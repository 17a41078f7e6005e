"""The orders of a period in five figures, each with its change against the period before."""

from __future__ import annotations

from datetime import date

import pandas as pd

from streamlit_app.blocks import layout, periods
from streamlit_app.blocks.layout import literal
from streamlit_app.blocks.periods import change, difference, joined
from streamlit_app.formats import is_missing
from streamlit_app.pages_.deliveries import data
from streamlit_app.pages_.deliveries.selection import Selection
from streamlit_app.view import View

# A change below this is none, in days and in shares.
_SAME_DAYS = 1 / 48
_SAME_SHARE = 0.0005
_HOURS = 24


def show(selection: Selection, first_day: date, now: pd.Series) -> None:
    """The five figures of `now`, the totals of the period; data start on `first_day`."""
    view, chosen, before = selection.view, selection.chosen, selection.period.before
    # A period that the data reach only in part would look like fewer orders.
    comparable = before.first >= first_day
    old = data.totals(chosen, *before) if comparable else None
    boxes = [
        _late_tile(view, now, old),
        _act_tile(selection, comparable),
        _risk_tile(view, now, old),
        _gap_tile(view, now, old),
        _resolve_tile(view, now, old),
    ]
    title = view.text("period.title", place=selection.title, **selection.period.spelled(view))
    layout.heading(literal(title))
    layout.tiles(boxes, title)
    delivered = now["delivered"] / now["orders"]
    unfinished = ""
    if delivered < data.NEARLY_ALL:
        unfinished = view.text("kpi.unfinished", share=view.percent(delivered))
    periods.compared_with(view, before if comparable else None, first_day, unfinished)


def _late_tile(view: View, now: pd.Series, old: pd.Series | None) -> str:
    note = view.text("kpi.late.none")
    if now["delivered"]:
        note = view.text(
            "kpi.late.body",
            late=view.number(now["late"]),
            n=view.number(now["delivered"]),
            left=view.number(now["orders"] - now["delivered"]),
        )
    moved = _in_points(view, now, old, "late_rate")
    rate = view.percent(now["late_rate"], 1)
    return layout.tile(view.text("kpi.late"), rate, joined(note, moved))


def _act_tile(selection: Selection, comparable: bool) -> str:
    view, chosen, as_of = selection.view, selection.chosen, selection.as_of
    acting = data.open_counts(chosen, *selection.period, as_of)["act"]
    earlier = ""
    if comparable:
        n = data.open_counts(chosen, *selection.period.before, as_of)["act"]
        earlier = view.text("kpi.act.before", n=view.number(n))
    return layout.tile(
        view.text("kpi.act"),
        view.number(acting),
        joined(view.text("kpi.act.body"), earlier),
        warn=acting > 0,
    )


def _risk_tile(view: View, now: pd.Series, old: pd.Series | None) -> str:
    note = view.text(
        "kpi.risk.body", n=view.number(now["high_risk"]), all=view.number(now["scored"])
    )
    moved = _in_points(view, now, old, "high_risk_share")
    share = view.percent(now["high_risk_share"], 1)
    return layout.tile(view.text("kpi.risk"), share, joined(note, moved))


def _gap_tile(view: View, now: pd.Series, old: pd.Series | None) -> str:
    gap = now["gap_days"]
    if is_missing(gap):
        note = view.text("unmeasured")
    else:
        note = view.text(
            "kpi.gap.later" if gap > 0 else "kpi.gap.earlier",
            typical=view.duration(now["abs_gap_days"]),
        )
        moved = change(
            view,
            difference(now, old, "abs_gap_days"),
            least=_SAME_DAYS,
            spell=view.duration,
        )
        note = f"{note} ({moved})" if moved else note
    return layout.tile(view.text("kpi.gap"), view.duration(gap, signed=True), note)


def _resolve_tile(view: View, now: pd.Series, old: pd.Series | None) -> str:
    note = view.text(
        "kpi.resolve.body",
        n=view.number(now["incidents_resolved"]),
        all=view.number(now["incidents"]),
    )
    by = difference(now, old, "resolve_hours") / _HOURS
    moved = change(view, by, least=_SAME_DAYS, spell=view.duration)
    taken = view.duration(now["resolve_hours"] / _HOURS)
    return layout.tile(view.text("kpi.resolve"), taken, joined(note, moved))


def _in_points(view: View, now: pd.Series, old: pd.Series | None, name: str) -> str:
    by = difference(now, old, name)
    return change(view, by, least=_SAME_SHARE, spell=periods.points(view))
