"""Known events from a user's file: campaigns, strikes, closures.

The simulated world's own campaigns have the same shape and are in `simulated_world.py`; the events
of each calendar day are in `calendar.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pandas as pd

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.written_dates import day_of_iso
from flow_platform.sources.centres import Centre
from flow_platform.sources.public_holidays import known_country
from flow_platform.sources.settings_files import read_small_csv
from flow_platform.sources.values import whole_id

EVENT_COLUMNS = ("first_day", "last_day", "scope", "name", "announced")
EVERYWHERE = "all"
_ALIASES = {
    "centre_id": "scope",
    "centre": "scope",
    "country": "scope",
    "where": "scope",
    "event": "name",
    "from": "first_day",
    "to": "last_day",
}
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 12, 31)


def events_frame(rows: Iterable[tuple[date, date, str, str, date | None]]) -> pd.DataFrame:
    """Events as a frame: first_day, last_day, announced (datetime64[us]); scope, name (text)."""
    frame = pd.DataFrame(list(rows), columns=list(EVENT_COLUMNS), dtype=object)
    for column in ("first_day", "last_day", "announced"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame


def _day(text: str, column: str, where: str) -> date:
    try:
        day = day_of_iso(text)
    except ValueError:
        raise ConfigurationError(
            f"{where}: {column} {text!r} is not a day. Write it as 2025-12-31."
        ) from None
    if not _EARLIEST <= day <= _LATEST:
        raise ConfigurationError(
            f"{where}: {column} {text} is not between {_EARLIEST} and {_LATEST}. Correct the year."
        )
    return day


def read_events(path: Path | None, centres: Iterable[Centre] | None = None) -> pd.DataFrame:
    """The events of a CSV file, in the file's order; none without a file.

    Columns first_day, last_day (both included), scope (a centre_id, an ISO country code, or "all";
    the header may say centre_id, country or where, and "*" or a blank mean all), name, and
    optionally announced (the day the event became known). A missing last_day is the first_day.
    Given `centres`, a scope that is neither one of them nor a country code is refused.

    Raises ConfigurationError naming file, line and remedy.
    """
    if path is None:
        return events_frame([])
    what = "Events file"
    hint = "Its header is first_day,last_day,scope,name."
    rows = read_small_csv(path, what, _ALIASES, ("first_day", "name"), hint)
    ids = None if centres is None else {centre.centre_id for centre in centres}
    events: list[tuple[date, date, str, str, date | None]] = []
    for line, row in rows:
        where = f"{what} {path}, line {line}"
        first = _day(row["first_day"], "first_day", where)
        last = _day(row["last_day"], "last_day", where) if row.get("last_day") else first
        if last < first:
            raise ConfigurationError(
                f"{where}: last_day {last} is before first_day {first}. Exchange them."
            )
        scope = whole_id(row.get("scope", ""))
        if scope == "" or scope == "*" or scope.casefold() == EVERYWHERE:
            scope = EVERYWHERE
        elif ids is not None and scope not in ids and not known_country(scope):
            raise ConfigurationError(
                f'{where}: {scope!r} is neither a centre nor a country code nor "all".'
                " Use a centre_id of the centres file, an ISO 3166 code, or all."
            )
        if not row["name"]:
            raise ConfigurationError(f"{where}: the event has no name. Give it one.")
        text = row.get("announced")
        announced = _day(text, "announced", where) if text else None
        events.append((first, last, scope, row["name"], announced))
    return events_frame(events)


def concerns(scope: str, centre: Centre) -> bool:
    """Whether an event of this scope happens at a centre. A centre's id wins over a country."""
    if scope in (EVERYWHERE, "*") or scope == centre.centre_id:
        return True
    return centre.country is not None and scope.upper() == centre.country
