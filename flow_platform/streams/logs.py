"""Which log a position belongs to, and whether the broker still has that log.

Nothing is asked here: what the broker has is asked in `kafka_topics.py`, what is known of a log is
kept by `offsets.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# Why a partition is read from its beginning again.
RECREATED, TRUNCATED = "recreated", "truncated"


@dataclass(frozen=True, slots=True)
class LogMark:
    """How a log is recognised: by the broker's id of the topic, and by the last settled message.

    `offset`, `leader_epoch`, `stamped_at` (aware) and `checksum` are those of the message. Each is
    None where the broker does not give it, or where nothing is settled yet.
    """

    log_id: str | None = None
    offset: int | None = None
    leader_epoch: int | None = None
    stamped_at: datetime | None = None
    checksum: int | None = None


UNKNOWN = LogMark()


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition is settled, and in which log.

    `incarnation` counts how often the partition was begun, `log_number` how many logs of its name
    there were: a log that has lost its end is begun again, but it is the same log. `is_fresh`:
    nothing was settled since it was begun again.
    """

    offset: int
    incarnation: int = 1
    log_number: int = 1
    mark: LogMark = UNKNOWN
    is_fresh: bool = False

    @property
    def last_offset(self) -> int | None:
        """The offset of the last settled message; None where the position was set by hand."""
        last = self.mark.offset
        return last if last is not None and last == self.offset - 1 else None


@dataclass(frozen=True, slots=True)
class BrokerLog:
    """A partition as the broker has it now: from offset `oldest` to before `end`."""

    oldest: int
    end: int
    log_id: str | None = None
    leader_epoch: int | None = None


def why_begin_again(position: Position, now: BrokerLog, last: LogMark | None = None) -> str | None:
    """RECREATED or TRUNCATED where the broker's log is not the one that was settled, else None.

    `last` is the message before the position as the broker has it now, if it was read. The ids of
    topics decide; where one is unknown, leader epochs do: those of one topic never fall, and a log
    loses its end when another leader takes over, with a higher epoch.

    >>> why_begin_again(Position(9, mark=LogMark("a")), BrokerLog(0, 20, "b"))
    'recreated'
    >>> why_begin_again(Position(9, mark=LogMark("a")), BrokerLog(0, 5, "a"))
    'truncated'
    """
    mark = position.mark
    is_changed = now.end < position.offset or (
        last is not None
        and position.last_offset is not None
        and last.offset == position.last_offset
        and (last.stamped_at, last.checksum) != (mark.stamped_at, mark.checksum)
    )
    if mark.log_id is not None and now.log_id is not None:
        if mark.log_id != now.log_id:
            return RECREATED
        return TRUNCATED if is_changed else None
    epoch = now.leader_epoch if last is None else last.leader_epoch
    if mark.leader_epoch is None or epoch is None:
        return RECREATED if is_changed else None
    if epoch < mark.leader_epoch:
        return RECREATED
    if not is_changed:
        return None
    return TRUNCATED if epoch > mark.leader_epoch else RECREATED


def first_offset(why: str, now: BrokerLog) -> int:
    """Where a partition that is begun again is read from.

    Of a log that lost its end, all that was deleted by now had been settled. Of one that was
    created again nothing was: what was deleted before it was read is lost, and is counted so.
    """
    return now.oldest if why == TRUNCATED else 0
