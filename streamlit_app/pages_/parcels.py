"""Parcels: what will come to a sorting centre, how sure that is, and how it went so far.

How it is read is in `data.py`, how it is drawn in `charts.py`, how it is said in `texts.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import charts, choices, data, layout, texts
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
from streamlit_app.texts import Say

FLOW = "parcels"
MEASURE = "parcels"
FALLBACK_VERSION = "fallback"
# Binomial: with 60 days the share inside the range strays by 0.05 from 0.80 by chance (one sigma).
CHANCE_SIGMAS = 2.0
NO_TENDENCY = 0.005


class Centre(NamedTuple):
    """The chosen centre."""

    centre_id: str
    label: str
    timezone: str
    capacity: float | None


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    say = texts.speaker(language)
    layout.head(say("parcels.title"), language, say)

    listed = data.centres()
    newest_issue = data.newest_day(FLOW, "predictions")
    last_counted = data.newest_day(FLOW, "actuals")
    if listed.empty:
        st.info(say("no_centres"))
        return
    if newest_issue is None:
        st.info(f"**{say('empty.title')}** {say('empty.body')}")
        return

    centre, issued_on = _choose(listed, language, say)
    if issued_on is None:
        title = say("centre_empty.title", centre=literal(centre.label))
        st.info(f"**{title}** {say('centre_empty.body')}")
        return
    issue = data.issue(FLOW, MEASURE, centre.centre_id, issued_on)
    if issue.empty:  # the issue went between two reads: the list is read again
        data.forget()
        st.rerun()
    _stamp(centre, issued_on, newest_issue, last_counted, issue, language, say)

    last_target = issue["date"].max().date()
    first_shown = issued_on - timedelta(days=data.HISTORY_DAYS - 1)
    history = data.actuals(FLOW, MEASURE, centre.centre_id, first_shown, last_target)
    known_days = data.calendar(centre.centre_id, issued_on + timedelta(days=1), last_target)

    _next_day(centre, issue, history, last_counted, language, say)
    _week(centre, issue, known_days, last_counted, language, say)
    _tight_days(centre, issue, language, say)
    _days_to_note(known_days, language, say)
    _curve(centre, issued_on, issue, history, last_counted, language, say)
    figures = _compare(centre, last_counted, language, say)
    _how_sure(issue, figures, language, say)


def _choose(listed: pd.DataFrame, language: Language, say: Say) -> tuple[Centre, date | None]:
    """The centre and issue day; None where the centre has no issue."""
    left, right = st.columns(2)
    labels = dict(zip(listed["centre_id"], listed["label"], strict=True))
    asked_centre, asked_day = choices.asked("centre"), choices.asked("date")
    with left:
        default = listed["centre_id"].iloc[0]
        centre_id = choices.select("centre", say("centre"), labels, default, spoken=True)
    row: Any = listed.set_index("centre_id").loc[centre_id]
    capacity = row["daily_capacity"]
    centre = Centre(
        centre_id, row["label"], row["timezone"], None if is_missing(capacity) else capacity
    )
    if asked_centre and asked_centre not in labels:
        st.info(say("unknown.centre", asked=literal(asked_centre), shown=literal(centre.label)))
    days = data.issue_days(FLOW, MEASURE, centre_id)
    with right:
        if not days:
            st.selectbox(
                say("issue"), [], placeholder=say("issue.none"), disabled=True, key="date.none"
            )
            return centre, None
        options = {day.isoformat(): long_day(day, language, year=True) for day in days}
        newest = days[0].isoformat()
        options[newest] = say("issue.newest", day=options[newest])
        chosen = choices.select("date", say("issue"), options, newest)
    if asked_day and asked_day not in options:
        st.info(say("issue.unknown", asked=literal(asked_day)))
    return centre, date.fromisoformat(chosen)


def _stamp(
    centre: Centre,
    issued_on: date,
    newest_issue: date,
    last_counted: date | None,
    issue: pd.DataFrame,
    language: Language,
    say: Say,
) -> None:
    """How fresh all of this is, and what to do when it is not."""
    st.caption(
        say(
            "stamp",
            issue=long_day(newest_issue, language, year=True),
            actual=long_day(last_counted, language, year=True)
            if last_counted
            else say("stamp.no_actual"),
            model=literal(issue["model_version"].iloc[0]),
        )
    )
    age = (data.today(centre.timezone) - newest_issue).days
    if age > data.STALE_DAYS:
        st.warning(say("stale", day=long_day(newest_issue, language, year=True), age=str(age)))
    own_newest = data.issue_days(FLOW, MEASURE, centre.centre_id)[0]
    if (newest_issue - own_newest).days > data.STALE_DAYS:
        st.warning(
            say(
                "centre_behind",
                day=long_day(own_newest, language, year=True),
                newest=long_day(newest_issue, language, year=True),
            )
        )
    if issued_on < own_newest:
        st.caption(say("past"))


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
            f"{rounded(row['prediction'], language)} {say('parcels.unit')}",
            _range("range", row, language, say),
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


def _range(key: str, row: Any, language: Language, say: Say) -> str:
    """The 80 % range in words; on a closed day there is nothing to give a range of."""
    if row["upper_80"] < 0.5:
        return say("range.none")
    return say(
        key, lower=rounded(row["lower_80"], language), upper=rounded(row["upper_80"], language)
    )


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
        notes = [_range("card.range", row, language, say)]
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


def _curve(
    centre: Centre,
    issued_on: date,
    issue: pd.DataFrame,
    history: pd.Series,
    last_counted: date | None,
    language: Language,
    say: Say,
) -> None:
    st.subheader(say("curve"), anchor=False)
    figure = charts.forecast_curve(
        history,
        issue,
        issued_on=issued_on,
        last_counted=last_counted,
        capacity=centre.capacity,
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
    evening = long_day(issued_on, language)
    absent = history[history.isna()].index
    missing = last_counted is not None and any(day.date() <= last_counted for day in absent)
    st.caption(say("curve.caption", day=evening) + (say("curve.missing") if missing else ""))
    title = say("table", day=long_day(issued_on, language, year=True), centre=centre.label)
    st.markdown(f"**{literal(title)}**")
    _table(issue, "issue", title, last_counted, language, say)
    layout.downloads(
        issue, name=f"parcels_{centre.centre_id}_{issued_on.isoformat()}", key="issue", say=say
    )


def _table(
    rows: pd.DataFrame,
    key: str,
    title: str,
    last_counted: date | None,
    language: Language,
    say: Say,
) -> None:
    def whole(value: Any) -> str:
        return number(value, language)

    shown: dict[str, Any] = dict.fromkeys(
        ("prediction", "lower_80", "upper_80", "lower_95", "upper_95", "actual"), whole
    )
    shown["date"] = lambda day: capitalised(f"{short_day(day.date(), language)} {day.year}")
    shown["issued_at"] = lambda at: f"{at:%Y-%m-%d %H:%M}"
    absent = rows["actual"].isna()
    due = (
        rows["date"] <= pd.Timestamp(last_counted)
        if last_counted
        else pd.Series(False, index=rows.index)
    )
    layout.table(
        rows,
        key=f"{key}.table",
        alt=title,
        labels=lambda column: say(f"column.{column}"),
        shown=shown,
        exceptions=[
            (absent & due, "actual", say("table.missing")),
            (absent & ~due, "actual", say("table.later")),
        ],
    )


def _compare(
    centre: Centre, last_counted: date | None, language: Language, say: Say
) -> pd.Series | None:
    """What was forecast against what came; returns the published figures of the horizon shown."""
    st.subheader(say("compare"), anchor=False)
    options = {
        str(days): say("horizon.one") if days == 1 else say("horizon.many", days=str(days))
        for days in range(1, 15)
    }
    horizon = int(choices.select("horizon", say("horizon"), options, "1"))
    rows = (
        data.said_at_horizon(FLOW, MEASURE, centre.centre_id, horizon, last_counted)
        if last_counted
        else pd.DataFrame()
    )
    if rows.empty:
        st.info(say("compare.none"))
        return None
    figures = data.accuracy(FLOW, MEASURE, centre.centre_id, horizon)
    if figures is None:
        st.info(say("compare.unmeasured"))
    else:
        _figures(figures, language, say)
    first, last = rows["date"].min().date(), rows["date"].max().date()
    alt = say(
        "compare.alt",
        centre=centre.label,
        first=long_day(first, language),
        last=long_day(last, language),
    )
    figure = charts.said_against_came(rows, language=language, say=say)
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="compare", alt=alt)
    with st.expander(say("compare.table")):
        _table(rows, "compare", say("compare.table"), last_counted, language, say)
        layout.downloads(
            rows,
            name=f"parcels_{centre.centre_id}_{horizon}_days_ahead_{last.isoformat()}",
            key="compare",
            say=say,
        )
    return figures


def _figures(figures: pd.Series, language: Language, say: Say) -> None:
    n, bias, coverage = int(figures["n"]), figures["bias"], figures["coverage_80"]
    tendency = "none"
    if not is_missing(bias) and abs(bias) >= NO_TENDENCY:
        tendency = "high" if bias > 0 else "low"
    mae, wape = number(figures["mae"], language), percent(figures["wape"], language, 1)
    boxes = [
        layout.tile(say("figure.mae"), mae, say("figure.mae.body")),
        layout.tile(say("figure.wape"), wape, say("figure.wape.body")),
        layout.tile(
            say("figure.bias"),
            percent(bias, language, 1, signed=True),
            say(f"figure.bias.{tendency}"),
        ),
        layout.tile(
            say("figure.coverage"),
            percent(coverage, language),
            say(
                "figure.coverage.body",
                inside=number(coverage * n, language),
                n=number(n, language),
                promised=percent(0.8, language),
            ),
        ),
    ]
    layout.tiles(boxes, say("compare"))
    mase = figures["mase"]
    against = ""
    if not is_missing(mase) and round(abs(1 - mase), 2) > 0:
        against = say(
            f"compare.mase.{'better' if mase < 1 else 'worse'}",
            share=percent(abs(1 - mase), language),
        )
    st.markdown(
        say(
            "compare.words",
            first=long_day(figures["first_date"].date(), language),
            last=long_day(figures["last_date"].date(), language),
            n=number(n, language),
            mae=mae,
            wape=wape,
            mase=against,
            coverage=say(f"coverage.{_verdict(coverage, n)}"),
        )
    )


def _verdict(coverage: float, n: int) -> str:
    """Whether the measured share inside the 80 % range differs from 0.8 by more than chance."""
    stray = CHANCE_SIGMAS * (0.8 * 0.2 / max(n, 1)) ** 0.5
    if coverage < 0.8 - stray:
        return "narrow"
    return "wide" if coverage > 0.8 + stray else "right"


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
