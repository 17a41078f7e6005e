"""What every page of forecasts has: a choice of centre and evening, a curve, a table, a comparison.

What is forecast is told by a `Series`; how it is said by the page's own `say`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import charts, choices, data, layout
from streamlit_app.formats import (
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

# What moves a forecast by less than this share of a usual day is not worth a line.
WORTH_SAYING = 0.01
# Binomial: with 60 days the share inside the range strays by 0.05 from 0.80 by chance (one sigma).
CHANCE_SIGMAS = 2.0
NO_TENDENCY = 0.005


class Series(NamedTuple):
    """What a page forecasts: the flow and measure of the published views."""

    flow: str
    measure: str


class Centre(NamedTuple):
    """The chosen centre."""

    centre_id: str
    label: str
    timezone: str
    capacity: float | None


def opening(
    series: Series,
    listed: pd.DataFrame,
    default: str,
    newest_issue: date,
    last_counted: date | None,
    language: Language,
    say: Say,
    *,
    label: str,
) -> tuple[Centre, date, pd.DataFrame] | None:
    """The chosen centre, issue day and issue, with how fresh they are; None where there is none."""
    centre, issued_on = choose(series, listed, default, language, say, label=label)
    if issued_on is None:
        title = say("centre_empty.title", centre=literal(centre.label))
        st.info(f"**{title}** {say('centre_empty.body')}")
        return None
    issue = data.issue(*series, centre.centre_id, issued_on)
    if issue.empty:  # the issue went between two reads: the list is read again
        data.forget()
        st.rerun()
    stamp(series, centre, issued_on, newest_issue, last_counted, issue, language, say)
    return centre, issued_on, issue


def choose(
    series: Series, listed: pd.DataFrame, default: str, language: Language, say: Say, *, label: str
) -> tuple[Centre, date | None]:
    """The centre and issue day; None where the centre has no issue."""
    left, right = st.columns(2)
    labels = dict(zip(listed["centre_id"], listed["label"], strict=True))
    asked_centre, asked_day = choices.asked("centre"), choices.asked("date")
    with left:
        centre_id = choices.select("centre", label, labels, default, spoken=True)
    row: Any = listed.set_index("centre_id").loc[centre_id]
    capacity = row["daily_capacity"]
    centre = Centre(
        centre_id, row["label"], row["timezone"], None if is_missing(capacity) else capacity
    )
    if asked_centre and asked_centre not in labels:
        st.info(say("unknown.centre", asked=literal(asked_centre), shown=literal(centre.label)))
    days = data.issue_days(*series, centre_id)
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


def stamp(
    series: Series,
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
    own_newest = data.issue_days(*series, centre.centre_id)[0]
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


def range_of(key: str, row: Any, language: Language, say: Say) -> str:
    """The 80 % range in words; on a closed day there is nothing to give a range of."""
    if row["upper_80"] < 0.5:
        return say("range.none")
    return say(
        key, lower=rounded(row["lower_80"], language), upper=rounded(row["upper_80"], language)
    )


def why(series: Series, centre: Centre, issued_on: date, language: Language, say: Say) -> None:
    """What moved the first forecast day from a usual same weekday, largest first."""
    rows = data.explanations(*series, centre.centre_id, issued_on)
    if rows.empty:
        return
    row: Any = rows.iloc[0]
    least = WORTH_SAYING * max(row["usual"], 1.0)
    moved = {name.removeprefix("by_"): row[name] for name in rows.columns if name.startswith("by_")}
    told = sorted((n for n in moved if abs(moved[n]) >= least), key=lambda n: -abs(moved[n]))
    lines = [
        say(
            f"why.{'more' if moved[name] > 0 else 'less'}",
            amount=rounded(abs(moved[name]), language),
            driver=say(f"driver.{name}"),
        )
        for name in told
    ]
    st.subheader(say("why"), anchor=False)
    st.markdown(
        say(
            "why.usual",
            day=long_day(row["date"].date(), language),
            usual=rounded(row["usual"], language),
            prediction=rounded(row["prediction"], language),
        )
    )
    st.markdown("\n".join(f"- {line}" for line in lines) if lines else say("why.nothing"))


def absent_days(history: pd.Series, last_counted: date | None) -> list[pd.Timestamp]:
    """The days up to `last_counted` for which no count came."""
    return [
        day for day in history.index[history.isna()] if last_counted and day.date() <= last_counted
    ]


def curve(
    series: Series,
    centre: Centre,
    issued_on: date,
    issue: pd.DataFrame,
    history: pd.Series,
    last_counted: date | None,
    absent: Sequence[pd.Timestamp],
    language: Language,
    say: Say,
) -> None:
    st.subheader(say("curve"), anchor=False)
    figure = charts.forecast_curve(
        history,
        issue,
        issued_on=issued_on,
        absent=absent,
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
    st.caption(say("curve.caption", day=evening) + (say("curve.missing") if absent else ""))
    title = say("table", day=long_day(issued_on, language, year=True), centre=centre.label)
    st.markdown(f"**{literal(title)}**")
    _table(issue, "issue", title, last_counted, language, say)
    layout.downloads(
        issue,
        name=f"{file_stem(series)}_{centre.centre_id}_{issued_on.isoformat()}",
        key="issue",
        say=say,
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


def compare(
    series: Series, centre: Centre, last_counted: date | None, language: Language, say: Say
) -> pd.Series | None:
    """What was forecast against what came; returns the published figures of the horizon shown."""
    st.subheader(say("compare"), anchor=False)
    options = {
        str(days): say("horizon.one") if days == 1 else say("horizon.many", days=str(days))
        for days in range(1, 15)
    }
    horizon = int(choices.select("horizon", say("horizon"), options, "1"))
    rows = (
        data.said_at_horizon(*series, centre.centre_id, horizon, last_counted)
        if last_counted
        else pd.DataFrame()
    )
    if rows.empty:
        st.info(say("compare.none"))
        return None
    figures = data.accuracy(*series, centre.centre_id, horizon)
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
            name=f"{file_stem(series)}_{centre.centre_id}_{horizon}_days_ahead_{last.isoformat()}",
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


def file_stem(series: Series) -> str:
    """How the files of a series begin."""
    return "_".join(dict.fromkeys(series))


def _verdict(coverage: float, n: int) -> str:
    """Whether the measured share inside the 80 % range differs from 0.8 by more than chance."""
    stray = CHANCE_SIGMAS * (0.8 * 0.2 / max(n, 1)) ** 0.5
    if coverage < 0.8 - stray:
        return "narrow"
    return "wide" if coverage > 0.8 + stray else "right"
