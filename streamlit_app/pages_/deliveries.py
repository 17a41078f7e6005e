"""Deliveries desk: which orders will be late and why, what is done about them, and whether the
predictions hold.

What it reads is in `deliveries_data.py`, what it writes in `desk.py`, its charts are in
`deliveries_charts.py`, its list of orders is in `order_list.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import (
    charts,
    choices,
    data,
    deliveries_charts,
    deliveries_data,
    desk,
    layout,
    reasons,
    texts,
)
from streamlit_app.deliveries_data import ALL, Chosen, Fresh
from streamlit_app.formats import (
    MISSING,
    Language,
    capitalised,
    chance,
    clock,
    is_missing,
    lasting,
    long_day,
    moment,
    number,
    percent,
    short_day,
)
from streamlit_app.layout import literal
from streamlit_app.order_list import Cell, Line, order_list, short
from streamlit_app.periods import Period
from streamlit_app.texts import Say

PERIODS = ("28", "91", "182", "364")
# Orders take weeks: of a month, half would still be on their way.
DEFAULT_PERIOD = "91"
PROMISED = 0.8
# Beyond this the time axis has months.
_WEEKS_UP_TO = 182
# What chance may do to the share inside the band; the same margin as on the pages of forecasts.
AS_PROMISED = 0.04
# A change below this is none, in days and in shares.
_SAME_DAYS = 1 / 48
_SAME_SHARE = 0.0005
# Of fewer delivered orders no skill can be told.
_ENOUGH_FOR_SKILL = 100
# Two reasons fit a row; the order's page has all.
_REASONS_LISTED = 2
_FEW = deliveries_charts.FEW_ORDERS


def show() -> None:
    """The whole page, top to bottom. Raises data.DataError when the views cannot be read."""
    language = choices.language()
    say = texts.speaker(language, step="order")
    layout.head(say("desk.title"), language, say)
    listed = data.centres(deliveries_data.FLOW)
    if listed.empty:
        st.info(say("desk.no_centres"))
        return
    fresh, first_day = deliveries_data.fresh(), deliveries_data.first_day()
    if fresh is None or first_day is None:
        st.info(f"**{say('desk.empty.title')}** {say('desk.empty.body')}")
        return

    chosen, period = _choose(listed, fresh, say)
    timezones = dict(zip(listed["centre_id"], listed["timezone"], strict=True))
    labels = dict(zip(listed["centre_id"], listed["label"], strict=True))
    timezone = timezones.get(chosen.region, str(listed["timezone"].mode().iloc[0]))
    as_of = _stamp(fresh, period, timezone, language, say)
    place = say("desk.region.all") if chosen.region == ALL else labels[chosen.region]
    title = ", ".join([place, *(name for name in chosen[1:] if name != ALL)])

    now = deliveries_data.totals(chosen, *period)
    if not now["orders"]:
        st.info(say("desk.none", **_dates(period, language)))
    else:
        _tiles(title, chosen, period, first_day, now, as_of, language, say)
    _orders(chosen, period, as_of, timezones, labels, language, say)
    if now["orders"]:
        _real(chosen, period, language, say)
        _rates(chosen, period, language, say)
        _risk(chosen, period, language, say)
    if data.is_simulated(deliveries_data.FLOW):
        st.caption(say("desk.simulated"))


def _choose(listed: pd.DataFrame, fresh: Fresh, say: Say) -> tuple[Chosen, Period]:
    """Region, shipper, category and days of placing, each kept in the address."""
    asked = choices.asked("region")
    regions = {
        ALL: say("desk.region.all"),
        **dict(zip(listed["centre_id"], listed["label"], strict=True)),
    }
    boxes = st.columns([3, 4, 4, 3])
    with boxes[0]:
        region = choices.select("region", say("desk.region"), regions, ALL)
    with boxes[3]:
        labels = {days: say("trips.days", n=days) for days in PERIODS}
        days = choices.select("placed", say("desk.period"), labels, DEFAULT_PERIOD)
    period = Period(fresh.day - timedelta(days=int(days) - 1), fresh.day)
    # Of the longest period, so that no choice goes away with a shorter one.
    longest = fresh.day - timedelta(days=int(PERIODS[-1]))
    narrowed = {}
    for box, kind in zip(boxes[1:3], ("shipper", "category"), strict=True):
        names = deliveries_data.offered(kind, region, longest, fresh.day)
        options = {ALL: say(f"desk.{kind}.all"), **{name: name for name in names}}
        with box:
            narrowed[kind] = choices.select(kind, say(f"desk.{kind}"), options, ALL)
    if asked and asked not in regions:
        st.info(say("unknown.centre", asked=literal(asked), shown=literal(regions[region])))
    return Chosen(region, narrowed["shipper"], narrowed["category"]), period


def _dates(period: Period, language: Language) -> dict[str, str]:
    return {
        "first": short_day(period.first, language, weekday=False),
        "last": f"{short_day(period.last, language, weekday=False)} {period.last.year}",
    }


def _stamp(
    fresh: Fresh, period: Period, timezone: str, language: Language, say: Say
) -> datetime | None:
    """How fresh all of this is. Returns the moment at which promises are looked at: None for now,
    or the newest event's where events stopped coming."""
    event = moment(fresh.event_at, language, timezone)
    scored = moment(fresh.scored_at, language, timezone)
    st.caption(
        say(
            "desk.stamp",
            event=event,
            scored=say("stamp.no_actual") if fresh.scored_at is None else scored,
            **_dates(period, language),
        )
    )
    age = datetime.now(UTC) - fresh.event_at
    stale = age > timedelta(days=data.STALE_DAYS)
    if stale:
        days = say("age.days", n=number(age.days, language))
        st.warning(say("desk.stale", event=event, age=days))
    if fresh.scored_at is None:
        st.warning(say("desk.unscored.all"))
    elif fresh.event_at - fresh.scored_at > timedelta(days=data.STALE_DAYS):
        st.warning(say("desk.unscored", scored=scored, event=event))
    return fresh.event_at if stale else None


def _tiles(
    title: str,
    chosen: Chosen,
    period: Period,
    first_day: Any,
    now: pd.Series,
    as_of: datetime | None,
    language: Language,
    say: Say,
) -> None:
    """The period in five figures, each with its change against the period before."""
    before = period.before
    # A period that the data reach only in part would look like fewer orders.
    comparable = before.first >= first_day
    old = deliveries_data.totals(chosen, *before) if comparable else None

    def moved(column: str, unit: str) -> str:
        then = None if old is None else old[column]
        return _change(now[column], then, unit, language, say)

    acting = deliveries_data.open_counts(chosen, *period, as_of)["act"]
    left = now["orders"] - now["delivered"]
    boxes = [
        layout.tile(
            say("desk.kpi.late"),
            percent(now["late_rate"], language, 1),
            _joined(
                say(
                    "desk.kpi.late.body",
                    late=number(now["late"], language),
                    n=number(now["delivered"], language),
                    left=number(left, language),
                )
                if now["delivered"]
                else say("desk.kpi.late.none"),
                moved("late_rate", "points"),
            ),
        ),
        layout.tile(
            say("desk.kpi.act"),
            number(acting, language),
            _joined(
                say("desk.kpi.act.body"),
                say(
                    "desk.kpi.act.before",
                    n=number(deliveries_data.open_counts(chosen, *before, as_of)["act"], language),
                )
                if comparable
                else "",
            ),
            warn=acting > 0,
        ),
        layout.tile(
            say("desk.kpi.risk"),
            percent(now["high_risk_share"], language, 1),
            _joined(
                say(
                    "desk.kpi.risk.body",
                    n=number(now["high_risk"], language),
                    all=number(now["scored"], language),
                ),
                moved("high_risk_share", "points"),
            ),
        ),
        layout.tile(
            say("desk.kpi.gap"),
            lasting(now["gap_days"], language, signed=True),
            _gap_note(now, moved("abs_gap_days", "days"), language, say),
        ),
        layout.tile(
            say("desk.kpi.resolve"),
            lasting(now["resolve_hours"] / 24, language),
            _joined(
                say(
                    "desk.kpi.resolve.body",
                    n=number(now["incidents_resolved"], language),
                    all=number(now["incidents"], language),
                ),
                moved("resolve_hours", "hours"),
            ),
        ),
    ]
    heading = say("desk.kpi", place=title, **_dates(period, language))
    st.subheader(literal(heading), anchor=False)
    layout.tiles(boxes, heading)
    delivered = now["delivered"] / now["orders"]
    told = (
        say("desk.kpi.before", **_dates(before, language))
        if comparable
        else say("desk.kpi.no_before", day=long_day(first_day, language, year=True))
    )
    if delivered < deliveries_data.NEARLY_ALL:
        share = percent(delivered, language)
        told += " " + say("desk.kpi.unfinished", share=share)
    st.caption(told)


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _gap_note(now: pd.Series, moved: str, language: Language, say: Say) -> str:
    if is_missing(now["gap_days"]):
        return say("desk.kpi.gap.none")
    note = say(
        "desk.kpi.gap.later" if now["gap_days"] > 0 else "desk.kpi.gap.earlier",
        typical=lasting(now["abs_gap_days"], language),
    )
    return f"{note} ({moved})" if moved else note


def _change(now: float, then: float | None, unit: str, language: Language, say: Say) -> str:
    """How a figure moved, in percentage points, days or hours; "" where that is not known."""
    if then is None or is_missing(then) or is_missing(now):
        return ""
    by = (now - then) / 24 if unit == "hours" else now - then
    if abs(by) < (_SAME_SHARE if unit == "points" else _SAME_DAYS):
        return say("trips.change.none")
    amount = (
        say("desk.points", n=number(abs(by) * 100, language, 1))
        if unit == "points"
        else lasting(abs(by), language)
    )
    return say("trips.change.more" if by > 0 else "trips.change.less", amount=amount)


def _orders(
    chosen: Chosen,
    period: Period,
    as_of: datetime | None,
    timezones: dict[str, str],
    labels: dict[str, str],
    language: Language,
    say: Say,
) -> None:
    """The ranked list, and the page of the order that is opened."""
    st.subheader(say("desk.orders"), anchor=False)
    counts = deliveries_data.open_counts(chosen, *period, as_of)
    left, right = st.columns([3, 2])
    with left:
        options = {
            name: say(f"desk.show.{name}", n=number(counts[name], language))
            for name in deliveries_data.SHOWS
        }
        # Where no risk is high, as when it is the usual rate of all, promises passed come first.
        default = next((name for name in ("act", "overdue", "open") if counts[name]), "act")
        shown = choices.select("show", say("desk.show"), options, default)
    opened = choices.kept("order")
    with right:
        st.session_state["desk.find"] = opened
        st.text_input(say("desk.find"), key="desk.find", max_chars=200, on_change=_find)
    rows = deliveries_data.open_orders(chosen, *period, shown, as_of)
    if rows.empty:
        st.info(say("desk.listed.none"))
    else:
        head = rows.head(deliveries_data.LISTED)
        order_list(
            [_line(row, as_of, timezones, language, say) for row in head.itertuples()],
            [say(f"column.{name}") for name in _LIST_HEADINGS],
            numeric=(1, 5),
            opened=opened,
            name=say("desk.list.name"),
            open_label=lambda order_id: say("desk.list.open", order=order_id),
            on_open=lambda order_id: choices.take("order", order_id),
        )
        st.caption(
            say(
                "desk.listed" if counts[shown] > len(head) else "desk.listed.all",
                shown=number(len(head), language),
                all=number(counts[shown], language),
            )
            + _older(counts, language, say)
        )
    if opened:
        _order(opened, as_of, timezones, labels, language, say)
    if not rows.empty:
        where = "all" if chosen.region == ALL else chosen.region
        name = f"deliveries_{shown}_{where}_{period.first}_{period.last}"
        layout.downloads(rows, name=name, key="orders", say=say)


def _moment(as_of: datetime | None) -> pd.Timestamp:
    """The moment at which promises are looked at."""
    return pd.Timestamp(as_of or datetime.now(UTC))


_LIST_HEADINGS = (
    *("order_id", "late_probability", "promised_at", "predicted_at", "why", "price"),
    *("shipper", "status", "last_action"),
)


def _older(counts: dict[str, int], language: Language, say: Say) -> str:
    n = counts["before"]
    return say("desk.listed.older", n=number(n, language)) if n else ""


def _find() -> None:
    choices.take("order", st.session_state["desk.find"].strip())


def _line(
    row: Any, as_of: datetime | None, timezones: dict[str, str], language: Language, say: Say
) -> Line:
    """One order as a row of the list."""
    zone = timezones.get(row.centre_id, data.DEFAULT_TIMEZONE)

    def day(at: Any) -> str:
        return MISSING if pd.isna(at) else short_day(at.tz_convert(zone).date(), language)

    late_by = (row.predicted_at - row.promised_at) / pd.Timedelta(days=1)
    since = _moment(as_of) - row.promised_at
    overdue, scored = bool(row.is_overdue), not is_missing(row.late_probability)
    passed = scored and row.predicted_at < _moment(as_of)
    band = (
        _band(
            ("desk.list.band", "desk.list.band.hours"),
            row.predicted_from,
            row.predicted_to,
            zone,
            language,
            say,
        )
        if scored
        else say("desk.list.unscored")
    )
    acted = pd.notna(row.last_action)
    why = reasons.named(str(row.why).split("; "), language) if pd.notna(row.why) else []
    told = ", ".join(why[:_REASONS_LISTED])
    done = Cell(MISSING)
    if acted:
        action = say(f"action.{row.last_action}")
        done = Cell(action, (str(row.last_author), day(row.last_acted_at)))
    return Line(
        row.order_id,
        (
            Cell(chance(row.late_probability, language), strong=bool(row.is_high_risk is True)),
            Cell(
                day(row.promised_at),
                (say("desk.list.since", age=lasting(since / pd.Timedelta(days=1), language)),)
                if overdue
                else (),
                say("desk.list.overdue") if overdue else "",
            ),
            Cell(
                day(row.predicted_at),
                (
                    say("desk.list.late", n=lasting(late_by, language))
                    if scored and late_by > 0
                    else "",
                    say("life.passed") if passed else "",
                    band,
                ),
            ),
            Cell(capitalised(told) or MISSING),
            Cell(number(row.price, language, 2)),
            Cell(_short_name(row.shipper)),
            Cell(capitalised(texts.name_of("status", row.status, language))),
            done,
        ),
    )


def _short_name(name: Any) -> str:
    return MISSING if pd.isna(name) else short(str(name))


def _order(
    order_id: str,
    as_of: datetime | None,
    timezones: dict[str, str],
    labels: dict[str, str],
    language: Language,
    say: Say,
) -> None:
    """One order: its facts, its life, why it is at risk, what was done, and what can be done."""
    with st.container(border=True, key="order-page"):
        row = deliveries_data.order(order_id)
        if row is None:
            st.info(say("order.unknown", order=literal(order_id)))
            return
        zone = timezones.get(row["centre_id"], data.DEFAULT_TIMEZONE)
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.subheader(say("order.title", order=literal(order_id)), anchor=False, width="content")
            st.button(
                say("order.close"), key="order.close", on_click=choices.take, args=("order", "")
            )
        st.markdown(
            say(
                "order.facts",
                region=literal(labels.get(row["centre_id"], row["centre_id"])),
                shipper=literal(row["shipper"] or MISSING),
                category=literal(row["category"] or MISSING),
                price=number(row["price"], language, 2),
                status=texts.name_of("status", row["status"], language),
            )
        )
        _verdict(row, as_of, zone, language, say)
        st.markdown(f"**{say('order.life')}**")
        _life(row, as_of, zone, language, say)
        _incidents(order_id, zone, language, say)
        left, right = st.columns(2)
        with left:
            if row["late_probability"] is not None:
                st.markdown(f"**{say('order.why')}**")
                told = reasons.sentences(row["reasons"] or [], language, say)
                passed = row["late_probability"] == reasons.CERTAIN
                st.markdown(
                    "\n".join(f"- {sentence}" for sentence in told)
                    or say("order.why.passed" if passed else "order.why.none")
                )
            _done(row, zone, language, say)
        with right:
            _act(row, say)


def _verdict(
    row: pd.Series, as_of: datetime | None, zone: str, language: Language, say: Say
) -> None:
    """Where the order stands: delivered, overdue, resolved, and its risk."""
    is_open = row["status"] in ("placed", "approved", "in_transit")
    now = _moment(as_of)
    if row["actual_days"] is not None:
        key = "order.was.late" if row["was_late"] else "order.was.in_time"
        st.markdown(say(key, days=lasting(row["actual_days"], language)))
    elif is_open and row["promised_at"] < now:
        age = (now - row["promised_at"]) / pd.Timedelta(days=1)
        st.markdown(say("order.overdue", age=lasting(age, language)))
    if row["late_probability"] is None:
        st.markdown(say("order.unscored"))
    else:
        verdict = ""
        if row["threshold"] is not None:
            key = "order.risk.high" if row["is_high_risk"] else "order.risk.usual"
            verdict = say(key, threshold=percent(row["threshold"], language))
        st.markdown(
            say(
                "order.risk",
                risk=chance(row["late_probability"], language),
                verdict=verdict,
                scored=moment(row["scored_at"], language, zone),
            )
        )
    if row["is_resolved"]:
        st.markdown(
            say(
                "order.resolved",
                author=literal(row["last_author"]),
                at=moment(row["last_acted_at"], language, zone),
            )
        )


def _life(row: pd.Series, as_of: datetime | None, zone: str, language: Language, say: Say) -> None:
    """The order's life line as cards, in the order in which things happen."""
    steps = [
        *(("placed", row["placed_at"], ()), ("paid", row["paid_at"], ())),
        ("approved", row["approved_at"], ()),
        ("handed_over", row["handed_over_at"], ()),
    ]
    if row["last_tracked_at"] is not None and row["last_tracked"] not in (
        *("handed_over", "delivered"),
    ):
        told = texts.name_of("tracked", str(row["last_tracked"]), language)
        steps.append(("tracked", row["last_tracked_at"], (told,)))
    if row["cancelled_at"] is not None:
        steps.append(("cancelled", row["cancelled_at"], ()))
    ends = [("promised", row["promised_at"], ())]
    if row["promised_now_at"] is not None and row["promised_now_at"] != row["promised_at"]:
        ends.append(("promised_now", row["promised_now_at"], ()))
    if row["predicted_at"] is not None:
        day = pd.Timedelta(days=1)
        first, last = (row["placed_at"] + row[side] * day for side in ("lower_80", "upper_80"))
        band = _band(("life.band", "life.band.hours"), first, last, zone, language, say)
        after = say("life.after", days=lasting(row["predicted_days"], language))
        passed = row["delivered_at"] is None and row["predicted_at"] < _moment(as_of)
        told = (say("life.passed"),) if passed else ()
        ends.append(("predicted", row["predicted_at"], (*told, after, band)))
    if row["delivered_at"] is not None:
        after = say("life.after", days=lasting(row["actual_days"], language))
        ends.append(("delivered", row["delivered_at"], (after,)))
    steps += sorted(ends, key=lambda step: step[1])
    cards = []
    for name, at, notes in steps:
        if name == "paid" and at is None:
            continue
        hour = "" if at is None else clock(at, language, zone)
        cards.append(
            layout.day_card(
                say(f"life.{name}"),
                say("life.not_yet") if at is None else _day(at, zone, language),
                # A predicted hour would be more than is known.
                [*([hour] if name != "predicted" else []), *notes],
                names=(),
                load="",
                warn=name == "predicted" and at > row["promised_at"],
            )
        )
    layout.day_cards(cards, say("order.life"))


def _band(
    texts_of: tuple[str, str],
    first: pd.Timestamp,
    last: pd.Timestamp,
    zone: str,
    language: Language,
    say: Say,
) -> str:
    """Between which days, or on one day between which hours, it comes 8 times out of 10."""
    days = [_day(at, zone, language) for at in (first, last)]
    if days[0] != days[1]:
        return say(texts_of[0], first=days[0], last=days[1])
    # To the quarter of an hour, outwards: more is not known.
    hours = [clock(at, language, zone) for at in (first.floor("15min"), last.ceil("15min"))]
    return say(texts_of[1], day=days[0], first=hours[0], last=hours[1])


def _day(at: pd.Timestamp, zone: str, language: Language) -> str:
    return short_day(at.tz_convert(zone).date(), language)


def _incidents(order_id: str, zone: str, language: Language, say: Say) -> None:
    rows = deliveries_data.incidents(order_id)
    if rows.empty:
        return
    st.markdown(f"**{say('order.incidents')}**")
    lines = []
    for row in rows.itertuples():
        kind = say("order.incident.kind") if pd.isna(row.kind) else str(row.kind)
        told = {
            "kind": literal(capitalised(kind.replace("_", " "))),
            "opened": moment(row.opened_at, language, zone),
        }
        if pd.isna(row.resolved_at):
            lines.append(say("order.incident.open", **told))
        else:
            took = (row.resolved_at - row.opened_at) / pd.Timedelta(days=1)
            lines.append(
                say(f"order.incident.{row.resolved_by}", took=lasting(took, language), **told)
            )
    st.markdown("\n".join(f"- {line}" for line in lines))


def _done(row: pd.Series, zone: str, language: Language, say: Say) -> None:
    """What the desk did about the order, the newest first; the last alone where notes cannot be
    read."""
    st.markdown(f"**{say('order.actions')}**")
    try:
        actions = desk.actions(row["order_id"])
    except desk.DeskError as error:
        if error.why != "unset":
            st.caption(say("order.actions.unread"))
        known = row["last_action"] is not None
        actions = pd.DataFrame(
            [(row["last_acted_at"], row["last_action"], row["last_author"], row["last_note"])]
            if known
            else [],
            columns=["acted_at", "action", "author", "note"],
        )
    if actions.empty:
        st.caption(say("order.actions.none"))
        return
    lines = []
    for action in actions.itertuples():
        head = say(
            "order.action",
            action=capitalised(say(f"action.{action.action}")),
            author=literal(action.author),
            at=moment(action.acted_at, language, zone),
        )
        note = "" if pd.isna(action.note) else literal(" ".join(str(action.note).split()))
        lines.append(f"- {head}" + (f"  \n  {note}" if note else ""))
    st.markdown("\n".join(lines))


def _act(row: pd.Series, say: Say) -> None:
    """The form in which a note is written, and an order resolved or reopened."""
    if not desk.may_act():
        st.caption(say("order.read_only"))
        return
    order_id = row["order_id"]
    st.markdown(f"**{say('order.act')}**")
    # One form a note: what was written is gone once it is in the database, and stays if it is not.
    form = f"{order_id}.{st.session_state.get('desk.written', 0)}"
    with st.form(f"act.{form}", border=False):
        st.text_input(
            say("order.author"),
            value=st.session_state.get("desk.author", ""),
            max_chars=desk.LONGEST_AUTHOR,
            key=f"author.{form}",
            autocomplete="name",
        )
        st.text_area(say("order.note"), max_chars=desk.LONGEST_NOTE, key=f"note.{form}", height=90)
        st.caption(say("order.note.help"))
        with st.container(horizontal=True, gap="small"):
            for action in ("reopen" if row["is_resolved"] else "resolve", "note"):
                st.form_submit_button(
                    say(f"order.act.{action}"),
                    key=f"act.{action}.{form}",
                    type="secondary" if action == "note" else "primary",
                    on_click=_write,
                    args=(order_id, action, form),
                )
    told = st.session_state.pop("desk.told", None)
    if told is None or told[0] != order_id:
        return
    _, kind, why, detail = told
    if kind == "done":
        st.success(say(f"order.done.{why}"))
        return
    st.error(say(f"order.failed.{why}"))
    if detail:
        with st.expander(say("for_operators")):
            st.code(detail, language=None, wrap_lines=True)


def _write(order_id: str, action: str, form: str) -> None:
    author, note = (
        str(st.session_state.get(f"{what}.{form}") or "") for what in ("author", "note")
    )
    st.session_state["desk.author"] = author.strip()
    try:
        desk.act(order_id, action, author, note)
    except desk.DeskError as error:
        st.session_state["desk.told"] = (order_id, "failed", error.why, str(error))
        return
    deliveries_data.forget()
    st.session_state["desk.written"] = st.session_state.get("desk.written", 0) + 1
    st.session_state["desk.told"] = (order_id, "done", action, "")


def _to_judge(period: Period, language: Language, say: Say) -> Period | None:
    """The days of the period by which its predictions can be judged, and a word on the others."""
    until = deliveries_data.arrived_until(*period)
    if until is None:
        st.info(say("desk.judged.none"))
        return None
    if until < period.last:
        day = short_day(until, language, weekday=False)
        st.caption(say("desk.judged", day=f"{day} {until.year}"))
    return Period(period.first, until)


def _real(chosen: Chosen, period: Period, language: Language, say: Say) -> None:
    """What was predicted against what came: whether 10 days said are 10 days."""
    st.subheader(say("desk.real.title"), anchor=False)
    arrived = _to_judge(period, language, say)
    if arrived is None:
        return
    rows = deliveries_data.tenths(chosen, *arrived)
    if rows.empty:
        st.info(say("desk.real.none"))
        return
    orders = rows["orders"].sum()
    inside = (rows["coverage_80"] * rows["orders"]).sum() / orders
    verdict = (
        "few"
        if orders < _FEW
        else "right"
        if abs(inside - PROMISED) <= AS_PROMISED
        else "wide"
        if inside > PROMISED
        else "narrow"
    )
    judged = "" if verdict == "few" else f" {say(f'coverage.{verdict}')}"
    st.markdown(
        say(
            "desk.real.words",
            n=number(orders, language),
            share=percent(inside, language),
            promised=percent(PROMISED, language),
        )
        + judged
    )
    off = (rows["said_days"] - rows["real_days"]).abs().max()
    _chart(
        deliveries_charts.said_against_real(rows, language=language, say=say),
        "desk.real.chart",
        say("desk.alt.real", n=number(len(rows), language), off=lasting(off, language)),
    )
    st.caption(say("desk.real.body") + _pale(rows["orders"], say))
    with st.expander(say("desk.table.real")):
        _table(
            rows,
            "real",
            say("desk.real.title"),
            {
                **dict.fromkeys(
                    ("said_days", "said_from", "said_to", "real_days"),
                    lambda days: number(days, language, 1),
                ),
                "coverage_80": lambda share: percent(share, language, 1),
            },
            language,
            say,
        )


def _rates(chosen: Chosen, period: Period, language: Language, say: Say) -> None:
    """The late rate over time, with the number of deliveries it rests on."""
    days = (period.last - period.first).days + 1
    step = "week" if days <= _WEEKS_UP_TO else "month"
    rows = deliveries_data.rates(chosen, *period, step)
    known = rows["late_rate"].dropna()
    if known.empty:
        return
    st.subheader(say("desk.rates"), anchor=False)
    _chart(
        deliveries_charts.late_rates(rows, step, language=language, say=say),
        "desk.rates.chart",
        say(
            "desk.alt.rates",
            low=percent(known.min(), language, 1),
            high=percent(known.max(), language, 1),
        ),
    )
    st.caption(say("desk.rates.body", enough=str(_FEW)))
    with st.expander(say("desk.table.rates")):
        _table(
            rows,
            "rates",
            say("desk.rates"),
            {
                "begins": lambda day: (
                    short_day(day.date(), language, weekday=False) + f" {day.year}"
                ),
                "late_rate": lambda share: percent(share, language, 1),
            },
            language,
            say,
        )


def _risk(chosen: Chosen, period: Period, language: Language, say: Say) -> None:
    """Whether the risk said came true, and whether it tells one order from another at all."""
    st.subheader(say("desk.risk"), anchor=False)
    same = {
        stage
        for stage, version in deliveries_data.speaking(period.last).items()
        if version.split("-")[0] in deliveries_data.SAME_FOR_ALL
    }
    for stage in ("approved", "in_transit"):
        if stage in same:
            st.warning(say(f"desk.risk.same.{stage}"))
    arrived = _to_judge(period, language, say)
    if arrived is None:
        return
    rows = deliveries_data.risks(chosen, *arrived)
    if rows.empty:
        st.info(say("desk.real.none"))
        return
    orders = rows["orders"].sum()
    if orders < _ENOUGH_FOR_SKILL:
        st.markdown(say("desk.risk.few", n=number(orders, language)))
    elif "approved" not in same:
        st.markdown(_skill(rows, language, say))
    steps = deliveries_data.buckets(rows)
    judged = steps[steps["orders"] >= _FEW]
    if not judged.empty:
        told: Any = judged.iloc[-1]
        st.markdown(
            say(
                "desk.risk.bucket",
                range=deliveries_charts.bucket_name(int(told["bucket"]), language),
                share=percent(told["late_rate"], language),
                n=number(told["orders"], language),
            )
        )
    _chart(
        deliveries_charts.risk_said_against_came(steps, language=language, say=say),
        "desk.risk.chart",
        say("desk.alt.risk", n=number(len(steps), language)),
    )
    rate = rows["late"].sum() / orders
    squared = rows["squared"].sum() - 2 * rows["late_probability"].sum() + rows["late"].sum()
    st.caption(
        say(
            "desk.risk.body",
            brier=number(squared / orders, language, 4),
            base=number(rate * (1 - rate), language, 4),
        )
        + _pale(steps["orders"], say)
    )
    with st.expander(say("desk.table.risk")):
        _table(
            steps,
            "risk",
            say("desk.risk"),
            {
                "bucket": lambda bucket: deliveries_charts.bucket_name(int(bucket), language),
                **dict.fromkeys(
                    ("said_late", "late_rate"), lambda share: percent(share, language, 1)
                ),
            },
            language,
            say,
        )


def _skill(rows: pd.DataFrame, language: Language, say: Say) -> str:
    """Whether the orders said to be most at risk were late more often than chance would have it."""
    riskiest = rows["is_riskiest"].astype(bool)
    top, rest = rows[riskiest], rows[~riskiest]
    late, n, others_late, others = (
        float(part[column].sum()) for part in (top, rest) for column in ("late", "orders")
    )
    beyond = deliveries_charts.beyond_chance(late, n, others_late, others)
    return say(
        "desk.risk.skill" if beyond else "desk.risk.no_skill",
        top=percent(late / n, language, 1),
        rest=percent(others_late / others, language, 1),
    )


def _pale(orders: pd.Series, say: Say) -> str:
    return say("desk.pale", enough=str(_FEW)) if (orders < _FEW).any() else ""


def _chart(figure: Any, key: str, alt: str) -> None:
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key=key, alt=alt)


def _table(
    rows: pd.DataFrame, name: str, alt: str, shown: dict[str, Any], language: Language, say: Say
) -> None:
    counts: dict[str, Any] = dict.fromkeys(
        ("orders", "delivered", "late", "part"), lambda count: number(count, language)
    )
    layout.table(
        rows,
        key=f"{name}.table",
        alt=alt,
        labels=lambda column: capitalised(say(f"column.{column}")),
        shown={**counts, **shown},
    )
    layout.downloads(rows, name=f"deliveries_{name}", key=name, say=say)


show()
