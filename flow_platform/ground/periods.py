"""Days, months, training cut-offs and issue times, and how people write them.

Dagster's partitions of the same periods are in `partitions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.local_time import day_closes_at, days_index
from flow_platform.ground.written_dates import day_of_iso


def day_named(text: str) -> date:
    """The day that people write as 2025-12-31. Raises ConfigurationError for anything else."""
    try:
        return day_of_iso(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no day. Write it as 2025-12-31.") from error


def month_named(text: str) -> date:
    """The first day of the month that people write as 2025-12, or as one of its days."""
    return day_named(text if len(text) > 7 else f"{text}-01").replace(day=1)


def months_between(first: date, last: date) -> list[date]:
    """First days of the months from `first`'s to `last`'s."""
    starts = pd.period_range(first, last, freq="M")
    return [period.start_time.date() for period in starts]


def cutoff_of(month: date) -> pd.Timestamp:
    """The training cut-off of a month's vintages: its first moment, UTC."""
    return pd.Timestamp(month, tz="UTC")


def issue_times(zones: Mapping[str, str], first_day: date, last_day: date) -> pd.DataFrame:
    """When the forecasts of each centre (`zones`: centre_id -> IANA zone) and day are issued.

    Columns unique_id, issue (midnight, naive), issued_at (UTC): the later of the end of the UTC day
    and of the centre's local day; west of Greenwich a day's own count is not known at UTC midnight.
    """
    days = days_index(first_day, last_day)
    closes = {zone: day_closes_at(days, zone) for zone in set(zones.values())}
    return pd.concat(
        [
            pd.DataFrame({"unique_id": centre, "issue": days, "issued_at": closes[zone]})
            for centre, zone in zones.items()
        ],
        ignore_index=True,
    )
