"""How often the range held, as published.coverage has it, and how sure a forecast is.

How the bars are drawn is in `charts/shares.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app.blocks import layout
from streamlit_app.blocks.issue import Centre, Issue, Series
from streamlit_app.charts import shares
from streamlit_app.data import series
from streamlit_app.data.flows import FALLBACK_VERSION
from streamlit_app.formats import capitalised, is_missing
from streamlit_app.frames import row_at
from streamlit_app.view import View

# The share of actuals that the 80 % range is made for.
EXPECTED_80 = 0.8
# Forecasts of one day by several evenings err together, so their number does not give what chance
# may do; this is the margin within which the benchmarks want the bands (0.76 to 0.84).
MARGIN = 0.04
# Of fewer forecasts than this, a share says little: one sigma of 30 is 0.07.
ENOUGH_FORECASTS = 30
# Beyond so many centres, the table has those whose range held least.
LISTED_CENTRES = 100


def held(view: View, chosen: Series, listed: pd.DataFrame, centre: Centre | None = None) -> None:
    """How often the range held: overall, at the centre, by steps ahead and by weekday.

    `listed` are the centres of the flow. Cuts that a flow does not have are left out: single
    events have no steps ahead, and no 95 % range.
    """
    layout.heading(view.text("held"))
    rows = series.coverage(*chosen)
    if rows.empty:
        st.info(view.text("held.none"))
        return
    cuts = {str(cut): part.set_index("key") for cut, part in rows.groupby("cut")}
    whole = row_at(cuts["overall"], "")
    _words(view, whole)
    _tiles(view, whole, cuts["centre"], centre)
    drawn = [cut for cut in ("horizon", "weekday") if cut in cuts]
    for column, cut in zip(st.columns(2), drawn, strict=False):
        with column:
            _bars(view, cuts[cut], cut)
    pale = any(_few(cuts[cut]["forecasts"]).any() for cut in drawn)
    st.caption(
        view.text("held.line", target=view.percent(whole["expected_80"]))
        + (view.text("held.pale", enough=str(ENOUGH_FORECASTS)) if pale else "")
    )
    rows = _listed(rows)
    with st.expander(view.text("held.table")):
        if len(cuts["centre"]) > LISTED_CENTRES:
            shown, every = view.number(LISTED_CENTRES), view.number(len(cuts["centre"]))
            st.caption(view.text("held.lowest", shown=shown, all=every))
        _table(view, rows, dict(zip(listed["centre_id"], listed["label"], strict=True)))
        layout.downloads(view, rows, name=f"{chosen.file_stem}_coverage", key="record")


def how_sure(issue: Issue, figures: pd.Series | None) -> None:
    """What the range means and where it comes from; `figures` are the centre's published errors."""
    view, row = issue.view, issue.first_row
    version = str(row["model_version"])
    measured = view.text("sure.unmeasured")
    if figures is not None:
        measured = view.text(
            "sure.measured",
            share=view.percent(figures["coverage_80"]),
            n=view.number(figures["n"]),
            target=view.percent(EXPECTED_80),
        )
    kind = "version.fallback" if version == FALLBACK_VERSION else "version"
    with st.expander(view.text("sure")):
        st.markdown(
            view.text(
                "sure.body",
                lower=view.rounded(row["lower_80"]),
                upper=view.rounded(row["upper_80"]),
                measured=measured,
                model=view.text(kind, version=version),
            )
        )


def _listed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that a table can hold: of many centres those whose range held least."""
    centres = rows[rows["cut"] == "centre"]
    dropped = centres.sort_values("coverage_80", kind="stable").index[LISTED_CENTRES:]
    return rows.drop(index=dropped).reset_index(drop=True)


def _few(forecasts: Any) -> Any:
    return forecasts < ENOUGH_FORECASTS


def _words(view: View, whole: pd.Series) -> None:
    verdict = view.text(
        f"held.{_verdict(whole, '80')}",
        share=view.percent(whole["coverage_80"]),
        target=view.percent(whole["expected_80"]),
        margin=view.number(MARGIN * 100),
    )
    counted = view.text(
        "held.counted",
        n=view.number(whole["forecasts"]),
        first=view.short_day(whole["first_day"].date(), weekday=False, year=True),
        last=view.short_day(whole["last_day"].date(), weekday=False, year=True),
    )
    st.markdown(f"{verdict} {counted}")


def verdict_on(share: float, expected: float) -> str:
    """Whether a share inside the range meets the expected one: right, narrow or wide."""
    if abs(share - expected) <= MARGIN:
        return "right"
    return "wide" if share > expected else "narrow"


def _verdict(row: pd.Series, level: str) -> str:
    """The verdict on a row of published.coverage, or that it has too few forecasts for one."""
    if _few(row["forecasts"]):
        return "few"
    return verdict_on(row[f"coverage_{level}"], row[f"expected_{level}"])


def _tiles(view: View, whole: pd.Series, centres: pd.DataFrame, centre: Centre | None) -> None:
    boxes = [_share_tile(view, view.text("held.all"), whole, "80")]
    if centre is not None and centre.centre_id in centres.index:
        boxes.append(_share_tile(view, centre.label, row_at(centres, centre.centre_id), "80"))
    if not is_missing(whole["expected_95"]):
        boxes.append(_share_tile(view, view.text("held.95"), whole, "95"))
    width = view.percent(whole["mean_width_80"])
    boxes.append(layout.tile(view.text("held.width"), width, view.text("held.width.body")))
    layout.tiles(boxes, view.text("held"))


def _share_tile(view: View, title: str, row: pd.Series, level: str) -> str:
    verdict = _verdict(row, level)
    note = view.text(
        f"held.target.{verdict}",
        target=view.percent(row[f"expected_{level}"]),
        n=view.number(row["forecasts"]),
    )
    share = view.percent(row[f"coverage_{level}"])
    return layout.tile(title, share, note, warn=verdict == "narrow")


def _bars(view: View, rows: pd.DataFrame, cut: str) -> None:
    """A bar for each key of a cut; each shows its exact figures when pointed at."""
    hovers = [
        view.text(
            "held.hover",
            what=capitalised(_name(view, cut, key, {})),
            share=view.percent(share, 1),
            n=view.number(n),
        )
        for key, share, n in zip(rows.index, rows["coverage_80"], rows["forecasts"], strict=True)
    ]
    names = [view.weekday(int(key), short=True) if cut == "weekday" else key for key in rows.index]
    by = view.text(f"held.by.{cut}")
    low, high = view.percent(rows["coverage_80"].min()), view.percent(rows["coverage_80"].max())
    st.markdown(f"**{by}**")
    layout.chart(
        shares.shares_held(
            view,
            names,
            rows["coverage_80"].to_list(),
            hovers,
            _few(rows["forecasts"]).to_list(),
            target=rows["expected_80"].iloc[0],
        ),
        key=f"record.{cut}",
        alt=view.text("held.alt", by=by, low=low, high=high),
    )


def _table(view: View, rows: pd.DataFrame, labels: Mapping[str, str]) -> None:
    shown = rows[list(series.COVERAGE_COLUMNS)].assign(
        cut=[view.text(f"held.by.{cut}") for cut in rows["cut"]],
        key=[
            capitalised(_name(view, cut, key, labels))
            for cut, key in zip(rows["cut"], rows["key"], strict=True)
        ],
    )

    def share(value: Any) -> str:
        return view.percent(value, 1)

    def counted(n: Any) -> str:
        text = view.number(n)
        return view.text("held.few_marked", n=text) if _few(n) else text

    shares = dict.fromkeys(("coverage_80", "coverage_95", "mean_width_80"), share)
    formats = {"forecasts": counted, **shares}
    layout.table(view, shown, key="record.table", alt=view.text("held"), shown=formats)


def _name(view: View, cut: str, key: str, labels: Mapping[str, str]) -> str:
    """The group that a row of published.coverage is about, in words."""
    if cut == "horizon":
        return view.text("horizon.one") if key == "1" else view.text("horizon.many", days=key)
    if cut == "weekday":
        return view.weekday(int(key))
    return labels.get(key, key) if cut == "centre" else view.text("held.all")
