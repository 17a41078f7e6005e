"""The blocks of a page of scored events: the choice of measure and centre, accuracy, newest scores.

How often the range held is in `held.py`. The pages Trips and Deliveries desk have blocks of their
own instead, because their views hold more than these need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.blocks.held import EXPECTED_80, verdict_on
from streamlit_app.blocks.issue import Series
from streamlit_app.blocks.layout import literal
from streamlit_app.blocks.periods import chosen_centre
from streamlit_app.data import flows
from streamlit_app.data import records as data
from streamlit_app.data.flows import DEFAULT_TIMEZONE
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.view import View


@dataclass(frozen=True)
class Scores:
    """The measure and centre that the reader chose, and the published errors of every centre.

    `listed` are the centres of the flow, `place` is the label of the chosen one or of all together,
    `accuracy` has a row for each centre that was measured and one for all.
    """

    view: View
    series: Series
    listed: pd.DataFrame
    centre_id: str
    place: str
    accuracy: pd.DataFrame


def chosen_scores(view: View, flow: str, measures: Sequence[str]) -> Scores | None:
    """Let the reader choose; None, and why, where nothing was measured yet.

    A measure is chosen only where there are several.
    """
    listed = flows.centres(flow)
    if listed.empty:
        st.info(view.text("no_centres"))
        return None
    left, right = st.columns(2)
    with left:
        centre_id, place = chosen_centre(view, "centre", listed)
    measure = measures[0]
    if len(measures) > 1:
        labels = {name: capitalised(view.text(f"measure.{name}")) for name in measures}
        with right:
            measure = choices.select("measure", view.text("measure"), labels, measures[0])
    rows = data.accuracy(flow, measure)
    if rows.empty:
        layout.notice(st.info, view, "empty")
        return None
    _stamp(view, flow)
    return Scores(view, Series(flow, measure), listed, centre_id, place, rows)


def _stamp(view: View, flow: str) -> None:
    """How up to date all of this is."""
    days = {name: flows.newest_day(flow, name) for name in ("actuals", "predictions")}
    actual, predicted = (
        MISSING if day is None else view.long_day(day, year=True) for day in days.values()
    )
    st.caption(view.text("stamp", actual=actual, predicted=predicted))


def accuracy(scores: Scores) -> None:
    """How far predictions were from the actual outcomes: the chosen centre, and a table of all."""
    view, rows = scores.view, scores.accuracy
    layout.heading(view.text("accuracy"))
    own = rows[rows["centre_id"] == scores.centre_id]
    if own.empty:
        st.info(view.text("unmeasured"))
    else:
        _figures(scores, own.iloc[0])
    shown = rows[list(data.ACCURACY_COLUMNS)]
    labels = dict(zip(scores.listed["centre_id"], scores.listed["label"], strict=True))
    formats: layout.Formats = {
        "centre_id": lambda name: literal(
            view.text("all_centres") if name == "*" else labels.get(name, name)
        ),
        "n": view.number,
        **layout.decimals(view, ("mae", "mean_actual")),
        **dict.fromkeys(("bias", "coverage_80"), lambda value: view.percent(value, 1)),
    }
    with st.expander(view.text("accuracy.table")):
        name = f"{scores.series.file_stem}_accuracy"
        layout.table_with_files(
            view, shown, key="accuracy", alt=view.text("accuracy"), shown=formats, name=name
        )


def _figures(scores: Scores, row: pd.Series) -> None:
    view, inside = scores.view, row["coverage_80"]
    is_narrow = not is_missing(inside) and verdict_on(inside, EXPECTED_80) == "narrow"
    bias = view.percent(row["bias"], 1, signed=True)
    target = view.text("target", target=view.percent(EXPECTED_80))
    boxes = [
        layout.tile(
            view.text("accuracy.mae"), view.number(row["mae"], 1), view.text("accuracy.mae.body")
        ),
        layout.tile(view.text("accuracy.bias"), bias, view.text("accuracy.bias.body")),
        layout.tile(view.text("accuracy.coverage"), view.percent(inside), target, warn=is_narrow),
    ]
    layout.tiles(boxes, view.text("accuracy"))
    st.caption(
        view.text(
            "accuracy.words",
            place=literal(scores.place),
            first=view.short_day(row["first_date"].date(), weekday=False),
            last=view.short_day(row["last_date"].date(), weekday=False, year=True),
            n=view.number(row["n"]),
        )
    )


def newest(scores: Scores, published: str) -> None:
    """The newest scores of a published view, as they are; nothing where there is no such view."""
    rows = data.newest_scores(published)
    if rows.empty:
        return
    view = scores.view
    layout.heading(view.text("newest"))
    layout.table(
        view,
        rows,
        key="newest.table",
        alt=view.text("newest"),
        shown={str(column): _shown(view, rows[column]) for column in rows},
        heading=lambda column: capitalised(view.name("column", column)),
    )
    layout.downloads(view, rows, name=f"{scores.series.flow}_newest", key="newest")


def _shown(view: View, values: pd.Series) -> Callable[[Any], str]:
    """How the values of a column are written, by their type."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return lambda at: view.moment(at, DEFAULT_TIMEZONE)
    if pd.api.types.is_datetime64_dtype(values):
        return lambda day: MISSING if pd.isna(day) else view.short_day(day.date(), year=True)
    if pd.api.types.is_bool_dtype(values):
        return literal
    if pd.api.types.is_integer_dtype(values):
        return view.number
    if pd.api.types.is_float_dtype(values):
        return lambda value: view.number(value, 2)
    return lambda text: MISSING if pd.isna(text) else literal(text)
