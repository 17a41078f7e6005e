"""Closed weekdays are learned from what was known at the issue, and never too soon."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from flow_platform.flows.retail.trading import closed_weekdays

FIRST = date(2010, 1, 4)  # a Monday


def actuals(days: int, closed: int, late: date | None = None) -> pd.DataFrame:
    """A row for each day but those of the weekday `closed`; `late` became known in a month."""
    rows = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        if day.weekday() == closed and day != late:
            continue
        delay = 30 if day == late else 1
        rows.append({"ds": pd.Timestamp(day), "available_at": _utc(day + timedelta(days=delay))})
    return pd.DataFrame(rows)


def issue(day: date) -> pd.DataFrame:
    return pd.DataFrame(
        {"issue": [pd.Timestamp(day)], "issued_at": [_utc(day + timedelta(days=1))]}
    )


def _utc(day: date) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def closed_at(facts: pd.DataFrame, day: date) -> set[int]:
    return closed_weekdays(facts, issue(day))[pd.Timestamp(day)]


def test_a_weekday_without_trade_for_eight_weeks_is_closed() -> None:
    assert closed_at(actuals(70, closed=5), FIRST + timedelta(days=60)) == {5}


def test_nothing_is_closed_before_eight_weeks_were_seen() -> None:
    assert closed_at(actuals(70, closed=5), FIRST + timedelta(days=54)) == set()
    assert closed_at(actuals(1, closed=5).iloc[:0], FIRST) == set()


def test_one_open_saturday_keeps_the_weekday_open_until_it_is_eight_weeks_old() -> None:
    opened = FIRST + timedelta(days=5)
    facts = actuals(120, closed=5, late=None)
    facts = pd.concat(
        [facts, pd.DataFrame({"ds": [pd.Timestamp(opened)], "available_at": [_utc(opened)]})]
    )
    assert closed_at(facts, opened + timedelta(days=55)) == set()
    assert closed_at(facts, opened + timedelta(days=56)) == {5}


def test_a_trading_day_counts_only_once_it_is_known() -> None:
    late = FIRST + timedelta(days=40)
    facts = actuals(120, closed=late.weekday(), late=late)
    assert closed_at(facts, FIRST + timedelta(days=60)) == {late.weekday()}
    assert closed_at(facts, FIRST + timedelta(days=80)) == set()
