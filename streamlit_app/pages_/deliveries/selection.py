"""Which orders the page is about, and how up to date they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout, periods
from streamlit_app.blocks.ages import age
from streamlit_app.blocks.periods import Period
from streamlit_app.data.flows import ALL, DEFAULT_TIMEZONE, STALE_DAYS
from streamlit_app.formats import MISSING
from streamlit_app.pages_.deliveries import data
from streamlit_app.pages_.deliveries.data import Chosen, Fresh
from streamlit_app.view import View

PERIODS = ("28", "91", "182", "364")
# Orders take weeks: of those of a month, half would still be in transit.
DEFAULT_PERIOD = "91"
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Selection:
    """The orders that the reader chose, and what it takes to show them.

    `title` names the choice, `now` is the moment to compare promised dates with; `as_of` is the
    same, but None where that is the present. `timezones` and `labels` are those of the regions.
    """

    view: View
    chosen: Chosen
    period: Period
    title: str
    as_of: datetime | None
    timezones: Mapping[str, str]
    labels: Mapping[str, str]

    @property
    def now(self) -> pd.Timestamp:
        """The moment to compare promised dates with."""
        return pd.Timestamp(self.as_of or self.view.now)

    def zone(self, region: str) -> str:
        """The time zone of a region."""
        return self.timezones.get(region, DEFAULT_TIMEZONE)

    def day(self, at: pd.Timestamp, zone: str) -> str:
        """The local day of a moment, in short; a dash where there is none."""
        return MISSING if pd.isna(at) else self.view.short_day(at.tz_convert(zone).date())

    def band(self, key: str, first: pd.Timestamp, last: pd.Timestamp, zone: str) -> str:
        """The days between which delivery is predicted 8 times out of 10, as the text `key` has it;
        where both are one day, its hours, as `key.hours` has it.
        """
        days = [self.day(at, zone) for at in (first, last)]
        if days[0] != days[1]:
            return self.view.text(key, first=days[0], last=days[1])
        # To the quarter of an hour, outwards: more is not known.
        hours = [self.view.clock(at, zone) for at in (first.floor("15min"), last.ceil("15min"))]
        return self.view.text(f"{key}.hours", day=days[0], first=hours[0], last=hours[1])


def days_between(first: pd.Timestamp, last: pd.Timestamp) -> float:
    """The time from one moment to another, in days."""
    return float((last - first) / _DAY)


def select(view: View, listed: pd.DataFrame, fresh: Fresh) -> Selection:
    """Let the reader choose region, shipper, category and days, each kept in the address."""
    labels = dict(zip(listed["centre_id"], listed["label"], strict=True))
    timezones = dict(zip(listed["centre_id"], listed["timezone"], strict=True))
    boxes = st.columns([3, 4, 4, 3])
    with boxes[0]:
        options = {ALL: view.text("all_centres"), **labels}
        region = choices.select("region", view.text("centre"), options, ALL)
    with boxes[3]:
        lengths = periods.days_to_choose(view, PERIODS)
        days = choices.select("placed", view.text("placed"), lengths, DEFAULT_PERIOD)
    period = Period(fresh.day - timedelta(days=int(days) - 1), fresh.day)
    # Of the longest period, so that no choice goes away with a shorter one.
    longest = fresh.day - timedelta(days=int(PERIODS[-1]))
    narrowed = {}
    for box, kind in zip(boxes[1:3], ("shipper", "category"), strict=True):
        names = data.offered(kind, region, longest, fresh.day)
        with box:
            narrowed[kind] = choices.select(
                kind,
                view.text(kind),
                {ALL: view.text(f"{kind}.all"), **{name: name for name in names}},
                ALL,
            )
    layout.refused_choice(view, "region", options[region])
    chosen = Chosen(region, narrowed["shipper"], narrowed["category"])
    zone = timezones.get(region, str(listed["timezone"].mode().iloc[0]))
    as_of = _stamp(view, fresh, period, zone)
    title = ", ".join([options[region], *(name for name in chosen[1:] if name != ALL)])
    return Selection(view, chosen, period, title, as_of, timezones, labels)


def _stamp(view: View, fresh: Fresh, period: Period, zone: str) -> datetime | None:
    """How up to date all of this is. Returns the moment to compare promised dates with: None for
    the present, or that of the newest event where no more events arrive."""
    event = view.moment(fresh.event_at, zone)
    scored = view.moment(fresh.scored_at, zone)
    st.caption(view.text("stamp", event=event, scored=scored, **period.spelled(view)))
    since, limit = view.now - fresh.event_at, timedelta(days=STALE_DAYS)
    is_stale = since > limit
    if is_stale:
        st.warning(view.text("stale", event=event, age=age(view, since)))
    if fresh.scored_at is None:
        st.warning(view.text("unscored.all"))
    elif fresh.event_at - fresh.scored_at > limit:
        st.warning(view.text("unscored", scored=scored, event=event))
    return fresh.event_at if is_stale else None
