"""Storing records again that were read again: what is stored by now leaves quarantine.

Records come from a replay (`kafka_replay.py`) or from quarantine itself. Positions of streams are
never moved here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flow_platform.ground.fates import ERASED, is_quarantined
from flow_platform.streams.destination import Destination, R
from flow_platform.streams.outcome import Outcome
from flow_platform.warehouse.quarantine import mark_rejects, put_rejects
from flow_platform.warehouse.store import Store


@dataclass
class RepairOutcome(Outcome):
    """Records that were read again by their fate; `repaired` rows of quarantine are stored now.

    `first` and `last` are the offsets of the range that was read, if it is a replay.
    """

    repaired: int = 0
    first: int | None = None
    last: int | None = None


def store_again(
    store: Store,
    destination: Destination[Any, R],
    records: Sequence[R],
    outcome: RepairOutcome,
    *,
    keep_rejects: bool,
) -> None:
    """Store records in one transaction, mark their open rows of quarantine, add to `outcome`.

    Rows of records that are stored become "repaired", those of erased persons "dropped". With
    `keep_rejects` rejected records are put into quarantine, without it they are there already.
    """
    if not records:
        return
    with store.connect() as connection:
        fates = destination.store(connection, records)
        pairs = list(zip(records, fates, strict=True))
        if keep_rejects:
            rejects = [destination.reject(one, fate) for one, fate in pairs if is_quarantined(fate)]
            put_rejects(connection, destination.flow, rejects)
        settled = [one for one, fate in pairs if not is_quarantined(fate) and fate != ERASED]
        # Rows of a person who was erased since then must not wait for repair.
        erased = [one for one, fate in pairs if fate == ERASED]
        outcome.repaired += mark_rejects(connection, destination.flow, _places(settled), "repaired")
        mark_rejects(connection, destination.flow, _places(erased), "dropped")
    for fate in fates:
        outcome.count(fate)


def _places(records: Sequence[R]) -> list[tuple[str, int]]:
    return [(one.source, one.source_position) for one in records]
