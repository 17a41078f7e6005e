"""Which hourly issue is looked at: a local day and an hour of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from streamlit_app import choices
from streamlit_app.blocks.layout import literal
from streamlit_app.formats import comes_twice
from streamlit_app.pages_.traffic import data
from streamlit_app.view import View


def chosen_issue(
    view: View, reference: str, timezone: str, boxes: tuple[DeltaGenerator, DeltaGenerator]
) -> datetime:
    """The issue to look at, in UTC: a local day and an hour of it, the newest unless chosen.

    `reference` is the counter whose issues can be chosen, and has at least one; the select boxes
    are placed in `boxes`.
    """
    zone = ZoneInfo(timezone)
    day, is_newest_day = _day(view, reference, zone, boxes[0])
    begin, end = (
        datetime(each.year, each.month, each.day, tzinfo=zone)
        for each in (day, day + timedelta(days=1))
    )
    moments = data.issues(reference, begin.astimezone(UTC), end.astimezone(UTC))
    hours = {_spelled(at.astimezone(zone)): at for at in moments}
    options = {name: view.clock(at, timezone) for name, at in hours.items()}
    latest = next(iter(hours))
    if is_newest_day:
        options[latest] = view.text("issue.newest", day=options[latest])
    with boxes[1]:
        hour = choices.select("hour", view.text("issue.hour"), options, latest)
    refused = choices.refused("day") or choices.refused("hour")
    if refused:
        st.info(view.text("issue.unknown", asked=literal(refused)))
    return hours[hour]


def _day(view: View, reference: str, zone: ZoneInfo, box: DeltaGenerator) -> tuple[date, bool]:
    """The local day chosen, and whether it is the newest."""
    rows = data.issue_days(reference)
    moments = [*rows["first_at"], *rows["last_at"]]
    days = sorted({at.astimezone(zone).date() for at in moments}, reverse=True)
    options = {day.isoformat(): view.long_day(day, year=True) for day in days}
    newest = days[0].isoformat()
    options[newest] = view.text("issue.newest", day=options[newest])
    with box:
        chosen = choices.select("day", view.text("issue"), options, newest)
    return date.fromisoformat(chosen), chosen == newest


def _spelled(local: datetime) -> str:
    """The local hour as the address has it; the second of two with one name has a suffix."""
    second = comes_twice(local) and local.fold == 1
    return f"{local:%H:%M}{'-2' if second else ''}"
