"""Trips: how long they take, when and where, and how far off the times were that were said.

What it reads is in `trips_data.py`, its charts are in `trips_charts.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import charts, choices, data, layout, texts, trips_charts, trips_data
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    is_missing,
    long_day,
    number,
    percent,
    short_day,
    weekday,
)
from streamlit_app.layout import literal
from streamlit_app.periods import Period
from streamlit_app.texts import Say

PERIODS = ("7", "28", "91")
DEFAULT_PERIOD = "28"
PROMISED = 0.8
# What chance may do to the share inside the band; the same margin as on the pages of forecasts.
AS_PROMISED = 0.04
# A change below this is none, in minutes and in shares.
_SAME_MINUTES = 0.05
_SAME_SHARE = 0.005


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    say = texts.speaker(language, step="trip")
    layout.head(say("trips.title"), language, say)
    listed = data.centres(trips_data.FLOW)
    if listed.empty:
        st.info(say("trips.no_centres"))
        return
    known = trips_data.days()
    if known is None:
        st.info(f"**{say('trips.empty.title')}** {say('trips.empty.body')}")
        return

    first_day, newest_day = known
    left, right = st.columns([3, 2])
    with left:
        borough = _choose_borough(listed, say)
    with right:
        labels = {days: say("trips.days", n=days) for days in PERIODS}
        chosen = choices.select("period", say("trips.period"), labels, DEFAULT_PERIOD)
    first_shown = newest_day - timedelta(days=int(chosen) - 1)
    period = Period(max(first_shown, first_day), newest_day)
    place = (
        say("trips.all")
        if borough == trips_data.ALL
        else str(listed.set_index("centre_id").loc[borough, "label"])
    )
    _stamp(period, language, say)

    totals = trips_data.totals(borough, *period)
    if is_missing(totals["trips"]):
        st.info(say("trips.none", place=literal(place), **_dates(period, language)))
        _credit(say)
        return
    models = trips_data.models(borough, *period)
    _fallback(models, language, say)
    _tiles(borough, place, period, first_day, totals, models, language, say)
    _durations(borough, place, period, language, say)
    _pairs(borough, period, language, say)
    _models(models, place, period, language, say)
    _said_against_real(borough, period, language, say)
    _credit(say)


def _choose_borough(listed: pd.DataFrame, say: Say) -> str:
    asked = choices.asked("borough")
    labels = {
        trips_data.ALL: say("trips.all"),
        **dict(zip(listed["centre_id"], listed["label"], strict=True)),
    }
    borough = choices.select("borough", say("trips.borough"), labels, trips_data.ALL)
    if asked and asked not in labels:
        st.info(say("unknown.centre", asked=literal(asked), shown=literal(labels[borough])))
    return borough


def _dates(period: Period, language: Language) -> dict[str, str]:
    return {
        "first": short_day(period.first, language, weekday=False),
        "last": f"{short_day(period.last, language, weekday=False)} {period.last.year}",
    }


def _stamp(period: Period, language: Language, say: Say) -> None:
    """How fresh all of this is, and what to do when it is not."""
    scored = trips_data.newest_scores()
    st.caption(
        say(
            "trips.stamp",
            newest=long_day(period.last, language, year=True),
            scored=say("stamp.no_actual")
            if scored is None
            else long_day(scored["date"].date(), language, year=True),
            model=MISSING if scored is None else literal(scored["model_version"]),
            **_dates(period, language),
        )
    )
    age = (data.today("UTC") - period.last).days
    if age > data.STALE_DAYS:
        newest = long_day(period.last, language, year=True)
        st.warning(say("trips.stale", day=newest, age=number(age, language)))
    if scored is None:
        st.warning(say("trips.unscored.all"))
    elif scored["date"].date() < period.last:
        st.warning(say("trips.unscored", day=long_day(scored["date"].date(), language, year=True)))


def _fallback(models: pd.DataFrame, language: Language, say: Say) -> None:
    """Says when no trained model spoke, or not for all trips."""
    told = models.loc[models["by_fallback"] > 0, ["model", "by_fallback"]]
    if told.empty:
        return
    shares = ", ".join(
        f"{say(f'trips.model.{row.model}')}{charts.colon(language)}"
        f"{percent(row.by_fallback, language)}"
        for row in told.itertuples()
    )
    st.warning(say("trips.fallback", shares=shares))


def _tiles(
    borough: str,
    place: str,
    period: Period,
    first_day: date,
    totals: pd.Series,
    models: pd.DataFrame,
    language: Language,
    say: Say,
) -> None:
    """The period in four figures, each with its change against the period before."""
    before = period.before
    # A period that the data reach only in part would look like fewer trips.
    comparable = before.first >= first_day
    old = trips_data.totals(borough, *before) if comparable else None
    own, old_own = _of_default(models), None
    if comparable:
        old_own = _of_default(trips_data.models(borough, *before))

    def changed(now: Any, then: Any, unit: str) -> str:
        return _change(now, then, unit, language, say)

    def earlier(row: Any, column: str) -> float | None:
        return None if row is None else row[column]

    mean, trips = totals["mean_minutes"], totals["trips"]
    boxes = [
        layout.tile(
            say("trips.kpi.minutes"),
            say("trips.minutes", n=number(mean, language, 1)),
            changed(mean, earlier(old, "mean_minutes"), "minutes"),
            main=True,
        ),
        layout.tile(
            say("trips.kpi.trips"),
            number(trips, language),
            changed(trips, earlier(old, "trips"), "share"),
        ),
    ]
    if own is None:
        boxes.append(layout.tile(say("trips.kpi.error"), MISSING, say("trips.kpi.unscored")))
    else:
        inside = own["coverage_80"]
        promised = say("trips.kpi.promised", promised=percent(PROMISED, language))
        moved = changed(inside, earlier(old_own, "coverage_80"), "points")
        boxes += [
            layout.tile(
                say("trips.kpi.error"),
                say("trips.off", n=number(own["trip_mae"], language, 1)),
                changed(own["trip_mae"], earlier(old_own, "trip_mae"), "minutes"),
            ),
            layout.tile(
                say("trips.kpi.inside"),
                percent(inside, language),
                " · ".join(filter(None, (promised, moved))),
                warn=inside < PROMISED - AS_PROMISED,
            ),
        ]
    dates = _dates(period, language)
    st.subheader(say("trips.kpi", place=place, **dates), anchor=False)
    layout.tiles(boxes, say("trips.kpi", place=place, **dates))
    st.caption(
        say("trips.kpi.before", **_dates(before, language))
        if comparable
        else say("trips.kpi.no_before", day=long_day(first_day, language, year=True))
    )


def _of_default(models: pd.DataFrame) -> pd.Series | None:
    """The row of the model that knows no planned distance."""
    rows = models[models["model"] == "default"]
    return None if rows.empty else rows.iloc[0]


def _change(now: float, then: float | None, unit: str, language: Language, say: Say) -> str:
    """How a figure moved: a share of itself, minutes, or percentage points; "" where unknown."""
    if then is None or is_missing(then) or is_missing(now) or (unit == "share" and not then):
        return ""
    moved = now / then - 1 if unit == "share" else now - then
    if abs(moved) < (_SAME_MINUTES if unit == "minutes" else _SAME_SHARE):
        return say("trips.change.none")
    if unit == "share":
        amount = percent(abs(moved), language, 1)
    elif unit == "points":
        amount = say("trips.points", n=number(abs(moved) * 100, language, 1))
    else:
        amount = say("trips.minutes", n=number(abs(moved), language, 1))
    return say("trips.change.more" if moved > 0 else "trips.change.less", amount=amount)


def _durations(borough: str, place: str, period: Period, language: Language, say: Say) -> None:
    """Mean minutes by hour, Monday to Friday against weekends, and by weekday."""
    st.subheader(say("trips.when"), anchor=False)
    hours = trips_data.hours(borough, *period)
    days = trips_data.weekdays(borough, *period)
    _words(hours, language, say)
    left, right = st.columns([3, 2])
    with left:
        st.markdown(f"**{say('trips.by.hour')}**")
        busy = hours[["weekday_minutes", "weekend_minutes"]]
        _chart(
            trips_charts.by_hour(hours, language=language, say=say),
            "trips.hours",
            say(
                "trips.alt.hour",
                place=place,
                low=number(busy.min(axis=None), language, 1),
                high=number(busy.max(axis=None), language, 1),
            ),
        )
    with right:
        st.markdown(f"**{say('trips.by.weekday')}**")
        _chart(
            trips_charts.by_weekday(days, language=language, say=say),
            "trips.weekdays",
            say(
                "trips.alt.weekday",
                place=place,
                days=", ".join(
                    f"{weekday(row.weekday + 1, language)}{charts.colon(language)}"
                    f"{number(row.mean_minutes, language, 1)}"
                    for row in days.itertuples()
                ),
            ),
        )
    st.caption(say("trips.local"))
    with st.expander(say("trips.hours.table")):
        _table(
            hours,
            "hours",
            say("trips.by.hour"),
            {
                "local_hour": lambda hour: trips_charts.hour_name(hour, language),
                **_minutes(("weekday_minutes", "weekend_minutes"), language),
            },
            language,
            say,
        )
        _downloads(hours, "hours", borough, period, say)


def _words(hours: pd.DataFrame, language: Language, say: Say) -> None:
    """The slowest and the quickest hour of weekdays, in a sentence; hours of few trips left out."""
    usual = hours[hours["weekday_trips"] >= trips_charts.FEW_TRIPS]
    if len(usual) < 2:
        return
    slow: Any = usual.loc[usual["weekday_minutes"].idxmax()]
    quick: Any = usual.loc[usual["weekday_minutes"].idxmin()]
    st.markdown(
        say(
            "trips.when.words",
            slow=trips_charts.hour_name(int(slow["local_hour"]), language),
            slow_minutes=number(slow["weekday_minutes"], language, 1),
            quick=trips_charts.hour_name(int(quick["local_hour"]), language),
            quick_minutes=number(quick["weekday_minutes"], language, 1),
        )
    )


def _pairs(borough: str, period: Period, language: Language, say: Say) -> None:
    """The busiest zone pairs: how many trips, how long, and how far off the times said were."""
    st.subheader(say("trips.pairs"), anchor=False)
    rows = trips_data.zone_pairs(borough, *period)
    st.caption(say("trips.pairs.body", n=number(len(rows), language)))
    _table(
        rows,
        "pairs",
        say("trips.pairs"),
        {
            **_minutes(("mean_minutes", "mean_distance_km"), language),
            "trip_mae": lambda off: (
                MISSING if is_missing(off) else say("errors.off", mae=number(off, language, 1))
            ),
        },
        language,
        say,
    )
    _downloads(rows, "pairs", borough, period, say)


def _models(models: pd.DataFrame, place: str, period: Period, language: Language, say: Say) -> None:
    """Both models beside each other, and what a planned distance is worth."""
    st.subheader(say("trips.models"), anchor=False)
    if models.empty:
        st.info(say("trips.models.none", place=literal(place), **_dates(period, language)))
        return
    by_model = models.set_index("model")
    if set(trips_data.MODELS) <= set(by_model.index):
        plain, planned = (by_model.loc[model] for model in trips_data.MODELS)
        less = 1 - planned["trip_mae"] / plain["trip_mae"] if plain["trip_mae"] else 0.0
        st.markdown(
            say(
                "trips.models.less" if less > _SAME_SHARE else "trips.models.same",
                plain=number(plain["trip_mae"], language, 1),
                planned=number(planned["trip_mae"], language, 1),
                share=percent(less, language),
            )
        )
    shown = models[list(trips_data.MODEL_COLUMNS)]
    _table(
        shown,
        "models",
        say("trips.models"),
        {
            "model": lambda model: say(f"trips.model.{model}"),
            **_minutes(("trip_mae", "rmse", "mean_width_80"), language, 2),
            "r2": lambda value: number(value, language, 2),
            "coverage_80": lambda share: percent(share, language, 1),
        },
        language,
        say,
    )
    st.caption(say("trips.models.body", promised=percent(PROMISED, language)))
    _downloads(shown, "models", "all" if place == say("trips.all") else place, period, say)


def _said_against_real(borough: str, period: Period, language: Language, say: Say) -> None:
    """Whether trips of which 20 minutes were said take 20 minutes, and those of 40 take 40."""
    rows = trips_data.steps(borough, *period)
    if rows.empty:
        return
    st.subheader(say("trips.real"), anchor=False)
    own = rows[rows["model"] == "default"]
    own = rows if own.empty else own
    off = (own["mean_predicted"] - own["mean_actual"]).abs()
    _chart(
        trips_charts.said_against_real(rows, language=language, say=say),
        "trips.steps",
        say(
            "trips.alt.real",
            n=number(len(own), language),
            off=number(off.max(), language, 1),
        ),
    )
    pale = (rows["trips"] < trips_charts.FEW_TRIPS).any()
    st.caption(
        say("trips.real.body")
        + (say("trips.real.pale", enough=str(trips_charts.FEW_TRIPS)) if pale else "")
    )
    with st.expander(say("trips.real.table")):
        _table(
            rows,
            "steps",
            say("trips.real"),
            {
                "model": lambda model: say(f"trips.model.{model}"),
                **_minutes(("mean_predicted", "mean_actual"), language),
                "coverage_80": lambda share: percent(share, language, 1),
            },
            language,
            say,
        )
        _downloads(rows, "steps", borough, period, say)


def _chart(figure: Any, key: str, alt: str) -> None:
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key=key, alt=alt)


def _minutes(columns: tuple[str, ...], language: Language, decimals: int = 1) -> dict[str, Any]:
    return dict.fromkeys(columns, lambda value: number(value, language, decimals))


def _table(
    rows: pd.DataFrame, name: str, alt: str, shown: dict[str, Any], language: Language, say: Say
) -> None:
    counts = [str(c) for c in rows if str(c) == "trips" or str(c).endswith("_trips")]
    whole: dict[str, Any] = dict.fromkeys(counts, lambda count: number(count, language))
    layout.table(
        rows,
        key=f"{name}.table",
        alt=alt,
        labels=lambda column: capitalised(say(f"column.{column}")),
        shown={**whole, **shown},
    )


def _downloads(rows: pd.DataFrame, name: str, borough: str, period: Period, say: Say) -> None:
    where = "all" if borough == trips_data.ALL else borough
    layout.downloads(
        rows, name=f"trips_{name}_{where}_{period.first}_{period.last}", key=name, say=say
    )


def _credit(say: Say) -> None:
    """Says when there is no such city."""
    if data.is_simulated(trips_data.FLOW):
        st.caption(say("trips.simulated"))


show()
