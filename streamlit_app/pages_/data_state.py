"""Data state: what was received, what was made of it, which model speaks, and what has drifted.

Kept to what a reader can act on; engineers read the same in Dagster, with its history.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import choices, data, layout, texts
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    is_missing,
    long_day,
    moment,
    number,
    percent,
)
from streamlit_app.hourly import age_in_words
from streamlit_app.layout import literal
from streamlit_app.texts import Say, name_of

FLOWS = ("parcels", "retail", "traffic", "trips", "deliveries")


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    say = texts.speaker(language)
    layout.head(say("state.title"), language, say)
    st.markdown(say("state.intro"))
    names = {
        (flow, centre.centre_id): centre.label
        for flow in FLOWS
        for centre in data.centres(flow).itertuples()
    }
    _freshness(language, say)
    _streams(language, say)
    _loads(language, say)
    _broken(language, say)
    _models(language, say)
    _drift(names, language, say)


def _freshness(language: Language, say: Say) -> None:
    st.subheader(say("state.fresh"), anchor=False)
    rows = data.freshness().dropna(subset=["newest_day"]).reset_index(drop=True)
    if rows.empty:
        st.info(say("state.fresh.none"))
        return
    late = [(data.today() - day.date()).days > data.STALE_DAYS for day in rows["newest_day"]]
    behind = [
        f"{name_of('flow', flow, language)}, {name_of('dataset', dataset, language)}"
        for flow, dataset, is_late in zip(rows["flow"], rows["dataset"], late, strict=True)
        if is_late
    ]
    if behind:
        st.warning(say("state.fresh.old", days=str(data.STALE_DAYS), what=" ; ".join(behind)))
    else:
        st.success(say("state.fresh.ok"))
    rows["state"] = [say("fresh.no" if is_late else "fresh.yes") for is_late in late]
    layout.table(
        rows,
        key="freshness.table",
        alt=say("state.fresh"),
        labels=lambda column: say(f"column.{column}"),
        shown={
            "flow": lambda flow: name_of("flow", str(flow), language),
            "dataset": lambda dataset: name_of("dataset", str(dataset), language),
            "newest_day": lambda day: capitalised(long_day(day.date(), language, year=True)),
            "newest_at": lambda at: _moment(at, language),
            "rows": lambda count: _count(count, language),
        },
    )


def _streams(language: Language, say: Say) -> None:
    """The live sources; nothing at all where counters do not publish live."""
    rows = data.streams()
    if rows.empty:
        return
    st.subheader(say("state.streams"), anchor=False)
    now = datetime.now(UTC)
    lags = [
        MISSING if pd.isna(at) else age_in_words(now - at.to_pydatetime(), say)
        for at in rows["last_message_at"]
    ]
    rows.insert(3, "lag", lags)
    layout.table(
        rows,
        key="streams.table",
        alt=say("state.streams"),
        labels=lambda column: say(f"column.{column}"),
        shown={
            "flow": lambda flow: name_of("flow", str(flow), language),
            "last_message_at": lambda at: MISSING if pd.isna(at) else _moment(at, language),
            **dict.fromkeys(
                ("rows_stored", "rows_repeated", "rows_quarantined"),
                lambda count: _count(count, language),
            ),
        },
    )
    st.caption(say("state.streams.body"))


def _loads(language: Language, say: Say) -> None:
    st.subheader(say("state.loads"), anchor=False)
    totals = data.load_totals()
    if totals.empty:
        st.info(say("state.loads.none"))
        return
    unbalanced = int(totals["unbalanced"].sum())
    words = {
        "read": number(int(totals["rows_read"].sum()), language),
        "stored": number(int(totals["rows_stored"].sum()), language),
        "quarantined": number(int(totals["rows_quarantined"].sum()), language),
    }
    if unbalanced:
        st.error(say("state.balance.off", count=number(unbalanced, language), **words))
    else:
        loads = number(int(totals["loads"].sum()), language)
        st.success(say("state.balance.ok", loads=loads, **words))
    rows = data.newest_loads()
    balanced = rows["rows_read"] == rows["rows_stored"] + rows["rows_quarantined"]
    rows["balance"] = balanced.map({True: say("balance.yes"), False: say("balance.no")})
    rows = rows[
        ["loaded_at", "flow", "file", "rows_read", "rows_stored", "rows_quarantined", "balance"]
    ]
    with st.expander(say("state.loads.table", count=number(len(rows), language))):
        layout.table(
            rows,
            key="loads.table",
            alt=say("state.loads"),
            labels=lambda column: say(f"column.{column}"),
            shown={
                "loaded_at": lambda at: _moment(at, language),
                "flow": lambda flow: name_of("flow", str(flow), language),
                "rows_read": lambda count: _count(count, language),
                "rows_stored": lambda count: _count(count, language),
                "rows_quarantined": lambda count: _count(count, language),
            },
        )


def _broken(language: Language, say: Say) -> None:
    st.subheader(say("state.broken"), anchor=False)
    rows = data.broken_files()
    if rows.empty:
        st.success(say("state.broken.none"))
        return
    st.warning(say("state.broken.some", count=number(len(rows), language)))
    layout.table(
        rows[["file", "error", "loaded_at"]],
        key="broken.table",
        alt=say("state.broken"),
        labels=lambda column: say(f"column.{column}"),
        shown={"loaded_at": lambda at: _moment(at, language)},
    )


def _models(language: Language, say: Say) -> None:
    st.subheader(say("state.model"), anchor=False)
    rows = data.champions()
    if rows.empty:
        st.info(say("state.model.none"))
        return
    for row in rows.to_dict("records"):
        st.markdown(
            say(
                _model_words(row),
                flow=capitalised(_series(row["flow"], row["measure"], language)),
                version=row["model_version"],
                candidate=name_of("candidate", row["candidate"], language),
                rows=number(row["trained_rows"], language),
                first=long_day(row["train_first"].date(), language, year=True),
                last=long_day(row["train_last"].date(), language, year=True),
                wape=percent(row["wape"], language, 1),
                mae=number(row["mae"], language, 1),
                ratio=number(row["mase"], language, 2),
                coverage=percent(row["coverage_80"], language),
                promised=percent(0.8, language),
            )
        )


def _model_words(row: dict[Hashable, Any]) -> str:
    """Which sentence tells of a model: errors of volumes, minutes, days, or of a risk."""
    if row["flow"] == "trips":
        return "state.model.trips"
    if row["flow"] != "deliveries":
        return "state.model.words"
    if not row["measure"].startswith("late_risk"):
        return "state.model.delay"
    # What cannot lead has no ratio: then all orders have the usual rate.
    if row["candidate"] == "usual" or is_missing(row["mase"]):
        return "state.model.usual_risk"
    return "state.model.risk"


def _series(flow: str, measure: str, language: Language) -> str:
    """A flow in words, with its measure where that has another name."""
    words = name_of("flow", flow, language)
    return words if measure == flow else f"{words}, {name_of('feature', measure, language)}"


def _drift(names: dict[tuple[str, str], str], language: Language, say: Say) -> None:
    st.subheader(say("state.drift"), anchor=False)
    rows = data.drift_states()
    if rows.empty:
        st.info(say("state.drift.none"))
        return
    out = rows[rows["status"] == "drift"]
    drifting = [
        f"{name_of('feature', row.feature, language)}"
        f" ({literal(names.get((row.flow, row.centre_id), row.centre_id))})"
        for row in out.itertuples()
    ]
    if drifting:
        st.warning(say("state.drift.some", what=", ".join(drifting)))
    else:
        st.success(say("state.drift.ok"))
    st.caption(say("state.drift.body"))
    rows = rows.assign(
        centre=[
            names.get((flow, centre_id), centre_id)
            for flow, centre_id in zip(rows["flow"], rows["centre_id"], strict=True)
        ],
        state=rows["status"],
    )[["centre", "feature", "date", "psi", "psi_critical", "state"]]
    with st.expander(say("state.drift.table", count=number(len(rows), language))):
        layout.table(
            rows,
            key="drift.table",
            alt=say("state.drift"),
            labels=lambda column: say(f"column.{column}"),
            shown={
                "feature": lambda feature: name_of("feature", str(feature), language),
                "date": lambda day: capitalised(long_day(day.date(), language)),
                "psi": lambda value: number(value, language, 2),
                "psi_critical": lambda value: number(value, language, 2),
                "state": lambda state: name_of("status", str(state), language),
            },
        )


def _count(value: Any, language: Language) -> str:
    return number(value, language)


def _moment(at: Any, language: Language) -> str:
    return moment(at, language, data.DEFAULT_TIMEZONE)


show()
