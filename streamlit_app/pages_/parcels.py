"""Parcels: what will come to a sorting centre, how sure that is, and how it went so far.

How it is read is in `data.py`, how it is drawn in `charts.py`, how it is said in `texts.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices, data, layout, texts
from streamlit_app.forecasts import (
    Centre,
    Series,
    absent_days,
    compare,
    curve,
    opening,
    range_of,
    why,
)
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    is_missing,
    long_day,
    number,
    percent,
    rounded,
    short_day,
)
from streamlit_app.layout import literal
from streamlit_app.record import record
from streamlit_app.texts import Say

SERIES = Series("parcels", "parcels")
FALLBACK_VERSION = "fallback"


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    plain = texts.speaker(language)
    say = texts.speaker(
        language,
        unit=plain("unit.parcels"),
        absent=plain("absent.parcels"),
        absent_short=plain("absent.short.parcels"),
        place=plain("place.parcels"),
        places=plain("places.parcels"),
        schedule="predict_colis_daily",
    )
    layout.head(say("parcels.title"), language, say)

    listed = data.centres(SERIES.flow)
    newest_issue = data.newest_day(SERIES.flow, "predictions")
    last_counted = data.newest_day(SERIES.flow, "actuals")
    if listed.empty:
        st.info(say("no_centres"))
        return
    if newest_issue is None:
        st.info(f"**{say('empty.title')}** {say('empty.body')}")
        return

    opened = opening(
        SERIES,
        listed,
        listed["centre_id"].iloc[0],
        newest_issue,
        last_counted,
        language,
        say,
        label=say("centre"),
    )
    if opened is None:
        return
    centre, issued_on, issue = opened

    last_target = issue["date"].max().date()
    first_shown = issued_on - timedelta(days=data.HISTORY_DAYS - 1)
    history = data.actuals(*SERIES, centre.centre_id, first_shown, last_target)
    known_days = data.calendar(
        SERIES.flow, centre.centre_id, issued_on + timedelta(days=1), last_target
    )

    _next_day(centre, issue, history, last_counted, language, say)
    _week(centre, issue, known_days, last_counted, language, say)
    _tight_days(centre, issue, language, say)
    _days_to_note(known_days, language, say)
    why(SERIES, centre, issued_on, language, say)
    absent = absent_days(history, last_counted)
    curve(SERIES, centre, issued_on, issue, history, last_counted, absent, language, say)
    figures = compare(SERIES, centre, last_counted, language, say)
    record(SERIES, centre, listed, language, say)
    _how_sure(issue, figures, language, say)


def _next_day(
    centre: Centre,
    issue: pd.DataFrame,
    history: pd.Series,
    last_counted: date | None,
    language: Language,
    say: Say,
) -> None:
    """The first forecast day in plain words, against last week and against capacity."""
    row: Any = issue.iloc[0]
    day = row["date"].date()
    distance = (day - data.today(centre.timezone)).days
    spoken = long_day(day, language)
    title = {0: say("today", day=spoken), 1: say("tomorrow", day=spoken)}.get(
        distance, capitalised(long_day(day, language, year=True))
    )
    boxes = [
        layout.tile(
            title,
            f"{rounded(row['prediction'], language)} {say('unit.parcels')}",
            range_of("range", row, language, say),
            main=True,
        )
    ]
    boxes.append(_change_tile(row, history, language, say))
    boxes.append(_load_tile(centre, row, language, say))
    came = row["actual"]
    if not is_missing(came):
        error = row["prediction"] - came
        gap = say("exact")
        if round(error) != 0:
            gap = say("over" if error > 0 else "under", amount=rounded(abs(error), language))
        inside = row["lower_80"] <= came <= row["upper_80"]
        words = say("came.inside" if inside else "came.outside", error=gap)
        boxes.append(layout.tile(say("came.title"), rounded(came, language), words))
    elif last_counted is not None and day <= last_counted:
        boxes.append(layout.tile(say("came.title"), MISSING, say("came.missing")))
    layout.tiles(boxes, say("head.label", day=spoken))


def _change_tile(row: Any, history: pd.Series, language: Language, say: Say) -> str:
    before = row["date"] - pd.Timedelta(days=7)
    title = say("change.title", day=long_day(before.date(), language))
    came = history.get(before)
    if is_missing(came):
        return layout.tile(title, MISSING, say("change.missing"))
    difference = row["prediction"] - came
    shown = rounded(difference, language)
    signed = f"+{shown}" if difference > 0 and shown != "0" else shown
    share = percent(difference / came, language, 1, signed=True) if came else signed
    return layout.tile(
        title, share, say("change.body", difference=signed, came=rounded(came, language))
    )


def _load_tile(centre: Centre, row: Any, language: Language, say: Say) -> str:
    if not centre.capacity:
        return layout.tile(say("load.title"), MISSING, say("load.none"))
    share = row["prediction"] / centre.capacity
    return layout.tile(
        say("load.title"),
        percent(share, language),
        say(
            "load.body",
            capacity=number(centre.capacity, language),
            upper=percent(row["upper_80"] / centre.capacity, language),
        ),
        warn=share > data.NEARLY_FULL,
        bar=share,
    )


def _week(
    centre: Centre,
    issue: pd.DataFrame,
    known_days: pd.DataFrame,
    last_counted: date | None,
    language: Language,
    say: Say,
) -> None:
    lies_ahead = issue["date"].iloc[0].date() >= data.today(centre.timezone)
    title = say("week" if lies_ahead else "week.past")
    st.subheader(title, anchor=False)
    names = known_days.set_index("day")
    cards = []
    for row in issue[issue["horizon"] <= 7].to_dict("records"):
        share = row["prediction"] / centre.capacity if centre.capacity else None
        notes = [range_of("card.range", row, language, say)]
        if not is_missing(row["actual"]):
            notes.append(say("card.came", came=rounded(row["actual"], language)))
        elif last_counted is not None and row["date"].date() <= last_counted:
            notes.append(say("came.missing"))
        labels = []
        if row["date"] in names.index:
            day = names.loc[row["date"]]
            labels = [text for text in (day["holiday"], day["event"]) if text]
            if day["is_bridge_day"]:
                labels.append(say("days.bridge"))
        cards.append(
            layout.day_card(
                capitalised(short_day(row["date"].date(), language)),
                rounded(row["prediction"], language),
                notes,
                names=labels,
                load="" if share is None else say("card.load", share=percent(share, language)),
                warn=share is not None and share > data.NEARLY_FULL,
            )
        )
    layout.day_cards(cards, title)


def _tight_days(centre: Centre, issue: pd.DataFrame, language: Language, say: Say) -> None:
    """Days on which capacity is short: expected, or possible."""
    if not centre.capacity:
        return
    limit = percent(data.NEARLY_FULL, language)
    for column, key in (("prediction", "tight"), ("upper_80", "tight_possible")):
        share = issue[column] / centre.capacity
        chosen = share > data.NEARLY_FULL
        if column == "upper_80":
            chosen &= issue["prediction"] / centre.capacity <= data.NEARLY_FULL
        days = ", ".join(
            f"{short_day(day.date(), language)} ({percent(part, language)})"
            for day, part in zip(issue.loc[chosen, "date"], share[chosen], strict=True)
        )
        if days and key == "tight":
            st.warning(say(key, limit=limit, days=days))
        elif days:
            st.caption(say(key, limit=limit, days=days))


def _days_to_note(known_days: pd.DataFrame, language: Language, say: Say) -> None:
    """Holidays, events, bridge days and school holidays ahead, runs of one name told as a span."""
    lines: list[tuple[date, str]] = []
    for column, kind in (("holiday", "holiday"), ("event", "event"), ("school_holiday", "school")):
        position = 0
        for name, run in groupby(known_days[column]):
            length = len(list(run))
            days = known_days["day"].iloc[position : position + length]
            position += length
            if name:
                first, last = days.iloc[0].date(), days.iloc[-1].date()
                when = _span(first, last, language, say)
                lines.append(
                    (first, f"- {capitalised(when)} : **{literal(name)}** ({say(f'days.{kind}')})")
                )
    for day in known_days.loc[known_days["is_bridge_day"], "day"]:
        when = capitalised(long_day(day.date(), language))
        lines.append((day.date(), f"- {when} : {say('days.bridge')}"))
    with st.container(key="days"):
        if not lines:
            st.caption(say("days.none"))
            return
        told = "\n".join(line for _, line in sorted(lines))
        colon = "\u202f: " if language == "fr" else ": "
        st.markdown(f"**{say('days')}**\n\n{told.replace(' : ', colon)}")


def _span(first: date, last: date, language: Language, say: Say) -> str:
    if first == last:
        return long_day(first, language)
    return say("days.span", first=long_day(first, language), last=long_day(last, language))


def _how_sure(issue: pd.DataFrame, figures: pd.Series | None, language: Language, say: Say) -> None:
    row: Any = issue.iloc[0]
    version = str(row["model_version"])
    measured = (
        say("sure.unmeasured")
        if figures is None
        else say(
            "sure.measured",
            share=percent(figures["coverage_80"], language),
            n=number(figures["n"], language),
            promised=percent(0.8, language),
        )
    )
    kind = "fallback" if version == FALLBACK_VERSION else "version"
    with st.expander(say("sure")):
        st.markdown(
            say(
                "sure.body",
                lower=rounded(row["lower_80"], language),
                upper=rounded(row["upper_80"], language),
                measured=measured,
                model=say(f"model.{kind}", version=version),
            )
        )


show()
