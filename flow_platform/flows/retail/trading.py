"""Which weekdays a shop is closed on, as known at each issue: nothing is forecast for them."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

# A weekday that traded on none of the last eight is closed, as published.trading_calendar says it.
WEEKS = 8


def closed_weekdays(actuals: pd.DataFrame, issues: pd.DataFrame) -> dict[pd.Timestamp, set[int]]:
    """For each issue day the weekdays (0 = Monday) on which the shop has not traded for 8 weeks.

    `actuals` has ds and available_at, a row for each series and trading day; `issues` has issue and
    issued_at. Only days known at the issue count. None is closed before 8 weeks were seen.
    """
    traded = actuals.groupby("ds")["available_at"].min().sort_index()
    closed: dict[pd.Timestamp, set[int]] = {}
    for day, issued_at in issues.groupby("issue")["issued_at"].min().items():
        today = pd.Timestamp(str(day))
        begin = today - timedelta(days=7 * WEEKS - 1)
        known = traded[(traded <= issued_at) & (traded.index <= today)]
        if known.empty or known.index[0] > begin:
            closed[today] = set()
            continue
        open_days = pd.DatetimeIndex(known.index[known.index >= begin])
        closed[today] = set(range(7)) - set(open_days.day_of_week)
    return closed
