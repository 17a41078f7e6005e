"""The charts of deliveries and customers: said against real, late rates, risks, groups.

They look as those of `charts.py` do; where they stand on a page is the page's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import sqrt

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from streamlit_app import charts, deliveries_data
from streamlit_app.formats import (
    Language,
    capitalised,
    is_missing,
    lasting,
    long_month,
    number,
    percent,
    short_day,
    short_month,
)
from streamlit_app.texts import Say

_HEIGHT = 320
_PALE = 0.35
# Of fewer orders than this a share is chance; such marks are drawn pale.
FEW_ORDERS = 30
# Told apart by shape and dash as well as by colour.
_LINES = (
    (charts.ACCENT, "solid", "circle"),
    (charts.WARNING, "dash", "square"),
    (charts.INK, "dot", "diamond"),
    ("#2f7d5b", "dashdot", "triangle-up"),
    ("#8a3f86", "longdash", "cross"),
    ("#0f7b8a", "solid", "x"),
    ("#b3261e", "dash", "triangle-down"),
    (charts.MUTED, "dot", "star"),
)


def said_against_real(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """Mean delay said and mean real delay, a mark for each part of the orders, and the band said.

    `rows` has deliveries_data.TENTH_COLUMNS. On the diagonal what was said is right on average.
    """
    figure = go.Figure()
    top = 1.05 * max([*rows["said_to"], *rows["real_days"]], default=1.0)
    band = rows.rename(columns={"said_from": "lower_80", "said_to": "upper_80"})
    charts.add_band(figure, band, "80", charts.BAND_95, say("desk.band"), at="said_days")
    _add_diagonal(figure, top, say("desk.diagonal"))
    figure.add_trace(
        go.Scatter(
            x=rows["said_days"],
            y=rows["real_days"],
            name=say("desk.real"),
            mode="markers",
            marker={
                "color": charts.ACCENT,
                "size": 10,
                "opacity": [_opacity(n < FEW_ORDERS) for n in rows["orders"]],
            },
            hovertext=[
                say(
                    "desk.hover.part",
                    said=lasting(row.said_days, language),
                    low=lasting(row.said_from, language),
                    high=lasting(row.said_to, language),
                    real=lasting(row.real_days, language),
                    share=percent(row.coverage_80, language),
                    n=number(row.orders, language),
                )
                for row in rows.itertuples()
            ],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(
        title=_title(say("desk.axis.said")), range=[0, 1.05 * max(rows["said_days"])]
    )
    figure.update_yaxes(title=_title(say("desk.axis.real")), rangemode="tozero")
    return _laid_out(figure, language)


def late_rates(rows: pd.DataFrame, step: str, *, language: Language, say: Say) -> go.Figure:
    """The late rate by week or month of placing, and below it how many deliveries it rests on.

    `rows` has deliveries_data.RATE_COLUMNS.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06
    )
    words = [
        say(
            "desk.hover.rate",
            when=step_name(row.begins.date(), step, language, say),
            share=percent(row.late_rate, language, 1),
            late=number(row.late, language),
            n=number(row.delivered, language),
            all=number(row.orders, language),
        )
        for row in rows.itertuples()
    ]
    _add_rates(figure, rows, "begins", say("desk.late_rate"), words, row=1, col=1)
    figure.add_trace(
        go.Bar(
            x=rows["begins"],
            y=rows["delivered"],
            name=say("desk.delivered"),
            marker={
                "color": [
                    charts.BAND_80 if pale else charts.ACCENT
                    for pale in (rows["delivered"] < FEW_ORDERS) | unfinished(rows)
                ]
            },
            hovertext=words,
            hoverinfo="text",
        ),
        row=2,
        col=1,
    )
    shown = rows["begins"].iloc[:: max(1, -(-len(rows) // 6))]
    figure.update_xaxes(
        tickvals=list(shown),
        ticktext=[
            short_month(day.date(), language)
            if step == "month"
            else short_day(day.date(), language, weekday=False)
            for day in shown
        ],
    )
    figure.update_yaxes(title=_title(say("desk.late_rate")), tickformat=".0%", row=1, col=1)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(title=_title(say("desk.delivered")), nticks=3, row=2, col=1)
    figure = _laid_out(figure, language)
    return figure.update_layout(showlegend=False, bargap=0.35)


def _add_rates(
    figure: go.Figure,
    rows: pd.DataFrame,
    at: str,
    name: str,
    words: Sequence[str],
    *,
    colour: str = charts.ACCENT,
    dash: str = "solid",
    symbol: str = "circle",
    group: str | None = None,
    **place: int,
) -> None:
    """Late rates over time: those that stand as a line, the others as empty marks; few are pale.

    No line leads to a rate that does not stand yet: it would be read as a fall.
    """
    open_ones = unfinished(rows)
    for chosen, mode, drawn in (
        (~open_ones, "lines+markers", symbol),
        (open_ones, "markers", f"{symbol}-open"),
    ):
        figure.add_trace(
            go.Scatter(
                x=rows[at],
                y=rows["late_rate"].where(chosen),
                name=name,
                legendgroup=group,
                showlegend=mode == "lines+markers",
                mode=mode,
                line={"color": colour, "width": 2, "dash": dash},
                marker={
                    "size": 9,
                    "symbol": drawn,
                    "color": colour,
                    "opacity": [_opacity(n < FEW_ORDERS) for n in rows["delivered"]],
                },
                connectgaps=False,
                hovertext=words,
                hoverinfo="text",
            ),
            **place,
        )


def unfinished(rows: pd.DataFrame) -> pd.Series:
    """Which steps of time have too many orders on their way for their late rate to stand."""
    return rows["delivered"] < deliveries_data.NEARLY_ALL * rows["orders"]


def step_name(begins: date, step: str, language: Language, say: Say) -> str:
    """What a step of time is called: "week of 3 Nov" or "November 2026"."""
    if step == "month":
        return capitalised(long_month(begins, language))
    return say("desk.week", day=short_day(begins, language, weekday=False))


def risk_said_against_came(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """The share of orders that were late, by the risk that was said; with what chance may do.

    `rows` has deliveries_data.BUCKET_COLUMNS. The bars are Wilson's 95 % intervals.
    """
    figure = go.Figure()
    bounds = [wilson(row.late, row.orders) for row in rows.itertuples()]
    top = min(1.0, 1.1 * max([*rows["said_late"], *(high for _, high in bounds)], default=1.0))
    _add_diagonal(figure, top, say("desk.diagonal"))
    figure.add_trace(
        go.Scatter(
            x=rows["said_late"],
            y=rows["late_rate"],
            name=say("desk.came_late"),
            mode="markers",
            marker={
                "color": charts.ACCENT,
                "size": 10,
                "opacity": [_opacity(n < FEW_ORDERS) for n in rows["orders"]],
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [
                    high - rate for (_, high), rate in zip(bounds, rows["late_rate"], strict=True)
                ],
                "arrayminus": [
                    rate - low for (low, _), rate in zip(bounds, rows["late_rate"], strict=True)
                ],
                "color": charts.MUTED,
                "thickness": 1.2,
                "width": 4,
            },
            hovertext=[
                say(
                    "desk.hover.bucket",
                    range=bucket_name(row.bucket, language),
                    share=percent(row.late_rate, language, 1),
                    n=number(row.orders, language),
                )
                for row in rows.itertuples()
            ],
            hoverinfo="text",
        )
    )
    for update, title in (
        (figure.update_xaxes, "desk.axis.risk"),
        (figure.update_yaxes, "desk.axis.late"),
    ):
        update(title=_title(say(title)), tickformat=".0%", range=[0, top])
    return _laid_out(figure, language)


def bucket_name(bucket: int, language: Language) -> str:
    """ "20–30%" or "20–30 %"."""
    return f"{10 * bucket}–{percent((bucket + 1) / 10, language)}"


def wilson(hits: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of `n` (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    z, share = 1.96, hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return min(share, middle - half), max(share, middle + half)


def beyond_chance(late: float, n: float, other_late: float, other_n: float) -> bool:
    """Whether the first share is above the other by more than chance allows (95 %)."""

    def variance(hits: float, count: float) -> float:
        # Two more orders on each side, so that no share is certain (Agresti and Caffo 2000).
        eased = (hits + 1) / (count + 2)
        return eased * (1 - eased) / (count + 2)

    spread = sqrt(variance(late, n) + variance(other_late, other_n))
    return late / n - other_late / other_n > 1.96 * spread


def bars(
    names: Sequence[str], values: Sequence[float], texts: Sequence[str], *, language: Language
) -> go.Figure:
    """One bar a group, the first on top, each with its figure beside it."""
    figure = go.Figure(
        go.Bar(
            y=list(names),
            x=list(values),
            text=list(texts),
            orientation="h",
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 13, "color": charts.INK},
            marker={"color": charts.ACCENT},
            hoverinfo="skip",
        )
    )
    top = max((value for value in values if not is_missing(value)), default=1.0)
    figure.update_xaxes(visible=False, range=[0, 1.6 * top or 1.0])
    figure.update_yaxes(autorange="reversed", type="category")
    figure = _laid_out(figure, language)
    figure.update_yaxes(showgrid=False)
    return figure.update_layout(height=70 + 42 * len(names), showlegend=False, bargap=0.35)


def experience(
    rows: pd.DataFrame, names: Mapping[str, str], *, language: Language, say: Say
) -> go.Figure:
    """The late rate of each group by month of placing; months that say little are pale, and those
    that do not stand yet are empty and apart.

    `rows` has deliveries_data.EXPERIENCE_COLUMNS; `names` are the groups in their order.
    """
    figure = go.Figure()
    for (group, name), (colour, dash, symbol) in zip(names.items(), _LINES, strict=False):
        part = rows[rows["segment"] == group]
        if part.empty:
            continue
        words = [
            say(
                "customers.hover.month",
                segment=name,
                month=capitalised(long_month(row.month.date(), language)),
                share=percent(row.late_rate, language, 1),
                n=number(row.delivered, language),
            )
            for row in part.itertuples()
        ]
        _add_rates(
            figure, part, "month", name, words, colour=colour, dash=dash, symbol=symbol, group=group
        )
    months = sorted(set(rows["month"]))
    shown = months[:: max(1, -(-len(months) // 6))]
    figure.update_xaxes(
        tickvals=shown, ticktext=[short_month(month.date(), language) for month in shown]
    )
    figure.update_yaxes(title=_title(say("desk.late_rate")), tickformat=".0%", rangemode="tozero")
    return _laid_out(figure, language)


def choices_of_k(rows: pd.DataFrame, *, language: Language, say: Say) -> go.Figure:
    """Silhouette and stability by the number of groups; `rows` has CHOICE_COLUMNS."""
    figure = go.Figure()
    for column, (colour, dash, symbol) in zip(("silhouette", "stability"), _LINES, strict=False):
        figure.add_trace(
            go.Scatter(
                x=rows["k"],
                y=rows[column],
                name=say(f"column.{column}"),
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"size": 9, "symbol": symbol},
                hovertext=[number(value, language, 2) for value in rows[column]],
                hoverinfo="text",
            )
        )
    for k in rows.loc[rows["chosen"], "k"]:
        figure.add_vline(x=k, line={"color": charts.MUTED, "width": 1, "dash": "dot"})
    figure.update_xaxes(title=_title(say("column.k")), dtick=1)
    figure.update_yaxes(rangemode="tozero")
    return _laid_out(figure, language)


def _opacity(pale: bool) -> float:
    return _PALE if pale else 1.0


def _title(text: str) -> dict[str, object]:
    return {"text": text, "font": {"size": 12, "color": charts.MUTED}}


def _add_diagonal(figure: go.Figure, top: float, name: str) -> None:
    figure.add_trace(
        go.Scatter(
            x=[0, top],
            y=[0, top],
            name=name,
            mode="lines",
            line={"color": charts.MUTED, "width": 1.2, "dash": "dot"},
            hoverinfo="skip",
        )
    )


def _laid_out(figure: go.Figure, language: Language) -> go.Figure:
    legend = {**charts.LEGEND, "entrywidth": 130}
    figure.update_layout(
        **charts.look(language), height=_HEIGHT, legend=legend, hovermode="closest"
    )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(gridcolor=charts.GRID, zerolinecolor=charts.GRID, fixedrange=True, automargin=True)
    return figure
