"""Whether a broker still has the log that was settled, from any facts that it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_platform.streams.logs import (
    RECREATED,
    TRUNCATED,
    BrokerLog,
    LogMark,
    Position,
    first_offset,
    why_begin_again,
)

AT = datetime(2026, 5, 1, tzinfo=UTC)
MARK = LogMark("a", 9, 3, AT, 77)


@pytest.mark.parametrize(
    ("mark", "now", "last", "expected"),
    [
        # The ids of topics decide.
        (MARK, BrokerLog(0, 10, "a", 3), MARK, None),
        (MARK, BrokerLog(0, 40, "b", 3), MARK, RECREATED),
        (MARK, BrokerLog(0, 10, "b", 9), None, RECREATED),
        (MARK, BrokerLog(0, 4, "a", 3), None, TRUNCATED),
        (MARK, BrokerLog(0, 40, "a", 4), replace(MARK, checksum=1), TRUNCATED),
        (MARK, BrokerLog(0, 40, "a", 4), replace(MARK, stamped_at=None), TRUNCATED),
        # Without them, epochs and the last settled message.
        (MARK, BrokerLog(0, 4), None, RECREATED),
        (MARK, BrokerLog(0, 4, None, 3), None, RECREATED),
        (MARK, BrokerLog(0, 4, None, 5), None, TRUNCATED),
        (MARK, BrokerLog(0, 40, None, 0), None, RECREATED),
        (MARK, BrokerLog(0, 40), replace(MARK, log_id=None), None),
        (MARK, BrokerLog(0, 40), replace(MARK, checksum=1), RECREATED),
        (MARK, BrokerLog(0, 40), replace(MARK, checksum=1, leader_epoch=4), TRUNCATED),
        (MARK, BrokerLog(0, 40), replace(MARK, leader_epoch=0), RECREATED),
        # Compaction has removed it: nothing is known.
        (MARK, BrokerLog(0, 40, None, 4), replace(MARK, offset=12, checksum=1), None),
        # Positions of before logs were known, and those that were set by hand.
        (LogMark(), BrokerLog(0, 40, "a", 0), None, None),
        (LogMark(), BrokerLog(0, 4, "a", 0), None, RECREATED),
        (replace(MARK, offset=30), BrokerLog(0, 40, "a", 3), replace(MARK, checksum=1), None),
    ],
)
def test_what_became_of_a_log_is_decided_by_what_is_known_of_it(
    mark: LogMark, now: BrokerLog, last: LogMark | None, expected: str | None
) -> None:
    assert why_begin_again(Position(10, mark=mark), now, last) == expected


def test_of_a_log_that_lost_its_end_nothing_unread_was_deleted() -> None:
    assert first_offset(TRUNCATED, BrokerLog(7, 9)) == 7
    assert first_offset(RECREATED, BrokerLog(7, 9)) == 0


@dataclass
class Topic:
    """A topic at a broker: messages by number, each with the epoch that it was written in."""

    log_id: str
    epoch: int
    messages: list[tuple[int, int]]
    oldest: int = 0

    def mark(self, offset: int) -> LogMark:
        number, epoch = self.messages[offset]
        return LogMark(self.log_id, offset, epoch, AT + timedelta(seconds=number), number % 65_536)


@given(st.data())
def test_whatever_becomes_of_a_topic_each_message_is_read_and_never_as_another(
    data: st.DataObject,
) -> None:
    """A broker that writes, loses its end, and creates the topic again; a consumer that now and
    then settles all there is. What it has never read is nothing of what the broker has.
    """
    numbers, ids = count(), count()
    topic, position, read = Topic(f"id {next(ids)}", 0, []), None, set[int]()

    def write(some: int) -> None:
        topic.messages += [(next(numbers), topic.epoch) for _ in range(some)]

    write(data.draw(st.integers(1, 5)))
    for step in data.draw(st.lists(st.sampled_from(["write", "lose", "recreate", "settle"]))):
        some = data.draw(st.integers(0, 6))
        if step == "write":
            write(some)
        elif step == "lose":
            # Another leader has less; it goes on in the next epoch.
            del topic.messages[max(0, len(topic.messages) - some) :]
            topic.epoch += 1
        elif step == "recreate":
            topic = Topic(f"id {next(ids)}", 0, [])
            write(some)
        else:
            position = _settled(topic, position, read)
    position = _settled(topic, position, read)
    assert {number for number, _ in topic.messages} <= read
    assert position is None or position.offset == len(topic.messages)


def _settled(topic: Topic, position: Position | None, read: set[int]) -> Position | None:
    end = len(topic.messages)
    if position is not None:
        now = BrokerLog(0, end, topic.log_id, topic.epoch)
        witness = position.last_offset
        last = topic.mark(witness) if witness is not None and witness < end else None
        why = why_begin_again(position, now, last)
        if why is not None:
            position = Position(first_offset(why, now), position.incarnation + 1)
            position = replace(position, mark=LogMark(topic.log_id))
    start = 0 if position is None else position.offset
    read |= {number for number, _ in topic.messages[start:]}
    if end == start:
        return position
    incarnation = 1 if position is None else position.incarnation
    return Position(end, incarnation, mark=topic.mark(end - 1))
