"""Customers: which groups there are, what they are like, and how they are served.

What it reads is in `deliveries_data.py`, its charts are in `deliveries_charts.py`. No customer is
looked at alone: groups of a few have no figures here.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import charts, choices, data, deliveries_charts, deliveries_data, layout, texts
from streamlit_app.deliveries_data import ALL
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    is_missing,
    lasting,
    long_day,
    long_month,
    number,
    percent,
)
from streamlit_app.layout import literal
from streamlit_app.texts import Say

# Of fewer customers or deliveries, figures would tell what a few people do.
FEWEST = 10
# Below this a group is hardly found again among other customers (Hennig 2007).
UNSTABLE = 0.6
# Groups are made each month: two months without new ones are one too many.
_STALE_DAYS = 62
_SHOWN_MONTHS = 12
MEASURES = ("customers", "recency_days", "orders_each", "value", "late_share", "mean_days")


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    say = texts.speaker(language, step="order")
    layout.head(say("customers.title"), language, say)
    months = deliveries_data.segment_months()
    if not months:
        st.info(f"**{say('customers.none.title')}** {say('customers.none.body')}")
        return
    month = _choose_month(months, language, say)
    rows = deliveries_data.segments(month)
    names = {group: segment_name(group, language, say) for group in rows["segment"]}
    st.caption(
        say(
            "customers.stamp",
            n=number(rows["customers"].sum(), language),
            k=number(len(rows), language),
            day=long_day(month, language, year=True),
        )
    )
    if month == months[0] and (data.today("UTC") - month).days > _STALE_DAYS:
        st.warning(say("customers.stale", month=long_month(month, language)))
    _groups(rows, names, language, say)
    _compare(rows, names, month, language, say)
    _experience(month, names, language, say)
    with st.expander(say("customers.choice")):
        _choice(month, language, say)
    if data.is_simulated(deliveries_data.FLOW):
        st.caption(say("desk.simulated"))


def segment_name(group: str, language: Language, say: Say) -> str:
    """A group's name in the reader's language; one the app does not know stays as it is."""
    numbered = re.fullmatch(r"occasional_(\d+)", group)
    if numbered:
        return say("segment.numbered", n=numbered[1])
    return texts.name_of("segment", group, language)


def _choose_month(months: list[date], language: Language, say: Say) -> date:
    labels = {f"{month:%Y-%m}": capitalised(long_month(month, language)) for month in months}
    chosen = choices.select("month", say("customers.month"), labels, f"{months[0]:%Y-%m}")
    return date.fromisoformat(f"{chosen}-01")


def _choose_region(say: Say) -> tuple[str, str]:
    listed = data.centres(deliveries_data.FLOW)
    asked = choices.asked("region")
    labels = {
        ALL: say("desk.region.all"),
        **dict(zip(listed["centre_id"], listed["label"], strict=True)),
    }
    region = choices.select("region", say("desk.region"), labels, ALL)
    if asked and asked not in labels:
        st.info(say("unknown.centre", asked=literal(asked), shown=literal(labels[region])))
    return region, labels[region]


def _groups(rows: pd.DataFrame, names: dict[str, str], language: Language, say: Say) -> None:
    """Each group in plain words."""
    st.subheader(say("customers.groups"), anchor=False)
    cards = []
    for row in rows.itertuples():
        if row.is_hidden:
            hidden = say("customers.hidden", n=str(FEWEST))
            cards.append(
                layout.day_card(
                    names[row.segment], MISSING, [hidden], names=(), load="", warn=False
                )
            )
            continue
        unstable = row.stability < UNSTABLE
        served = (
            [say("customers.undelivered")]
            if is_missing(row.mean_days)
            else [
                say("customers.late", share=percent(row.late_share, language)),
                say("customers.days", days=lasting(row.mean_days, language)),
            ]
        )
        cards.append(
            layout.day_card(
                names[row.segment],
                say("customers.count", n=number(row.customers, language)),
                [
                    say("customers.share", share=percent(row.share, language)),
                    say("customers.recency", days=_whole_days(row.recency_days, language)),
                    say("customers.orders", n=number(row.orders_each, language, 1)),
                    say("customers.value", n=number(row.value, language)),
                    *served,
                ],
                names=(),
                load=say("customers.unstable") if unstable else "",
                warn=unstable,
            )
        )
    layout.day_cards(cards, say("customers.groups"))
    st.caption(say("customers.means", n=str(FEWEST)))


def _whole_days(days: float, language: Language) -> str:
    return lasting(days if is_missing(days) else round(days), language)


def _compare(
    rows: pd.DataFrame, names: dict[str, str], month: date, language: Language, say: Say
) -> None:
    """The groups side by side by one measure, and all figures as a table."""
    labels = {measure: say(f"customers.by.{measure}") for measure in MEASURES}
    measure = choices.select("measure", say("customers.compare"), labels, MEASURES[0])
    shown = rows[~rows["is_hidden"] & rows[measure].notna()]
    figures = [_figure(measure, row, language) for _, row in shown.iterrows()]
    groups = [names[group] for group in shown["segment"]]
    if groups:
        st.plotly_chart(
            deliveries_charts.bars(groups, list(shown[measure]), figures, language=language),
            theme=None,
            config=charts.CONFIG,
            key="customers.bars",
            alt=say(
                "customers.alt",
                by=labels[measure],
                groups=", ".join(
                    f"{group}{charts.colon(language)}{figure}"
                    for group, figure in zip(groups, figures, strict=True)
                ),
            ),
        )
    with st.expander(say("customers.table")):
        whole = rows[list(deliveries_data.SEGMENT_COLUMNS)]

        def share(value: float) -> str:
            return percent(value, language, 1)

        layout.table(
            whole,
            key="customers.table",
            alt=say("customers.groups"),
            labels=lambda column: say(f"column.{column}"),
            shown={
                "segment": lambda group: names[group],
                "customers": lambda n: number(n, language),
                **dict.fromkeys(("share", "late_share"), share),
                **_rounded(("orders_each", "mean_days"), 1, language),
                **_rounded(("recency_days", "value"), 0, language),
                **_rounded(("stability",), 2, language),
            },
        )
        layout.downloads(whole, name=f"customers_{month:%Y-%m}", key="customers", say=say)


def _rounded(columns: tuple[str, ...], decimals: int, language: Language) -> dict[str, Any]:
    return dict.fromkeys(columns, lambda value: number(value, language, decimals))


def _figure(measure: str, row: pd.Series, language: Language) -> str:
    value = row[measure]
    if measure == "customers":
        return f"{number(value, language)} ({percent(row['share'], language)})"
    if measure == "late_share":
        return percent(value, language, 1)
    if measure in ("recency_days", "mean_days"):
        return (
            _whole_days(value, language) if measure == "recency_days" else lasting(value, language)
        )
    return number(value, language, 1 if measure == "orders_each" else 0)


def _experience(month: date, names: dict[str, str], language: Language, say: Say) -> None:
    """How often deliveries to each group were late, month by month."""
    st.subheader(say("customers.experience"), anchor=False)
    region, place = _choose_region(say)
    first = (month - timedelta(days=30 * (_SHOWN_MONTHS - 1))).replace(day=1)
    # To the end of the month that begins with these groups.
    last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    every = deliveries_data.experience(region, first, last)
    rows = every[every["delivered"] >= FEWEST].reset_index(drop=True)
    if rows.empty:
        st.info(say("customers.experience.none", place=literal(place)))
        return
    # Groups of earlier months may be gone by now; their deliveries are not.
    told = {
        **names,
        **{
            group: segment_name(group, language, say)
            for group in rows["segment"].unique()
            if group not in names
        },
    }
    _worst_and_best(rows[~deliveries_charts.unfinished(rows)], told, language, say)
    st.plotly_chart(
        deliveries_charts.experience(rows, told, language=language, say=say),
        theme=None,
        config=charts.CONFIG,
        key="customers.experience",
        alt=say(
            "customers.experience.alt",
            low=percent(rows["late_rate"].min(), language, 1),
            high=percent(rows["late_rate"].max(), language, 1),
        ),
    )
    hidden = len(every) - len(rows)
    st.caption(
        say(
            "customers.experience.body",
            place=literal(place),
            n=str(FEWEST),
            enough=str(deliveries_charts.FEW_ORDERS),
        )
        + (say("customers.experience.hidden", n=number(hidden, language)) if hidden else "")
    )
    with st.expander(say("customers.experience.table")):
        layout.table(
            rows,
            key="experience.table",
            alt=say("customers.experience"),
            labels=lambda column: say(f"column.{column}"),
            shown={
                "segment": lambda group: told[group],
                "month": lambda at: capitalised(long_month(at.date(), language)),
                **_rounded(("orders", "delivered", "late"), 0, language),
                "late_rate": lambda value: percent(value, language, 1),
            },
        )
        where = "all" if region == ALL else region
        layout.downloads(
            rows, name=f"customers_late_{where}_{first:%Y-%m}_{month:%Y-%m}", key="late", say=say
        )


def _worst_and_best(
    rows: pd.DataFrame, names: dict[str, str], language: Language, say: Say
) -> None:
    """Which group is delivered late most often, if that is no chance; `rows` are of months whose
    orders have arrived."""
    sums = rows.groupby("segment")[["late", "delivered"]].sum()
    sums = sums[sums["delivered"] >= deliveries_charts.FEW_ORDERS]
    if len(sums) < 2:
        return
    rates = sums["late"] / sums["delivered"]
    worst, best = sums.loc[rates.idxmax()], sums.loc[rates.idxmin()]
    beyond = deliveries_charts.beyond_chance(
        *(float(part[column]) for part in (worst, best) for column in ("late", "delivered"))
    )
    st.markdown(
        say(
            "customers.experience.words" if beyond else "customers.experience.alike",
            worst=literal(names[rates.idxmax()]),
            worst_rate=percent(rates.max(), language, 1),
            best=literal(names[rates.idxmin()]),
            best_rate=percent(rates.min(), language, 1),
        )
    )


def _choice(month: date, language: Language, say: Say) -> None:
    """How the number of groups was chosen."""
    rows = deliveries_data.segment_choices(month)
    chosen = rows.loc[rows["chosen"], "k"]
    if chosen.empty:
        st.info(say("customers.choice.none"))
        return
    st.markdown(say("customers.choice.body", k=number(chosen.iloc[0], language)))
    st.plotly_chart(
        deliveries_charts.choices_of_k(rows, language=language, say=say),
        theme=None,
        config=charts.CONFIG,
        key="customers.choice",
        alt=say("customers.choice.alt"),
    )
    layout.table(
        rows,
        key="choice.table",
        alt=say("customers.choice"),
        labels=lambda column: say(f"column.{column}"),
        shown={
            "k": lambda k: number(k, language),
            **_rounded(("silhouette", "stability"), 2, language),
            "chosen": lambda yes: say("choice.yes") if yes else say("choice.no"),
        },
    )


show()
