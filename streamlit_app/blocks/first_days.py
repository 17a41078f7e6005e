"""The first days of an issue: the first one in figures, and the next seven as cards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from streamlit_app.blocks import layout
from streamlit_app.blocks.issue import Issue
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.view import View

# From this share of a centre's capacity on, a day is marked.
NEARLY_FULL = 0.9
_WEEK = 7
_NO_DAYS = pd.DataFrame(columns=["day", "holiday", "is_bridge_day", "event"])


def first_day(issue: Issue, tiles: Sequence[str] = ()) -> None:
    """The first forecast day: the forecast, how sure it is, the page's own `tiles`, the actual."""
    view, row = issue.view, issue.first_row
    day = row["date"].date()
    spelled = view.long_day(day)
    distance = (day - view.today(issue.centre.timezone)).days
    title = {0: view.text("today", day=spelled), 1: view.text("tomorrow", day=spelled)}.get(
        distance, capitalised(view.long_day(day, year=True))
    )
    value = view.text("amount", n=view.rounded(row["prediction"]))
    boxes = [layout.tile(title, value, range_of(view, "range", row), main=True), *tiles]
    if not is_missing(row["actual"]):
        boxes.append(_actual_tile(view, row))
    elif issue.is_due(day):
        boxes.append(layout.tile(view.text("actual.title"), MISSING, view.text("absent")))
    layout.tiles(boxes, view.text("head.label", day=spelled))


def next_days(issue: Issue, known_days: pd.DataFrame = _NO_DAYS) -> None:
    """The seven days after the issue, each with its range, its load and its name.

    `known_days` has day, holiday, is_bridge_day and event: "" where a day has no name.
    """
    view, capacity = issue.view, issue.centre.capacity
    is_ahead = issue.first_row["date"].date() >= view.today(issue.centre.timezone)
    title = view.text("week" if is_ahead else "week.past")
    layout.heading(title)
    named = known_days.set_index("day")
    cards = []
    for row in issue.rows[issue.rows["horizon"] <= _WEEK].to_dict("records"):
        share = row["prediction"] / capacity if capacity else None
        notes = [range_of(view, "card.range", row)]
        if not is_missing(row["actual"]):
            notes.append(view.text("card.actual", actual=view.rounded(row["actual"])))
        elif issue.is_due(row["date"].date()):
            notes.append(view.text("absent"))
        load = "" if share is None else view.text("card.load", share=view.percent(share))
        cards.append(
            layout.day_card(
                capitalised(view.short_day(row["date"].date())),
                view.rounded(row["prediction"]),
                notes,
                names=_names(view, named, row["date"]),
                load=load,
                warn=share is not None and share > NEARLY_FULL,
            )
        )
    layout.day_cards(cards, title)


def range_of(view: View, key: str, row: Any) -> str:
    """The 80 % range in words; on a closed day there is nothing to give a range of."""
    if row["upper_80"] < 0.5:
        return view.text("range.none")
    lower, upper = view.rounded(row["lower_80"]), view.rounded(row["upper_80"])
    return view.text(key, lower=lower, upper=upper)


def _actual_tile(view: View, row: Any) -> str:
    actual = row["actual"]
    error = row["prediction"] - actual
    gap = view.text("exact")
    if round(error) != 0:
        gap = view.text("over" if error > 0 else "under", amount=view.rounded(abs(error)))
    inside = row["lower_80"] <= actual <= row["upper_80"]
    words = view.text("actual.inside" if inside else "actual.outside", error=gap)
    return layout.tile(view.text("actual.title"), view.rounded(actual), words)


def _names(view: View, named: pd.DataFrame, day: pd.Timestamp) -> list[str]:
    if day not in named.index:
        return []
    known: Any = named.loc[day]
    names = [text for text in (known["holiday"], known["event"]) if text]
    return [*names, view.text("days.bridge")] if known["is_bridge_day"] else names
