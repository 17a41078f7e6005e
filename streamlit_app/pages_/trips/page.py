"""Trips: how long they take, when and where, and how accurate the predicted times are.

What it reads is in `data.py`, its charts are in `charts.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout, periods
from streamlit_app.blocks.held import EXPECTED_80, MARGIN
from streamlit_app.blocks.layout import literal
from streamlit_app.blocks.periods import Period, change, difference
from streamlit_app.data import flows
from streamlit_app.data.flows import ALL
from streamlit_app.formats import MISSING, is_missing
from streamlit_app.frames import each_row, row_at
from streamlit_app.pages_.trips import charts, data
from streamlit_app.view import View

PERIODS = ("7", "28", "91")
DEFAULT_PERIOD = "28"
# A change below this is none, in minutes and in shares.
_SAME_MINUTES = 0.05
_SAME_SHARE = 0.005


class Shown(NamedTuple):
    """The trips that the page is about: those of a borough, or of all, over some days."""

    borough: str
    place: str
    period: Period


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    listed = layout.head_with_centres(view, data.FLOW)
    if listed is None:
        return
    known = data.days()
    if known is None:
        layout.notice(st.info, view, "empty")
        return
    first_day, newest_day = known
    shown = _choose(view, listed, first_day, newest_day)
    _stamp(view, shown.period)
    totals = data.totals(shown.borough, *shown.period)
    if is_missing(totals["trips"]):
        place, dates = literal(shown.place), shown.period.spelled(view)
        st.info(view.text("none", place=place, **dates))
    else:
        models = data.models(shown.borough, *shown.period)
        _fallback(view, models)
        _tiles(view, shown, first_day, totals, models)
        _durations(view, shown)
        _pairs(view, shown)
        _models(view, shown, models)
        _steps(view, shown)
    layout.simulated_note(view, data.FLOW)


def _choose(view: View, listed: pd.DataFrame, first_day: date, newest_day: date) -> Shown:
    """Borough and days, each kept in the address."""
    left, right = st.columns([3, 2])
    with left:
        borough, place = periods.chosen_centre(view, "borough", listed)
    with right:
        options = periods.days_to_choose(view, PERIODS)
        days = choices.select("period", view.text("period"), options, DEFAULT_PERIOD)
    first_shown = newest_day - timedelta(days=int(days) - 1)
    return Shown(borough, place, Period(max(first_shown, first_day), newest_day))


def _stamp(view: View, period: Period) -> None:
    """How up to date all of this is, and what to do when it is not."""
    scored = data.newest_scores()
    newest = view.long_day(period.last, year=True)
    scored_on = MISSING if scored is None else view.long_day(scored["date"].date(), year=True)
    st.caption(
        view.text(
            "stamp",
            newest=newest,
            scored=scored_on,
            model=MISSING if scored is None else literal(scored["model_version"]),
            **period.spelled(view),
        )
    )
    age = (view.today("UTC") - period.last).days
    if age > flows.STALE_DAYS:
        st.warning(view.text("stale", day=newest, age=view.number(age)))
    if scored is None:
        st.warning(view.text("unscored.all"))
    elif scored["date"].date() < period.last:
        st.warning(view.text("unscored", day=scored_on))


def _fallback(view: View, models: pd.DataFrame) -> None:
    """Says so where no trained model made the predictions, or not all of them."""
    partly = models.loc[models["by_fallback"] > 0, ["model", "by_fallback"]]
    if partly.empty:
        return
    shares = ", ".join(
        f"{view.text(f'model_name.{row.model}')}{view.colon}{view.percent(row.by_fallback)}"
        for row in each_row(partly)
    )
    st.warning(view.text("fallback", shares=shares))


def _tiles(
    view: View, shown: Shown, first_day: date, totals: pd.Series, models: pd.DataFrame
) -> None:
    """The period in four figures, each with its change against the period before."""
    before = shown.period.before
    # A period that the data reach only in part would look like fewer trips.
    comparable = before.first >= first_day
    old = data.totals(shown.borough, *before) if comparable else None
    old_models = data.models(shown.borough, *before) if comparable else None
    by = difference(totals, old, "trips")
    boxes = [
        layout.tile(
            view.text("kpi.minutes"),
            view.text("minutes", n=view.number(totals["mean_minutes"], 1)),
            _change_in_minutes(view, difference(totals, old, "mean_minutes")),
            main=True,
        ),
        layout.tile(
            view.text("kpi.trips"),
            view.number(totals["trips"]),
            change(
                view,
                by / old["trips"] if old is not None and old["trips"] else None,
                least=_SAME_SHARE,
                spell=lambda share: view.percent(share, 1),
            ),
        ),
        *_accuracy_tiles(view, _of_default(models), _of_default(old_models)),
    ]
    title = view.text("period.title", place=shown.place, **shown.period.spelled(view))
    layout.heading(literal(title))
    layout.tiles(boxes, title)
    periods.compared_with(view, before if comparable else None, first_day, view.text("kpi.means"))


def _accuracy_tiles(view: View, own: pd.Series | None, old: pd.Series | None) -> list[str]:
    if own is None:
        return [layout.tile(view.text("kpi.error"), MISSING, view.text("unmeasured"))]
    inside = own["coverage_80"]
    target = view.text("target", target=view.percent(EXPECTED_80))
    moved = change(
        view,
        difference(own, old, "coverage_80"),
        least=_SAME_SHARE,
        spell=periods.points(view),
    )
    return [
        layout.tile(
            view.text("kpi.error"),
            view.text("off", n=view.number(own["trip_mae"], 1)),
            _change_in_minutes(view, difference(own, old, "trip_mae")),
        ),
        layout.tile(
            view.text("kpi.inside"),
            view.percent(inside),
            periods.joined(target, moved),
            warn=inside < EXPECTED_80 - MARGIN,
        ),
    ]


def _change_in_minutes(view: View, by: float) -> str:
    return change(
        view,
        by,
        least=_SAME_MINUTES,
        spell=lambda minutes: view.text("minutes", n=view.number(minutes, 1)),
    )


def _of_default(models: pd.DataFrame | None) -> pd.Series | None:
    """The row of the model that knows no planned distance."""
    if models is None:
        return None
    rows = models[models["model"] == "default"]
    return None if rows.empty else rows.iloc[0]


def _durations(view: View, shown: Shown) -> None:
    """Mean minutes by hour, Monday to Friday against weekends, and by weekday."""
    layout.heading(view.text("when"))
    hours = data.hours(shown.borough, *shown.period)
    days = data.weekdays(shown.borough, *shown.period)
    _slowest_and_quickest(view, hours)
    left, right = st.columns([3, 2])
    with left:
        st.markdown(f"**{view.text('by.hour')}**")
        busy = hours[["weekday_minutes", "weekend_minutes"]]
        low, high = (view.number(value, 1) for value in (busy.min().min(), busy.max().max()))
        layout.chart(
            charts.by_hour(view, hours),
            key="trips.hours",
            alt=view.text("alt.hour", place=shown.place, low=low, high=high),
        )
    with right:
        st.markdown(f"**{view.text('by.weekday')}**")
        means = ", ".join(
            f"{view.weekday(row.weekday + 1)}{view.colon}{view.number(row.mean_minutes, 1)}"
            for row in each_row(days)
        )
        layout.chart(
            charts.by_weekday(view, days),
            key="trips.weekdays",
            alt=view.text("alt.weekday", place=shown.place, days=means),
        )
    st.caption(view.text("local"))
    with st.expander(view.text("hours.table")):
        minutes = ("weekday_minutes", "weekend_minutes")
        formats = {"local_hour": view.hour, **layout.decimals(view, minutes)}
        _table(view, shown, hours, "hours", view.text("by.hour"), formats)


def _slowest_and_quickest(view: View, hours: pd.DataFrame) -> None:
    """The slowest and the quickest hour of weekdays; hours of few trips are left out."""
    usual = hours[hours["weekday_trips"] >= charts.FEW_TRIPS]
    if len(usual) < 2:
        return
    slow = row_at(usual, usual["weekday_minutes"].idxmax())
    quick = row_at(usual, usual["weekday_minutes"].idxmin())
    st.markdown(
        view.text(
            "when.words",
            slow=view.hour(int(slow["local_hour"])),
            slow_minutes=view.number(slow["weekday_minutes"], 1),
            quick=view.hour(int(quick["local_hour"])),
            quick_minutes=view.number(quick["weekday_minutes"], 1),
        )
    )


def _pairs(view: View, shown: Shown) -> None:
    """The busiest zone pairs: how many trips, how long, and how accurate the predicted times."""
    layout.heading(view.text("pairs"))
    rows = data.zone_pairs(shown.borough, *shown.period)
    st.caption(view.text("pairs.body", n=view.number(len(rows))))
    formats = {
        **layout.decimals(view, ("mean_minutes", "mean_distance_km")),
        "trip_mae": lambda off: MISSING if is_missing(off) else f"± {view.number(off, 1)}",
    }
    _table(view, shown, rows, "pairs", view.text("pairs"), formats)


def _models(view: View, shown: Shown, models: pd.DataFrame) -> None:
    """Both models next to each other, and what a planned distance adds."""
    layout.heading(view.text("models"))
    if models.empty:
        place, dates = literal(shown.place), shown.period.spelled(view)
        st.info(view.text("models.none", place=place, **dates))
        return
    by_model = models.set_index("model")
    if set(data.MODELS) <= set(by_model.index):
        plain, planned = (row_at(by_model, model)["trip_mae"] for model in data.MODELS)
        less = 1 - planned / plain if plain else 0.0
        words = {"plain": view.number(plain, 1), "planned": view.number(planned, 1)}
        st.markdown(
            view.text("models.less", share=view.percent(less), **words)
            if less > _SAME_SHARE
            else view.text("models.same", **words)
        )
    formats = {
        "model": lambda model: view.text(f"model_name.{model}"),
        **layout.decimals(view, ("trip_mae", "rmse", "mean_width_80", "r2"), 2),
        "coverage_80": lambda share: view.percent(share, 1),
    }
    _table(view, shown, models[list(data.MODEL_COLUMNS)], "models", view.text("models"), formats)
    st.caption(view.text("models.body", target=view.percent(EXPECTED_80)))


def _steps(view: View, shown: Shown) -> None:
    """Whether trips with 20 predicted minutes take 20 minutes, and those with 40 take 40."""
    rows = data.steps(shown.borough, *shown.period)
    if rows.empty:
        return
    layout.heading(view.text("steps"))
    own = rows[rows["model"] == "default"]
    own = rows if own.empty else own
    off = (own["mean_predicted"] - own["mean_actual"]).abs().max()
    layout.chart(
        charts.predicted_against_actual(view, rows),
        key="trips.steps",
        alt=view.text("alt.steps", n=view.number(len(own)), off=view.number(off, 1)),
    )
    pale = (rows["trips"] < charts.FEW_TRIPS).any()
    few = view.text("steps.pale", enough=str(charts.FEW_TRIPS)) if pale else ""
    st.caption(view.text("steps.body") + few)
    with st.expander(view.text("steps.table")):
        formats = {
            "model": lambda model: view.text(f"model_name.{model}"),
            **layout.decimals(view, ("mean_predicted", "mean_actual")),
            "coverage_80": lambda share: view.percent(share, 1),
        }
        _table(view, shown, rows, "steps", view.text("steps"), formats)


def _table(
    view: View, shown: Shown, rows: pd.DataFrame, name: str, alt: str, formats: layout.Formats
) -> None:
    """A table and its files, with counts as whole numbers."""
    counts = [str(c) for c in rows if str(c) == "trips" or str(c).endswith("_trips")]
    whole: layout.Formats = dict.fromkeys(counts, view.number)
    where = "all" if shown.borough == ALL else shown.borough
    file_name = f"trips_{name}_{where}_{shown.period.first}_{shown.period.last}"
    formats = {**whole, **formats}
    layout.table_with_files(view, rows, key=name, alt=alt, shown=formats, name=file_name)


show(layout.view_of(data.FLOW))
