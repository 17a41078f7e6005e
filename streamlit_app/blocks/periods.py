"""Days that a page looks at together, and how a figure changed from the days before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.data.flows import ALL
from streamlit_app.formats import is_missing
from streamlit_app.view import View


class Period(NamedTuple):
    """Days (UTC) that are looked at together, both ends included."""

    first: date
    last: date

    @property
    def before(self) -> Period:
        """As many days, just before."""
        days = self.last - self.first + timedelta(days=1)
        return Period(self.first - days, self.first - timedelta(days=1))

    def spelled(self, view: View) -> dict[str, str]:
        """Both ends in words, for the blanks {first} and {last} of a text."""
        return {
            "first": view.short_day(self.first, weekday=False),
            "last": view.short_day(self.last, weekday=False, year=True),
        }


def days_to_choose(view: View, days: Sequence[str]) -> dict[str, str]:
    """The options of a select box of periods, such as the last 28 days."""
    return {n: view.text("days", n=n) for n in days}


def chosen_centre(view: View, name: str, listed: pd.DataFrame) -> tuple[str, str]:
    """The centre that the reader chooses, or ALL, and its label; kept in the address as `name`."""
    labels = {
        ALL: view.text("all_centres"),
        **dict(zip(listed["centre_id"], listed["label"], strict=True)),
    }
    centre_id = choices.select(name, view.text("centre"), labels, ALL)
    layout.refused_choice(view, name, labels[centre_id])
    return centre_id, labels[centre_id]


def change(
    view: View,
    by: float | None,
    *,
    least: float,
    spell: Callable[[float], str],
) -> str:
    """How far a figure moved, in words: "up 0.4 min"; "" where that is not known.

    A change below `least` is none; `spell` writes the amount, which is positive.
    """
    if by is None or is_missing(by):
        return ""
    if abs(by) < least:
        return view.text("change.none")
    return view.text("change.up" if by > 0 else "change.down", amount=spell(abs(by)))


def points(view: View) -> Callable[[float], str]:
    """Writes a change of a share in percentage points."""
    return lambda share: view.text("points", n=view.number(share * 100, 1))


def difference(now: pd.Series, then: pd.Series | None, name: str) -> float:
    """A figure less the same figure of the period before; NaN where either is not known."""
    if then is None or is_missing(now[name]) or is_missing(then[name]):
        return float("nan")
    return float(now[name] - then[name])


def compared_with(view: View, before: Period | None, first_day: date, *more: str) -> None:
    """Which period changes are relative to; with `before` None, why there is none."""
    words = (
        view.text("change.no_before", day=view.long_day(first_day, year=True))
        if before is None
        else view.text("change.since", **before.spelled(view))
    )
    st.caption(" ".join([words, *(text for text in more if text)]))


def joined(*parts: str) -> str:
    """The parts that are not empty, on one line."""
    return " · ".join(part for part in parts if part)
