"""All counters in one hour: how many are congested, where they are, and the list of the worst."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.blocks.ages import HOUR
from streamlit_app.blocks.first_days import range_of
from streamlit_app.blocks.issue import Centre
from streamlit_app.formats import MISSING, capitalised, is_missing, local_day
from streamlit_app.frames import each_row, row_at
from streamlit_app.pages_.traffic import data
from streamlit_app.pages_.traffic.counter_map import counter_map
from streamlit_app.pages_.traffic.levels import CONGESTED, LEVELS, level_name
from streamlit_app.view import View

SILENT = timedelta(hours=3)
# Up to so many silent counters are named, else three of them.
_NAMED_SILENT = 4
# Beyond so many counters the list shows the worst, and is searched.
LISTED = 300
WORST = 50
_LIST_HEIGHT = 520
_LONG_LIST = 12


def tiles(
    view: View, rows: pd.DataFrame, issued_at: datetime, is_newest: bool, timezone: str
) -> None:
    """The hour in figures: how many counters are congested, the busiest, and the silent ones."""
    end = rows["target_at"].iloc[0].to_pydatetime()
    title = f"{view.long_day(local_day(end, timezone))}, {view.hour_span(end, timezone)}"
    if is_newest and timedelta(0) <= view.now - (end - HOUR) < HOUR:
        title = view.text("this_hour", hour=title)
    elif is_newest and end > view.now:
        title = view.text("next_hour", hour=title)
    boxes = [_congested_tile(view, rows, capitalised(title))]
    if rows["prediction"].notna().any():
        top = row_at(rows, rows["prediction"].idxmax())
        boxes.append(
            layout.tile(
                view.text("busiest"),
                view.text("vehicles", n=view.rounded(top["prediction"])),
                f"{top['label']}{view.colon}{range_of(view, 'range', top)}",
            )
        )
    boxes.append(_silent_tile(view, rows, issued_at))
    layout.tiles(boxes, title)


def _congested_tile(view: View, rows: pd.DataFrame, title: str) -> str:
    known = rows["level"].notna()
    if not known.any():
        return layout.tile(title, MISSING, view.text("levels.none"), main=True)
    counts = rows["level"].value_counts()
    congested = int(rows["level"].isin(CONGESTED).sum())
    by_level = ", ".join(
        f"{view.text(f'level.{name}')}{view.colon}{view.number(counts.get(name, 0))}"
        for name in CONGESTED
    )
    value = view.text("count_of", n=view.number(congested), all=view.number(int(known.sum())))
    return layout.tile(title, value, view.text("not_free", counts=by_level), main=True)


def _silent_tile(view: View, rows: pd.DataFrame, issued_at: datetime) -> str:
    last = rows["last_counted"]
    silent = rows.loc[last.isna() | (last <= issued_at - SILENT), "label"]
    named = len(silent) if len(silent) <= _NAMED_SILENT else _NAMED_SILENT - 1
    names, more = ", ".join(silent[:named]), len(silent) - named
    if silent.empty:
        note = view.text("silent.none")
    elif more > 0:
        note = view.text("and_more", names=names, n=view.number(more))
    else:
        note = names
    value = view.text("count_of", n=view.number(len(silent)), all=view.number(len(rows)))
    return layout.tile(view.text("silent"), value, note, warn=not silent.empty)


def where(view: View, rows: pd.DataFrame, centre: Centre) -> None:
    """The map of counters and, next to it, their list, the worst first."""
    hour = view.hour_span(rows["target_at"].iloc[0], centre.timezone)
    layout.heading(view.text("map", hour=hour))
    placed = rows[rows[["latitude", "longitude"]].notna().all(axis=1)]
    if placed.empty:
        st.info(view.text("map.none"))
        _list(view, rows, centre.timezone)
        return
    left, right = st.columns([6, 5])
    with left:
        _map(view, placed, centre.centre_id)
    with right:
        if len(placed) < len(rows):
            st.caption(view.text("map.some", n=view.number(len(rows) - len(placed))))
        _list(view, rows, centre.timezone)


def _map(view: View, placed: pd.DataFrame, chosen: str) -> None:
    words = [_words(view, row) for row in each_row(placed)]
    figure, grid = counter_map(view, placed.assign(words=words), chosen)
    # Of its own for each counter chosen: a map keeps the point clicked, and a second click on it
    # would only take that back.
    key = f"map.{chosen}"
    layout.chart(
        figure,
        key=key,
        alt=view.text("map.alt", n=view.number(len(placed))),
        on_select=_taker(key),
    )
    st.caption(view.text("map.caption", km=view.number(grid, 0 if grid >= 1 else 1)))


def _taker(key: str) -> Callable[[], None]:
    """Chooses the counter that was clicked on the map `key`."""

    def take_clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            choices.take("counter", points[0]["customdata"][0])

    return take_clicked


def _words(view: View, row: Any) -> str:
    """The text that a counter on the map shows when pointed at; its name is data, not markup."""
    name = f"<b>{html.escape(row.label)}</b>"
    if is_missing(row.prediction):
        return f"{name}<br>{view.text('no_issue')}"
    level = capitalised(level_name(view, row.level))
    vehicles = view.text("vehicles", n=view.rounded(row.prediction))
    return f"{name}<br>{level}, {vehicles}<br>{range_of(view, 'range', row._asdict())}"


def _list(view: View, rows: pd.DataFrame, timezone: str) -> None:
    """The counters, the worst level and among those the busiest first."""
    rows = _worst_first(rows)
    if len(rows) > LISTED:
        rows = _searched(view, rows)
    shown = rows[list(data.LIST_COLUMNS)].reset_index(drop=True)
    if shown.empty:
        return
    hour_end = rows["target_at"].iloc[0]
    same_day = hour_end.tz_convert(timezone).date()

    def ended(at: Any) -> str:
        if pd.isna(at):
            return view.text("absent_short")
        day, time = at.tz_convert(timezone).date(), view.clock(at, timezone)
        return time if day == same_day else f"{view.short_day(day)}, {time}"

    with st.container(height=_LIST_HEIGHT if len(shown) > _LONG_LIST else "content", border=False):
        formats: layout.Formats = {
            "level": lambda level: level_name(view, level),
            "prediction": view.number,
            "last_counted": ended,
        }
        layout.table(view, shown, key="counters.table", alt=view.text("list"), shown=formats)
    layout.downloads(
        view, shown, name=f"traffic_counters_{hour_end:%Y-%m-%dT%H%MZ}", key="counters"
    )


def _worst_first(rows: pd.DataFrame) -> pd.DataFrame:
    severity = rows["level"].map({level: rank for rank, level in enumerate(LEVELS)})
    return (
        rows.assign(severity=severity)
        .sort_values(["severity", "prediction"], ascending=False, na_position="last")
        .rename(columns={"label": "counter"})
    )


def _searched(view: View, rows: pd.DataFrame) -> pd.DataFrame:
    """The WORST of the counters that the reader searches for."""
    wanted = st.text_input(view.text("search"), key="search").strip()
    if wanted:
        named = rows["counter"].str.contains(wanted, case=False, regex=False)
        rows = rows[named | (rows["centre_id"] == wanted)]
    shown = rows.head(WORST)
    st.caption(view.text("listed", shown=view.number(len(shown)), found=view.number(len(rows))))
    return shown
