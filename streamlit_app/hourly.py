"""What a page of hourly forecasts has: a choice of the issue, two days of a counter, its errors.

The daily counterparts are in `forecasts.py`; the map and the tiles of traffic are the page's own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from streamlit_app import charts, choices, hourly_charts, layout, traffic_data
from streamlit_app.forecasts import Centre
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    clock,
    comes_twice,
    hour_span,
    is_missing,
    local_day,
    long_day,
    moment,
    number,
    percent,
    rounded,
    short_day,
)
from streamlit_app.layout import literal
from streamlit_app.texts import Say

HOUR = timedelta(hours=1)
SHOWN_HOURS = 24
# Of how many hours ahead the error is told in words.
TOLD_HORIZONS = (1, 3, 6, 24)
# From here on an age is told in days.
_DAYS_FROM = timedelta(hours=48)


def choose_issue(
    reference: str,
    timezone: str,
    boxes: tuple[DeltaGenerator, DeltaGenerator],
    language: Language,
    say: Say,
) -> datetime:
    """The issue to look at, in UTC: a local day and an hour of it, the newest unless chosen.

    `reference` is the counter whose issues can be chosen, and has at least one; the choices stand
    in `boxes`.
    """
    zone = ZoneInfo(timezone)
    rows = traffic_data.issue_days(reference)
    moments = [*rows["first_at"], *rows["last_at"]]
    days = sorted({at.astimezone(zone).date() for at in moments}, reverse=True)
    asked_day, asked_hour = choices.asked("day"), choices.asked("hour")
    with boxes[0]:
        options = {day.isoformat(): long_day(day, language, year=True) for day in days}
        newest = days[0].isoformat()
        options[newest] = say("issue.newest", day=options[newest])
        day = date.fromisoformat(choices.select("day", say("issue"), options, newest))
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone)
    moments = traffic_data.issues(reference, begin.astimezone(UTC), end.astimezone(UTC))
    hours = {_spelled(at.astimezone(zone)): at for at in moments}
    with boxes[1]:
        options_of_hour = {name: clock(at, language, timezone) for name, at in hours.items()}
        latest = next(iter(hours))
        if day == days[0]:
            options_of_hour[latest] = say("issue.newest", day=options_of_hour[latest])
        hour = choices.select("hour", say("issue.hour"), options_of_hour, latest)
    if asked_day and asked_day not in options:
        st.info(say("issue.unknown", asked=literal(asked_day)))
    elif asked_hour and asked_hour not in hours:
        st.info(say("issue.unknown", asked=literal(asked_hour)))
    return hours[hour]


def _spelled(local: datetime) -> str:
    """The local hour as it stands in the address; the second of two of one name is told apart."""
    second = comes_twice(local) and local.fold == 1
    return f"{local:%H:%M}{'-2' if second else ''}"


def age_in_words(age: timedelta, say: Say) -> str:
    """A span of time to the hour, from two days on to the day."""
    if age >= _DAYS_FROM:
        return say("age.days", n=str(age.days))
    hours = max(int(age / HOUR), 0)
    if hours >= 1:
        return say("age.hour") if hours == 1 else say("age.hours", n=str(hours))
    return say("age.minutes", n=str(max(int(age.total_seconds() // 60), 0)))


def two_days(
    centre: Centre,
    issued_at: datetime,
    issue: pd.DataFrame,
    hours: pd.DataFrame,
    last_counted: datetime | None,
    language: Language,
    say: Say,
) -> None:
    """Chart, table and files of a counter: the 24 hours before the issue, and the 24 after it.

    `issue` has traffic_data.HOUR_COLUMNS, none where the counter was not forecast; `hours` is that
    of traffic_data.hours.
    """
    came = hours["vehicles"]
    absent = [end for end in came.index[came.isna()] if last_counted and end <= last_counted]
    figure = hourly_charts.two_days(
        came,
        issue,
        issued_at=issued_at,
        absent=absent,
        timezone=centre.timezone,
        language=language,
        say=say,
    )
    st.plotly_chart(
        figure,
        theme=None,
        config=charts.CONFIG,
        key="curve",
        alt=say(
            "curve.alt",
            centre=centre.label,
            low=number(issue["prediction"].min(), language),
            high=number(issue["prediction"].max(), language),
        ),
    )
    at = moment(issued_at, language, centre.timezone)
    st.caption(say("curve.caption", day=at) + (say("curve.missing") if absent else ""))
    if issue.empty:
        return
    title = say("table", day=at, centre=centre.label)
    st.markdown(f"**{literal(title)}**")
    _table(issue, hours["state"], title, centre, last_counted, language, say)
    layout.downloads(
        issue,
        name=f"traffic_{centre.centre_id}_{issued_at.astimezone(UTC):%Y-%m-%dT%H%MZ}",
        key="issue",
        say=say,
    )


def _table(
    rows: pd.DataFrame,
    states: pd.Series,
    title: str,
    centre: Centre,
    last_counted: datetime | None,
    language: Language,
    say: Say,
) -> None:
    def whole(value: Any) -> str:
        return number(value, language)

    def spelled(end: Any) -> str:
        day = capitalised(short_day(local_day(end, centre.timezone), language))
        return f"{day}, {hour_span(end, language, centre.timezone)}"

    shown: dict[str, Any] = dict.fromkeys(
        ("prediction", "lower_80", "upper_80", "lower_95", "upper_95", "actual"), whole
    )
    shown["target_at"] = spelled
    shown["issued_at"] = lambda at: f"{at:%Y-%m-%d %H:%M}"
    shown["level"] = lambda level: hourly_charts.level_name(level, say)
    absent = rows["actual"].isna()
    due = rows["target_at"] <= last_counted if last_counted else absent & False
    state = rows["target_at"].map(states)
    layout.table(
        rows,
        key="issue.table",
        alt=title,
        labels=lambda column: say(f"column.{column}"),
        shown=shown,
        exceptions=[
            (absent & due, "actual", say("table.missing")),
            (absent & ~due, "actual", say("table.later")),
            (absent & (state == "barred"), "actual", say("table.barred")),
            (absent & (state == "invalid"), "actual", say("table.invalid")),
        ],
    )


def errors(centre: Centre, language: Language, say: Say) -> None:
    """How far off the counter's forecasts were, against two rules that need no model."""
    st.subheader(say("errors"), anchor=False)
    rows = traffic_data.errors(centre.centre_id)
    if rows.empty:
        st.info(say("compare.unmeasured"))
        return
    by_horizon = rows.set_index("horizon")
    told = [horizon for horizon in TOLD_HORIZONS if horizon in by_horizon.index]
    st.markdown(
        say(
            "errors.words",
            centre=literal(centre.label),
            first=long_day(rows["first_date"].min().date(), language),
            last=long_day(rows["last_date"].max().date(), language, year=True),
        )
    )
    boxes = [_error_tile(horizon, by_horizon.loc[horizon], language, say) for horizon in told]
    layout.tiles(boxes, say("errors"))
    first, last = rows.iloc[0], rows.iloc[-1]
    st.plotly_chart(
        hourly_charts.errors_ahead(rows, language=language, say=say),
        theme=None,
        config=charts.CONFIG,
        key="errors",
        alt=say(
            "errors.alt",
            centre=centre.label,
            first=number(first["mae"], language),
            last=number(last["mae"], language),
            hours=str(int(last["horizon"])),
        ),
    )
    st.caption(say("errors.caption"))
    shown = rows[list(traffic_data.ERROR_COLUMNS)]
    with st.expander(say("errors.table")):
        layout.table(
            shown,
            key="errors.table",
            alt=say("errors.table"),
            labels=lambda column: say(f"column.{column}"),
            shown=dict.fromkeys(shown, lambda value: number(value, language)),
        )
        layout.downloads(shown, name=f"traffic_{centre.centre_id}_errors", key="errors", say=say)


def _error_tile(horizon: int, row: Any, language: Language, say: Say) -> str:
    title = say("horizon.one") if horizon == 1 else say("horizon.many", days=str(horizon))
    notes = [
        _against(row["against_persistence"], "errors.now", language, say),
        _against(row["mase"], "errors.week", language, say),
    ]
    return layout.tile(
        capitalised(title),
        say("errors.off", mae=rounded(row["mae"], language)),
        " ".join(note for note in notes if note) or MISSING,
        warn=not is_missing(row["against_persistence"]) and row["against_persistence"] > 1,
    )


def _against(quotient: float, key: str, language: Language, say: Say) -> str:
    """Our error over another's in words; nothing where the other is unknown."""
    if is_missing(quotient):
        return ""
    gap = percent(abs(1 - quotient), language)
    if round(abs(1 - quotient), 2) == 0:
        return say(f"{key}.same")
    return say(f"{key}.{'less' if quotient < 1 else 'more'}", share=gap)
