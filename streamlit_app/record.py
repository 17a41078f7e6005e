"""How often the range held: the block that every page of forecasts has.

The figures are those of published.coverage; how the bars are drawn is in `charts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import charts, data, layout
from streamlit_app.forecasts import Centre, Series, file_stem
from streamlit_app.formats import Language, capitalised, number, percent, short_day, weekday
from streamlit_app.texts import Say

# Of fewer forecasts than this, a share says little: one sigma of 30 is 0.07.
ENOUGH_FORECASTS = 30
# Forecasts of one day by several evenings err together, so their number does not tell what chance
# may do; this is the margin within which the benchmarks want the bands (0.76 to 0.84).
AS_PROMISED = 0.04
# Beyond so many centres, the table has those where the range held least.
LISTED_CENTRES = 100


def record(
    series: Series, centre: Centre, listed: pd.DataFrame, language: Language, say: Say
) -> None:
    """How often the range held: overall, at the centre, by days ahead and by weekday."""
    st.subheader(say("record"), anchor=False)
    rows = data.coverage(*series)
    if rows.empty:
        st.info(say("record.none"))
        return
    cuts = {str(cut): part.set_index("key") for cut, part in rows.groupby("cut")}
    whole = cuts["overall"].loc[""]
    _words(whole, language, say)
    _tiles(whole, cuts["centre"], centre, language, say)
    for column, cut in zip(st.columns(2), ("horizon", "weekday"), strict=True):
        with column:
            _bars(cuts[cut], cut, language, say)
    pale = any(_few(cuts[cut]["forecasts"]).any() for cut in ("horizon", "weekday"))
    st.caption(
        say("record.line", promised=percent(whole["expected_80"], language))
        + (say("record.pale", enough=str(ENOUGH_FORECASTS)) if pale else "")
    )
    rows = _listed(rows)
    with st.expander(say("record.table")):
        if len(cuts["centre"]) > LISTED_CENTRES:
            shown, every = number(LISTED_CENTRES, language), number(len(cuts["centre"]), language)
            st.caption(say("record.lowest", shown=shown, all=every))
        _table(rows, dict(zip(listed["centre_id"], listed["label"], strict=True)), language, say)
        layout.downloads(rows, name=f"{file_stem(series)}_coverage", key="record", say=say)


def _listed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that a table can hold: of many centres those where the range held least."""
    centres = rows[rows["cut"] == "centre"]
    dropped = centres.sort_values("coverage_80", kind="stable").index[LISTED_CENTRES:]
    return rows.drop(index=dropped).reset_index(drop=True)


def _few(forecasts: Any) -> Any:
    return forecasts < ENOUGH_FORECASTS


def _words(whole: pd.Series, language: Language, say: Say) -> None:
    verdict = say(
        f"record.{_verdict(whole, '80')}",
        share=percent(whole["coverage_80"], language),
        promised=percent(whole["expected_80"], language),
        margin=number(AS_PROMISED * 100, language),
    )
    counted = say(
        "record.counted",
        n=number(whole["forecasts"], language),
        first=_dated(whole["first_day"], language),
        last=_dated(whole["last_day"], language),
    )
    st.markdown(f"{verdict} {counted}")


def _dated(day: pd.Timestamp, language: Language) -> str:
    return f"{short_day(day.date(), language, weekday=False)} {day.year}"


def _verdict(row: pd.Series, level: str) -> str:
    """Whether a range kept its promise: right, narrow, wide, or too few forecasts to say."""
    if _few(row["forecasts"]):
        return "few"
    beyond = row[f"coverage_{level}"] - row[f"expected_{level}"]
    if abs(beyond) <= AS_PROMISED:
        return "right"
    return "wide" if beyond > 0 else "narrow"


def _tiles(
    whole: pd.Series, centres: pd.DataFrame, centre: Centre, language: Language, say: Say
) -> None:
    boxes = [_share_tile(say("record.all"), whole, "80", language, say)]
    if centre.centre_id in centres.index:
        own = centres.loc[centre.centre_id]
        boxes.append(_share_tile(centre.label, own, "80", language, say))
    boxes.append(_share_tile(say("record.95"), whole, "95", language, say))
    width = percent(whole["mean_width_80"], language)
    boxes.append(layout.tile(say("record.width"), width, say("record.width.body")))
    layout.tiles(boxes, say("record"))


def _share_tile(title: str, row: pd.Series, level: str, language: Language, say: Say) -> str:
    verdict = _verdict(row, level)
    note = say(
        f"record.promised.{verdict}",
        promised=percent(row[f"expected_{level}"], language),
        n=number(row["forecasts"], language),
    )
    share = percent(row[f"coverage_{level}"], language)
    return layout.tile(title, share, note, warn=verdict == "narrow")


def _bars(rows: pd.DataFrame, cut: str, language: Language, say: Say) -> None:
    """A bar for each key of a cut; each tells its exact figures when pointed at."""
    hovers = [
        say(
            "record.hover",
            what=capitalised(_name(cut, key, {}, language, say)),
            share=percent(share, language, 1),
            n=number(n, language),
        )
        for key, share, n in zip(rows.index, rows["coverage_80"], rows["forecasts"], strict=True)
    ]
    names = [
        weekday(int(key), language, short=True) if cut == "weekday" else key for key in rows.index
    ]
    st.markdown(f"**{say(f'record.by.{cut}')}**")
    st.plotly_chart(
        charts.shares_held(
            names,
            rows["coverage_80"].to_list(),
            hovers,
            _few(rows["forecasts"]).to_list(),
            promised=rows["expected_80"].iloc[0],
            language=language,
        ),
        theme=None,
        config=charts.CONFIG,
        key=f"record.{cut}",
        alt=say(
            "record.alt",
            by=say(f"record.by.{cut}"),
            low=percent(rows["coverage_80"].min(), language),
            high=percent(rows["coverage_80"].max(), language),
        ),
    )


def _table(rows: pd.DataFrame, labels: Mapping[str, str], language: Language, say: Say) -> None:
    shown = rows[list(data.COVERAGE_COLUMNS)].assign(
        cut=[say(f"record.by.{cut}") for cut in rows["cut"]],
        key=[
            capitalised(_name(cut, key, labels, language, say))
            for cut, key in zip(rows["cut"], rows["key"], strict=True)
        ],
    )

    def share(value: Any) -> str:
        return percent(value, language, 1)

    def counted(n: Any) -> str:
        text = number(n, language)
        return say("record.few_marked", n=text) if _few(n) else text

    layout.table(
        shown,
        key="record.table",
        alt=say("record"),
        labels=lambda column: say(f"column.{column}"),
        shown={
            "forecasts": counted,
            **dict.fromkeys(("coverage_80", "coverage_95", "mean_width_80"), share),
        },
    )


def _name(cut: str, key: str, labels: Mapping[str, str], language: Language, say: Say) -> str:
    """What a row of published.coverage is about, in words."""
    if cut == "horizon":
        return say("horizon.one") if key == "1" else say("horizon.many", days=key)
    if cut == "weekday":
        return weekday(int(key), language)
    return labels.get(key, key) if cut == "centre" else say("record.all")
