"""Forecast against actual at one horizon, with the published errors of that horizon."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from streamlit_app import choices
from streamlit_app.blocks import layout
from streamlit_app.blocks.curve import forecast_table
from streamlit_app.blocks.held import EXPECTED_80
from streamlit_app.blocks.issue import HORIZON_DAYS, Issue
from streamlit_app.charts import daily
from streamlit_app.data import series
from streamlit_app.formats import is_missing
from streamlit_app.view import View

# Binomial: with 60 days the share inside the range strays by 0.05 from 0.80 by chance (one sigma).
_CHANCE_SIGMAS = 2.0
_NO_BIAS = 0.005


def compare(issue: Issue) -> pd.Series | None:
    """Forecasts of one horizon against the actuals; returns the published errors of that horizon.

    None where nothing was forecast so far ahead, or nothing was measured.
    """
    view, centre = issue.view, issue.centre
    layout.heading(view.text("compare"))
    options = {
        str(days): view.text("horizon.one")
        if days == 1
        else view.text("horizon.many", days=f"{days}")
        for days in range(1, HORIZON_DAYS + 1)
    }
    horizon = int(choices.select("horizon", view.text("horizon"), options, "1"))
    if issue.last_actual is None:
        st.info(view.text("compare.none"))
        return None
    rows = series.forecasts_at_horizon(*issue.series, centre.centre_id, horizon, issue.last_actual)
    if rows.empty:
        st.info(view.text("compare.none"))
        return None
    figures = series.accuracy(*issue.series, centre.centre_id, horizon)
    if figures is None:
        st.info(view.text("compare.unmeasured"))
    else:
        _figures(view, figures)
    first, last = rows["date"].min().date(), rows["date"].max().date()
    dates = {"first": view.long_day(first), "last": view.long_day(last)}
    layout.chart(
        daily.forecast_against_actual(view, rows),
        key="compare",
        alt=view.text("compare.alt", centre=centre.label, **dates),
    )
    with st.expander(view.text("compare.table")):
        forecast_table(issue, rows, key="compare", alt=view.text("compare.table"))
        name = (
            f"{issue.series.file_stem}_{centre.centre_id}_{horizon}_days_ahead_{last.isoformat()}"
        )
        layout.downloads(view, rows, name=name, key="compare")
    return figures


def _figures(view: View, figures: pd.Series) -> None:
    n, bias, coverage = int(figures["n"]), figures["bias"], figures["coverage_80"]
    tendency = "none"
    if not is_missing(bias) and abs(bias) >= _NO_BIAS:
        tendency = "high" if bias > 0 else "low"
    inside = view.text(
        "figure.coverage.body",
        inside=view.number(coverage * n),
        n=view.number(n),
        target=view.percent(EXPECTED_80),
    )
    mae, wape = view.number(figures["mae"]), view.percent(figures["wape"], 1)
    signed_bias = view.percent(bias, 1, signed=True)
    boxes = [
        layout.tile(view.text("figure.mae"), mae, view.text("figure.mae.body")),
        layout.tile(view.text("figure.wape"), wape, view.text("figure.wape.body")),
        layout.tile(view.text("figure.bias"), signed_bias, view.text(f"figure.bias.{tendency}")),
        layout.tile(view.text("figure.coverage"), view.percent(coverage), inside),
    ]
    layout.tiles(boxes, view.text("compare"))
    st.markdown(
        view.text(
            "compare.words",
            first=view.long_day(figures["first_date"].date()),
            last=view.long_day(figures["last_date"].date()),
            n=view.number(n),
            mae=mae,
            wape=wape,
            mase=_against_naive(view, figures["mase"]),
            coverage=view.text(f"coverage.{_verdict(coverage, n)}"),
        )
    )


def _against_naive(view: View, mase: float) -> str:
    """The error against that of repeating the week before; "" where they are alike or unknown."""
    if is_missing(mase) or round(abs(1 - mase), 2) == 0:
        return ""
    key = "compare.mase.better" if mase < 1 else "compare.mase.worse"
    return view.text(key, share=view.percent(abs(1 - mase)))


def _verdict(coverage: float, n: int) -> str:
    """Whether the measured share inside the 80 % range differs from 0.8 by more than chance."""
    stray = _CHANCE_SIGMAS * (EXPECTED_80 * (1 - EXPECTED_80) / max(n, 1)) ** 0.5
    if coverage < EXPECTED_80 - stray:
        return "narrow"
    return "wide" if coverage > EXPECTED_80 + stray else "right"
