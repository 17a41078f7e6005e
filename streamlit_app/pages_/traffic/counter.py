"""One counter: its next 24 hours as a curve, a table and files, and its errors by horizon."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app.blocks import layout
from streamlit_app.blocks.ages import HOUR
from streamlit_app.blocks.curve import draw_issue, numbers_table
from streamlit_app.blocks.first_days import range_of
from streamlit_app.blocks.issue import Centre
from streamlit_app.blocks.layout import literal
from streamlit_app.formats import MISSING, capitalised, is_missing, local_day
from streamlit_app.pages_.traffic import charts, data
from streamlit_app.pages_.traffic.levels import level_name
from streamlit_app.view import View

SHOWN_HOURS = 24
# Of how many hours ahead the error is given in words.
_HORIZONS_IN_WORDS = (1, 3, 6, 24)


def next_hours(
    view: View,
    centre: Centre,
    issued_at: datetime,
    issue: pd.DataFrame,
    hour_end: pd.Timestamp,
    newest: pd.Series,
    last_actual: datetime | None,
) -> None:
    """The counter in the hour that ends at `hour_end`, and the 24 hours before and after the issue.

    `issue` has the counter's forecasts, none where it was not forecast; `newest` is the newest
    issue of each counter.
    """
    layout.heading(literal(view.text("curve", centre=centre.label)))
    first = issued_at - (SHOWN_HOURS - 1) * HOUR
    hours = data.hours(centre.centre_id, first, issued_at + SHOWN_HOURS * HOUR)
    rows = issue.assign(actual=issue["target_at"].map(hours["vehicles"]))
    rows = rows[list(data.HOUR_COLUMNS)]
    if rows.empty:
        own = newest.get(centre.centre_id)
        st.warning(
            view.text("never")
            if own is None
            else view.text("centre_behind", day=view.moment(own, centre.timezone))
        )
    else:
        _hour_in_words(view, rows, hour_end, centre.timezone)
    _two_days(view, centre, issued_at, rows, hours, last_actual)


def _hour_in_words(view: View, rows: pd.DataFrame, hour_end: pd.Timestamp, timezone: str) -> None:
    own = rows[rows["target_at"] == hour_end]
    row: Any = (rows if own.empty else own).iloc[0]
    st.markdown(
        view.text(
            "first",
            hour=view.hour_span(row["target_at"], timezone),
            n=view.rounded(row["prediction"]),
            range=range_of(view, "range", row),
            level=level_name(view, row["level"]),
        )
    )


def _two_days(
    view: View,
    centre: Centre,
    issued_at: datetime,
    rows: pd.DataFrame,
    hours: pd.DataFrame,
    last_actual: datetime | None,
) -> None:
    """Chart, table and files of the 24 hours before the issue and the 24 after it."""
    actuals = hours["vehicles"]
    absent = [end for end in actuals.index[actuals.isna()] if last_actual and end <= last_actual]
    figure = charts.two_days(
        view, actuals, rows, issued_at=issued_at, absent=absent, timezone=centre.timezone
    )
    made = view.moment(issued_at, centre.timezone)
    title = draw_issue(view, figure, rows, centre.label, made, has_gaps=bool(absent))
    if rows.empty:
        return
    _table(view, centre, rows, hours["state"], title, last_actual)
    at = f"{issued_at.astimezone(UTC):%Y-%m-%dT%H%MZ}"
    layout.downloads(view, rows, name=f"traffic_{centre.centre_id}_{at}", key="issue")


def _table(
    view: View,
    centre: Centre,
    rows: pd.DataFrame,
    states: pd.Series,
    title: str,
    last_actual: datetime | None,
) -> None:
    def spelled(end: Any) -> str:
        day = capitalised(view.short_day(local_day(end, centre.timezone)))
        return f"{day}, {view.hour_span(end, centre.timezone)}"

    absent = rows["actual"].isna()
    due = rows["target_at"] <= last_actual if last_actual else absent & False
    state = rows["target_at"].map(states)
    numbers_table(
        view,
        rows,
        key="issue.table",
        alt=title,
        due=due,
        shown={"target_at": spelled, "level": lambda level: level_name(view, level)},
        exceptions=[
            (absent & (state == "barred"), "actual", view.text("table.barred")),
            (absent & (state == "invalid"), "actual", view.text("table.invalid")),
        ],
    )


def errors(view: View, centre: Centre) -> None:
    """The errors of the counter's forecasts, against two rules that need no model."""
    layout.heading(view.text("errors"))
    rows = data.errors(centre.centre_id)
    if rows.empty:
        st.info(view.text("errors.unmeasured"))
        return
    by_horizon = rows.set_index("horizon")
    st.markdown(
        view.text(
            "errors.words",
            centre=literal(centre.label),
            first=view.long_day(rows["first_date"].min().date()),
            last=view.long_day(rows["last_date"].max().date(), year=True),
        )
    )
    boxes = [
        _error_tile(view, horizon, by_horizon.loc[horizon])
        for horizon in _HORIZONS_IN_WORDS
        if horizon in by_horizon.index
    ]
    layout.tiles(boxes, view.text("errors"))
    first, last = rows.iloc[0], rows.iloc[-1]
    layout.chart(
        charts.errors_ahead(view, rows),
        key="errors",
        alt=view.text(
            "errors.alt",
            centre=centre.label,
            first=view.number(first["mae"]),
            last=view.number(last["mae"]),
            hours=str(int(last["horizon"])),
        ),
    )
    st.caption(view.text("errors.caption"))
    shown = rows[list(data.ERROR_COLUMNS)]
    with st.expander(view.text("errors.table")):
        formats = dict.fromkeys(data.ERROR_COLUMNS, view.number)
        alt, name = view.text("errors.table"), f"traffic_{centre.centre_id}_errors"
        layout.table_with_files(view, shown, key="errors", alt=alt, shown=formats, name=name)


def _error_tile(view: View, horizon: int, row: Any) -> str:
    title = (
        view.text("horizon.one") if horizon == 1 else view.text("horizon.many", days=str(horizon))
    )
    against_now = row["against_persistence"]
    notes = [
        _against(view, against_now, "errors.now"),
        _against(view, row["mase"], "errors.week"),
    ]
    return layout.tile(
        capitalised(title),
        view.text("errors.off", mae=view.rounded(row["mae"])),
        " ".join(note for note in notes if note) or MISSING,
        warn=not is_missing(against_now) and against_now > 1,
    )


def _against(view: View, quotient: float, key: str) -> str:
    """Our error over that of a simple rule, in words; "" where the rule's error is unknown."""
    if is_missing(quotient):
        return ""
    if round(abs(1 - quotient), 2) == 0:
        return view.text(f"{key}.same")
    share = view.percent(abs(1 - quotient))
    return view.text(f"{key}.{'less' if quotient < 1 else 'more'}", share=share)
