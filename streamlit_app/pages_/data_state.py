"""Data status: what was received, what was done with it, the models in use, and what has drifted.

Kept to what a reader can act on; engineers read the same in Dagster, with its history. The flows
are those that the published views name; their words are in their own catalogs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import texts
from streamlit_app.blocks import ages, layout
from streamlit_app.blocks.held import EXPECTED_80
from streamlit_app.blocks.layout import literal
from streamlit_app.data import flows, state
from streamlit_app.data.flows import DEFAULT_TIMEZONE, STALE_DAYS
from streamlit_app.formats import MISSING, capitalised, is_missing
from streamlit_app.frames import each_row
from streamlit_app.texts import Catalog
from streamlit_app.view import View


def show(view: View) -> None:
    """The whole page, top to bottom. Raises DataError when the views cannot be read."""
    layout.head(view)
    st.markdown(view.text("intro"))
    _freshness(view)
    _streams(view)
    _loads(view)
    _broken(view)
    _not_whole(view)
    _models(view)
    _drift(view)


def _freshness(view: View) -> None:
    layout.heading(view.text("fresh"))
    rows = state.freshness().dropna(subset=["newest_day"]).reset_index(drop=True)
    if rows.empty:
        st.info(view.text("fresh.none"))
        return
    today = view.today(DEFAULT_TIMEZONE)
    late = [(today - day.date()).days > STALE_DAYS for day in rows["newest_day"]]
    rows["dataset"] = [
        _flow_word(view, flow, "dataset", dataset)
        for flow, dataset in zip(rows["flow"], rows["dataset"], strict=True)
    ]
    behind = [
        f"{_flow_name(view, flow)}, {dataset}"
        for flow, dataset, is_late in zip(rows["flow"], rows["dataset"], late, strict=True)
        if is_late
    ]
    if behind:
        st.warning(view.text("fresh.old", days=str(STALE_DAYS), what=" ; ".join(behind)))
    else:
        st.success(view.text("fresh.ok"))
    rows["state"] = [view.text("fresh.no" if is_late else "fresh.yes") for is_late in late]
    formats: layout.Formats = {
        "flow": lambda flow: literal(_flow_name(view, flow)),
        "newest_day": lambda day: capitalised(view.long_day(day.date(), year=True)),
        "newest_at": _moment(view),
        "rows": view.number,
    }
    layout.table(view, rows, key="freshness.table", alt=view.text("fresh"), shown=formats)


def _streams(view: View) -> None:
    """The live sources; nothing at all where no source publishes live."""
    rows = flows.streams()
    if rows.empty:
        return
    layout.heading(view.text("streams"))
    lags = [
        MISSING if pd.isna(at) else ages.age(view, view.now - at.to_pydatetime())
        for at in rows["last_message_at"]
    ]
    rows.insert(3, "lag", lags)
    counts = ("rows_stored", "rows_repeated", "rows_quarantined")
    formats: layout.Formats = {
        "flow": lambda flow: literal(_flow_name(view, flow)),
        "last_message_at": _moment(view),
        **dict.fromkeys(counts, view.number),
    }
    layout.table(view, rows, key="streams.table", alt=view.text("streams"), shown=formats)
    st.caption(view.text("streams.body"))


def _loads(view: View) -> None:
    layout.heading(view.text("loads"))
    totals = state.load_totals()
    if totals.empty:
        st.info(view.text("loads.none"))
        return
    unbalanced = int(totals["unbalanced"].sum())
    words = {
        "read": view.number(int(totals["rows_read"].sum())),
        "stored": view.number(int(totals["rows_stored"].sum())),
        "quarantined": view.number(int(totals["rows_quarantined"].sum())),
    }
    if unbalanced:
        st.error(view.text("loads.off", count=view.number(unbalanced), **words))
    else:
        loads = view.number(int(totals["loads"].sum()))
        st.success(view.text("loads.ok", loads=loads, **words))
    rows = state.newest_loads()
    balanced = rows["rows_read"] == rows["rows_stored"] + rows["rows_quarantined"]
    rows["balance"] = [view.text("balance.yes" if yes else "balance.no") for yes in balanced]
    counts = ["rows_read", "rows_stored", "rows_quarantined"]
    with st.expander(view.text("loads.table", count=view.number(len(rows)))):
        shown = rows[["loaded_at", "flow", "file", *counts, "balance"]]
        formats: layout.Formats = {
            "loaded_at": _moment(view),
            "flow": lambda flow: literal(_flow_name(view, flow)),
            **dict.fromkeys(counts, view.number),
        }
        layout.table(view, shown, key="loads.table", alt=view.text("loads"), shown=formats)


def _broken(view: View) -> None:
    layout.heading(view.text("broken"))
    rows = state.broken_files()
    if rows.empty:
        st.success(view.text("broken.none"))
        return
    st.warning(view.text("broken.some", count=view.number(len(rows))))
    shown, formats = rows[["file", "error", "loaded_at"]], {"loaded_at": _moment(view)}
    layout.table(view, shown, key="broken.table", alt=view.text("broken"), shown=formats)


def _not_whole(view: View) -> None:
    """The days that lack refused rows; nothing at all where every day is whole."""
    rows = state.days_not_whole()
    if rows.empty:
        return
    layout.heading(view.text("part"))
    st.warning(view.text("part.some", count=view.number(int(rows["days"].iloc[0]))))
    st.caption(view.text("part.body"))
    rows["centre"] = _centre_names(rows)
    counts = ("rows_stored", "rows_refused")
    with st.expander(view.text("part.table", count=view.number(len(rows)))):
        shown = rows[["flow", "centre", "date", *counts, "reason"]]
        formats: layout.Formats = {
            "flow": lambda flow: literal(_flow_name(view, flow)),
            "date": lambda day: capitalised(view.long_day(day.date(), year=True)),
            **dict.fromkeys(counts, view.number),
        }
        layout.table(view, shown, key="part.table", alt=view.text("part"), shown=formats)


def _models(view: View) -> None:
    layout.heading(view.text("model"))
    rows = state.models_in_use()
    if rows.empty:
        st.info(view.text("model.none"))
        return
    for row in rows.to_dict("records"):
        st.markdown(_model_words(view, row))


def _model_words(view: View, row: dict[Hashable, Any]) -> str:
    """The sentence about a model, as the flow's own catalog has it; of a flow that the app has no
    catalog for, the version alone with its training data."""
    words = {
        "series": literal(capitalised(_series_name(view, row["flow"], row["measure"]))),
        "version": str(row["model_version"]),
        "candidate": literal(_flow_word(view, row["flow"], "candidate", row["candidate"])),
        "rows": view.number(row["trained_rows"]),
        "first": view.long_day(row["train_first"].date(), year=True),
        "last": view.long_day(row["train_last"].date(), year=True),
    }
    own = texts.catalog_of_flow(row["flow"])
    if own is None:
        return view.text("model.other", **words)
    # The ratio of its error to that of a usual value; a model that cannot lead has none.
    no_better = is_missing(row["mase"]) or round(row["mase"], 2) >= 1
    return View(view.language, own, view.now).text(
        own.model_key(row["measure"], no_better=no_better),
        wape=view.percent(row["wape"], 1),
        mae=view.number(row["mae"], 1),
        ratio=view.number(row["mase"], 2),
        coverage=view.percent(row["coverage_80"]),
        target=view.percent(EXPECTED_80),
        **words,
    )


def _drift(view: View) -> None:
    layout.heading(view.text("drift"))
    rows = state.drift_states()
    if rows.empty:
        st.info(view.text("drift.none"))
        return
    rows["centre"] = _centre_names(rows)
    rows["feature"] = [
        _watched_word(view, flow, feature)
        for flow, feature in zip(rows["flow"], rows["feature"], strict=True)
    ]
    drifting = [
        f"{literal(row.feature)} ({literal(row.centre)})"
        for row in each_row(rows[rows["status"] == "drift"])
    ]
    if drifting:
        st.warning(view.text("drift.some", what=", ".join(drifting)))
    else:
        st.success(view.text("drift.ok"))
    st.caption(view.text("drift.body"))
    shown = rows.rename(columns={"status": "state"})[
        ["centre", "feature", "date", "psi", "psi_critical", "state"]
    ]
    with st.expander(view.text("drift.table", count=view.number(len(rows)))):
        formats: layout.Formats = {
            "date": lambda day: capitalised(view.long_day(day.date())),
            **layout.decimals(view, ("psi", "psi_critical"), 2),
            "state": lambda status: view.name("status", status),
        }
        layout.table(view, shown, key="drift.table", alt=view.text("drift"), shown=formats)


def _centre_names(rows: pd.DataFrame) -> list[str]:
    """The names of the centres of rows with flow and centre_id; the id where there is no name."""
    labels = {
        (flow, centre.centre_id): centre.label
        for flow in flows.flows()
        for centre in each_row(flows.centres(flow))
    }
    return [
        labels.get((flow, centre_id), centre_id)
        for flow, centre_id in zip(rows["flow"], rows["centre_id"], strict=True)
    ]


def _catalog(view: View, flow: str) -> Catalog:
    return texts.catalog_of_flow(flow) or view.catalog


def _flow_word(view: View, flow: str, kind: str, name: str) -> str:
    """The word that a flow has for one of its data sets, measures or models."""
    return _catalog(view, flow).name_of(kind, name, view.language)


def _flow_name(view: View, flow: str) -> str:
    """A flow in words; its own name where the app has no catalog for it."""
    own = texts.catalog_of_flow(flow)
    return flow if own is None else own.text(texts.FLOW_KEY, view.language)


def _series_name(view: View, flow: str, measure: str) -> str:
    """A flow in words, with its measure where that has another name."""
    name, word = _flow_name(view, flow), _flow_word(view, flow, "measure", measure)
    return name if measure == flow else f"{name}, {word}"


def _watched_word(view: View, flow: str, feature: str) -> str:
    """A quantity that is watched for drift: a measure of its flow, or one that has only a name."""
    catalog = _catalog(view, flow)
    kind = "measure" if f"measure.{feature}" in catalog else "feature"
    return catalog.name_of(kind, feature, view.language)


def _moment(view: View) -> Callable[[Any], str]:
    return lambda at: view.moment(at, DEFAULT_TIMEZONE)


show(layout.view_of("data_state"))
