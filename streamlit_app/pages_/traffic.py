"""Road traffic: how dense it will be in the next hour and 24 hours, how sure, and how it went.

What it reads is in `traffic_data.py`, a counter's charts and tables are in `hourly.py`.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import charts, choices, data, hourly_charts, layout, texts, traffic_data
from streamlit_app.forecasts import Centre, Series
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    clock,
    hour_span,
    is_missing,
    local_day,
    long_day,
    moment,
    number,
    rounded,
    short_day,
)
from streamlit_app.hourly import HOUR, SHOWN_HOURS, age_in_words, choose_issue, errors, two_days
from streamlit_app.layout import literal
from streamlit_app.record import record
from streamlit_app.texts import Say

SERIES = Series(traffic_data.FLOW, traffic_data.MEASURE)
CONGESTED = ("dense", "saturated", "blocked")
STALE = timedelta(hours=3)
SILENT = timedelta(hours=3)
# Beyond so many counters the list shows the worst, and is searched.
LISTED = 300
WORST = 50
_LIST_HEIGHT = 520
_LICENCE = "https://opendatacommons.org/licenses/odbl/"


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    plain = texts.speaker(language)
    say = texts.speaker(
        language,
        step="hour",
        unit=plain("unit.vehicles"),
        absent=plain("absent.traffic"),
        absent_short=plain("absent.short.traffic"),
        place=plain("place.traffic"),
        places=plain("places.traffic"),
        schedule="predict_traffic_hourly",
    )
    layout.head(say("traffic.title"), language, say)
    listed = data.centres(SERIES.flow)
    if listed.empty:
        st.info(say("traffic.no_centres"))
        return
    newest = traffic_data.newest_issues()
    if newest.empty:
        st.info(f"**{say('empty.title')}** {say('traffic.empty.body')}")
        return

    newest_at = newest.max().to_pydatetime()
    left, middle, right = st.columns([4, 5, 3])
    with left:
        centre = _choose_counter(listed, newest, newest_at, language, say)
    # The issues to choose from are those of a counter that has the newest.
    reference = centre.centre_id
    if newest.get(reference) != newest_at:
        reference = newest.index[newest == newest_at][0]
    issued_at = choose_issue(reference, centre.timezone, (middle, right), language, say)
    is_newest = issued_at == newest_at
    counters = tuple(listed["centre_id"])
    counted = traffic_data.newest_readings(
        counters, newest_at - traffic_data.LOOK_BACK, _end_of_time(newest_at)
    )
    last_counted = None if counted.empty else counted["target_at"].max().to_pydatetime()
    rows = _next_hour(listed, issued_at, is_newest)
    issue = traffic_data.issue(centre.centre_id, issued_at)
    _stamp(newest_at, counted, issue, is_newest, centre, language, say)

    heard = traffic_data.newest_readings(counters, issued_at - traffic_data.LOOK_BACK, issued_at)
    rows["last_counted"] = rows["centre_id"].map(heard["target_at"])
    _tiles(rows, issued_at, is_newest, centre, language, say)
    _where(rows, centre, language, say)
    _counter(
        centre, issued_at, issue, rows["target_at"].iloc[0], newest, last_counted, language, say
    )
    errors(centre, language, say)
    record(SERIES, centre, listed, language, say)
    _credit(say)


def _choose_counter(
    listed: pd.DataFrame, newest: pd.Series, newest_at: datetime, language: Language, say: Say
) -> Centre:
    """The counter chosen, by name or on the map; at first the one where most is expected."""
    labels = dict(zip(listed["centre_id"], listed["label"], strict=True))
    asked = choices.asked("counter")
    expected = traffic_data.at_horizon(newest_at, 1).set_index("centre_id")["prediction"]
    default = str(expected.idxmax()) if expected.notna().any() else str(newest.index[0])
    centre_id = choices.select("counter", say("traffic.counter"), labels, default, spoken=True)
    row: Any = listed.set_index("centre_id").loc[centre_id]
    centre = Centre(centre_id, row["label"], row["timezone"], None)
    if asked and asked not in labels:
        st.info(say("unknown.centre", asked=literal(asked), shown=literal(centre.label)))
    return centre


def _end_of_time(newest_at: datetime) -> datetime:
    return max(datetime.now(UTC), newest_at) + HOUR


def _next_hour(listed: pd.DataFrame, issued_at: datetime, is_newest: bool) -> pd.DataFrame:
    """A row for each counter of what is said of one hour: the one that runs now if the issue is the
    newest and speaks of it, else the first after the issue. Columns of `listed` and of at_horizon.
    """
    ahead = int((datetime.now(UTC) - issued_at) / HOUR) + 1
    horizon = ahead if is_newest and 1 <= ahead <= SHOWN_HOURS else 1
    said = traffic_data.at_horizon(issued_at, horizon)
    rows = listed.merge(said, on="centre_id", how="left")
    rows["target_at"] = rows["target_at"].fillna(pd.Timestamp(issued_at) + horizon * HOUR)
    return rows


def _stamp(
    newest_at: datetime,
    counted: pd.DataFrame,
    issue: pd.DataFrame,
    is_newest: bool,
    centre: Centre,
    language: Language,
    say: Say,
) -> None:
    """How fresh all of this is, and what to do when it is not."""
    now = datetime.now(UTC)
    told = say("stamp.no_actual")
    last = None
    if not counted.empty:
        row: Any = counted.sort_values(["target_at", "available_at"]).iloc[-1]
        last = row["target_at"].to_pydatetime()
        day = short_day(local_day(last, centre.timezone), language)
        told = say(
            "stamp.known",
            hour=f"{day}, {hour_span(last, language, centre.timezone)}",
            known=moment(row["available_at"], language, centre.timezone),
        )
    model = issue["model_version"].iloc[0] if len(issue) else MISSING
    words = say(
        "stamp",
        issue=moment(newest_at, language, centre.timezone),
        actual=told,
        model=literal(model),
    )
    streams = data.streams()
    heard = streams.loc[streams["flow"] == SERIES.flow, "last_message_at"].dropna()
    if len(heard):
        words += say("stamp.live", age=age_in_words(now - heard.max().to_pydatetime(), say))
    st.caption(words)
    if not is_newest:
        st.caption(say("past"))
    elif now - newest_at > STALE:
        at = moment(newest_at, language, centre.timezone)
        st.warning(say("stale", day=at, age=age_in_words(now - newest_at, say)))
    elif last is None or now - last > STALE:
        age = now - (last or newest_at - traffic_data.LOOK_BACK)
        st.warning(say("traffic.late", age=age_in_words(age, say)))


def _tiles(
    rows: pd.DataFrame,
    issued_at: datetime,
    is_newest: bool,
    centre: Centre,
    language: Language,
    say: Say,
) -> None:
    """The hour in figures: how many counters are congested, the busiest, and the silent ones."""
    end = rows["target_at"].iloc[0].to_pydatetime()
    span = hour_span(end, language, centre.timezone)
    title = f"{long_day(local_day(end, centre.timezone), language)}, {span}"
    if is_newest and timedelta(0) <= datetime.now(UTC) - (end - HOUR) < HOUR:
        title = say("traffic.this_hour", hour=title)
    elif is_newest and end > datetime.now(UTC):
        title = say("traffic.next_hour", hour=title)
    colon = charts.colon(language)
    known = rows["level"].notna()
    counts = rows["level"].value_counts()
    congested = int(rows["level"].isin(CONGESTED).sum())
    value, note = MISSING, say("traffic.levels.none")
    if known.any():
        value = say(
            "traffic.of",
            n=number(congested, language),
            all=number(int(known.sum()), language),
        )
        note = say(
            "traffic.congested",
            counts=", ".join(
                f"{say(f'level.{name}')}{colon}{number(counts.get(name, 0), language)}"
                for name in CONGESTED
            ),
        )
    boxes = [layout.tile(capitalised(title), value, note, main=True)]
    if rows["prediction"].notna().any():
        top: Any = rows.loc[rows["prediction"].idxmax()]
        boxes.append(
            layout.tile(
                say("traffic.busiest"),
                say("traffic.vehicles", n=rounded(top["prediction"], language)),
                f"{top['label']}{colon}{_range(top, language, say)}",
            )
        )
    silent = rows.loc[
        rows["last_counted"].isna() | (rows["last_counted"] <= issued_at - SILENT), "label"
    ]
    told = len(silent) if len(silent) <= 4 else 3
    names = ", ".join(silent[:told])
    more = len(silent) - told
    boxes.append(
        layout.tile(
            say("traffic.silent"),
            say(
                "traffic.of",
                n=number(len(silent), language),
                all=number(len(rows), language),
            ),
            say("traffic.silent.none")
            if silent.empty
            else say("traffic.and_more", names=names, n=number(more, language))
            if more > 0
            else names,
            warn=not silent.empty,
        )
    )
    layout.tiles(boxes, title)


def _range(row: Any, language: Language, say: Say) -> str:
    return say(
        "range", lower=rounded(row["lower_80"], language), upper=rounded(row["upper_80"], language)
    )


def _where(rows: pd.DataFrame, centre: Centre, language: Language, say: Say) -> None:
    """The map of counters and, beside it, their list, the worst first."""
    hour = hour_span(rows["target_at"].iloc[0], language, centre.timezone)
    st.subheader(say("traffic.map", hour=hour), anchor=False)
    placed = rows[rows[["latitude", "longitude"]].notna().all(axis=1)]
    if placed.empty:
        st.info(say("traffic.map.none"))
        _list(rows, centre, language, say)
        return
    left, right = st.columns([6, 5])
    with left:
        _map(placed, centre, language, say)
    with right:
        if len(placed) < len(rows):
            unplaced = number(len(rows) - len(placed), language)
            st.caption(say("traffic.map.some", n=unplaced))
        _list(rows, centre, language, say)


def _map(placed: pd.DataFrame, centre: Centre, language: Language, say: Say) -> None:
    words = [_words(row, language, say) for row in placed.itertuples()]
    figure, grid = hourly_charts.counter_map(
        placed.assign(words=words), centre.centre_id, language=language, say=say
    )
    # Of its own for each counter chosen: a map keeps the point clicked, and a second click on it
    # would only take that back.
    key = f"map.{centre.centre_id}"
    st.plotly_chart(
        figure,
        theme=None,
        config=charts.CONFIG,
        key=key,
        on_select=_taker(key),
        selection_mode="points",
        alt=say("traffic.map.alt", n=number(len(placed), language)),
    )
    st.caption(say("traffic.map.caption", km=number(grid, language, 0 if grid >= 1 else 1)))


def _taker(key: str) -> Callable[[], None]:
    """Chooses the counter that was clicked on the map `key`."""

    def take_clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            choices.take("counter", points[0]["customdata"][0])

    return take_clicked


def _words(row: Any, language: Language, say: Say) -> str:
    """What a counter on the map tells when pointed at; its name is data, not markup."""
    name = f"<b>{html.escape(row.label)}</b>"
    if is_missing(row.prediction):
        return f"{name}<br>{say('traffic.no_issue')}"
    level = hourly_charts.level_name(row.level, say)
    vehicles = say("traffic.vehicles", n=rounded(row.prediction, language))
    return f"{name}<br>{capitalised(level)}, {vehicles}<br>{_range(row._asdict(), language, say)}"


def _list(rows: pd.DataFrame, centre: Centre, language: Language, say: Say) -> None:
    """The counters, the worst level and among those the busiest first."""
    severity = rows["level"].map({level: rank for rank, level in enumerate(hourly_charts.LEVELS)})
    rows = (
        rows.assign(severity=severity)
        .sort_values(["severity", "prediction"], ascending=False, na_position="last")
        .rename(columns={"label": "counter"})
    )
    if len(rows) > LISTED:
        wanted = st.text_input(say("traffic.search"), key="search").strip()
        if wanted:
            rows = rows[
                rows["counter"].str.contains(wanted, case=False, regex=False)
                | (rows["centre_id"] == wanted)
            ]
        found = len(rows)
        rows = rows.head(WORST)
        st.caption(
            say(
                "traffic.listed",
                shown=number(len(rows), language),
                found=number(found, language),
            )
        )
    shown = rows[list(traffic_data.LIST_COLUMNS)].reset_index(drop=True)
    if shown.empty:
        return

    same_day = rows["target_at"].iloc[0].tz_convert(centre.timezone).date()

    def whole(value: Any) -> str:
        return number(value, language)

    def ended(at: Any) -> str:
        if pd.isna(at):
            return say("table.missing")
        day, time = at.tz_convert(centre.timezone).date(), clock(at, language, centre.timezone)
        return time if day == same_day else f"{short_day(day, language)}, {time}"

    with st.container(height=_LIST_HEIGHT if len(shown) > 12 else "content", border=False):
        layout.table(
            shown,
            key="counters.table",
            alt=say("traffic.list"),
            labels=lambda column: say(f"column.{column}"),
            shown={
                "level": lambda level: hourly_charts.level_name(level, say),
                "prediction": whole,
                "last_counted": ended,
            },
        )
    layout.downloads(
        shown,
        name=f"traffic_counters_{rows['target_at'].iloc[0]:%Y-%m-%dT%H%MZ}",
        key="counters",
        say=say,
    )


def _counter(
    centre: Centre,
    issued_at: datetime,
    issue: pd.DataFrame,
    hour_end: pd.Timestamp,
    newest: pd.Series,
    last_counted: datetime | None,
    language: Language,
    say: Say,
) -> None:
    """The chosen counter: what came before and after the issue, and what the issue said."""
    st.subheader(say("curve", centre=centre.label), anchor=False)
    hours = traffic_data.hours(
        centre.centre_id,
        issued_at - (SHOWN_HOURS - 1) * HOUR,
        issued_at + SHOWN_HOURS * HOUR,
    )
    issue = issue.assign(actual=issue["target_at"].map(hours["vehicles"]))
    issue = issue[list(traffic_data.HOUR_COLUMNS)]
    if issue.empty:
        own = newest.get(centre.centre_id)
        st.warning(
            say("traffic.never")
            if own is None
            else say("centre_behind", day=moment(own, language, centre.timezone))
        )
    else:
        spoken = issue[issue["target_at"] == hour_end]
        row: Any = (issue if spoken.empty else spoken).iloc[0]
        hour = hour_span(row["target_at"], language, centre.timezone)
        st.markdown(
            say(
                "traffic.first",
                hour=hour,
                n=rounded(row["prediction"], language),
                range=_range(row, language, say),
                level=hourly_charts.level_name(row["level"], say),
            )
        )
    two_days(centre, issued_at, issue, hours, last_counted, language, say)


def _credit(say: Say) -> None:
    """Whose data these are: a condition of the licence."""
    simulated = data.is_simulated(SERIES.flow)
    if simulated is None:
        return
    st.caption(say("traffic.simulated") if simulated else say("traffic.credit", url=_LICENCE))


show()
