"""The calendar of every flow's centres: made of the flows' own, and loaded into `raw.calendar`."""

from __future__ import annotations

import pandas as pd

from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.warehouse.store import copy_rows, lock_writes


def load_calendar(platform: Platform) -> int:
    """Replace the calendar of every centre; return its rows."""
    calendar: pd.DataFrame = platform.calendar
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        lock_writes(connection, "raw.calendar")
        cursor.execute("delete from raw.calendar")
        copy_rows(cursor, "raw.calendar", calendar)
    return len(calendar)
