"""What a portal has changed of the hours that were fetched from it: emptied, shorter, changed.

A decision on two sets of readings; asking the portal and the database is in `portal.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# So far before the cursor hours are compared. Older ones are left to `flow backfill traffic`.
LOOK_BACK = timedelta(days=2)
EMPTIED, SHORTER, CHANGED = "emptied", "shorter", "changed"


@dataclass(frozen=True)
class Change:
    """Why hours are read again, and after which hour (`at`) they are."""

    why: str
    at: datetime


def change_of(
    published: Mapping[str, datetime], stored: Mapping[str, datetime], cursor: datetime
) -> Change | None:
    """What has changed within LOOK_BACK before the cursor; both map ids of readings to hours.

    A reading that is corrected has another id. Hours before the first one that is stored were never
    asked for. None where nothing was changed, or nothing is stored to compare with.
    """
    if not stored:
        return None
    if not published:
        return Change(EMPTIED, cursor - LOOK_BACK)
    changes = []
    newest = max(published.values())
    if newest < max(stored.values()):
        changes.append(Change(SHORTER, newest))
    first = min(stored.values())
    others = [
        hour for event_id, hour in published.items() if event_id not in stored and hour >= first
    ]
    if others:
        changes.append(Change(CHANGED, min(others) - timedelta(hours=1)))
    return min(changes, key=lambda one: one.at, default=None)
