"""The state of a stream: what is settled, what is in quarantine, how far behind it is.

Read by `flow ingest status` and by checks; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from flow_platform.warehouse.store import Store

# Rows of streams, not of files.
_STREAMED = "source_file ~ '^(mqtt:|kafka:|http)'"


@dataclass(frozen=True)
class StreamState:
    """The state of a flow's stream at `at`.

    `by_topic`: topic (of the portal its data set, of Kafka topic/partition), position, messages,
    stored, quarantined, repeated, erased, lost (offsets that the broker had deleted unread),
    incarnation, begun_again_at and begun_again_why (`ops.offsets` describes them), last_event_at,
    last_message_at (UTC, NaT where there was none), lag_seconds (NaN without an event), newest
    message first.
    `open_reasons`: number of open rows in quarantine by the code of their reason.
    `sessions`: broker, client_id, began_at, lost, lost_at, taken_over, taken_over_at of the flow's
    sessions at brokers of MQTT.
    """

    flow: str
    at: datetime
    by_topic: pd.DataFrame
    open_reasons: dict[str, int]
    quarantined_last_day: int
    sessions: pd.DataFrame

    def of_topic(self, topic: str) -> StreamState:
        """The same for one topic of Kafka. Quarantine is still that of the whole stream."""
        chosen = self.by_topic["topic"].str.startswith(f"{topic}/").astype(bool)
        return replace(self, by_topic=self.by_topic[chosen])

    @property
    def messages(self) -> int:
        return int(self.by_topic["messages"].sum())

    @property
    def stored(self) -> int:
        return int(self.by_topic["stored"].sum())

    @property
    def quarantined(self) -> int:
        return int(self.by_topic["quarantined"].sum())

    @property
    def repeated(self) -> int:
        return int(self.by_topic["repeated"].sum())

    @property
    def erased(self) -> int:
        return int(self.by_topic["erased"].sum())

    @property
    def lost(self) -> int:
        return int(self.by_topic["lost"].sum())

    @property
    def begun_again(self) -> pd.DataFrame:
        """The rows of `by_topic` that are read again from an earlier position, latest first."""
        again = self.by_topic[self.by_topic["begun_again_at"].notna()]
        return again.sort_values("begun_again_at", ascending=False, kind="stable")

    @property
    def sessions_lost(self) -> int:
        """How often a broker of MQTT lost the session, and the messages that it held."""
        return int(self.sessions["lost"].sum())

    @property
    def last_message_at(self) -> datetime | None:
        """When the newest message was settled."""
        return _newest(self.by_topic["last_message_at"])

    @property
    def last_event_at(self) -> datetime | None:
        """The newest moment that a message describes; for traffic, the end of an hour."""
        return _newest(self.by_topic["last_event_at"])

    @property
    def lag_seconds(self) -> float | None:
        """Seconds since `last_event_at`; None before the first."""
        newest = self.last_event_at
        return None if newest is None else (self.at - newest).total_seconds()

    def as_json(self) -> dict[str, Any]:
        return {
            "flow": self.flow,
            "messages": self.messages,
            "stored": self.stored,
            "quarantined": self.quarantined,
            "repeated": self.repeated,
            "erased": self.erased,
            "lost": self.lost,
            "last_message_at": self.last_message_at,
            "last_event_at": self.last_event_at,
            "lag_seconds": self.lag_seconds,
            "quarantined_last_day": self.quarantined_last_day,
            "open_quarantine": self.open_reasons,
            "sessions_lost": self.sessions_lost,
            "topics": _records(self.by_topic),
            "sessions": _records(self.sessions),
        }


def stream_state(store: Store, flow: str, now: datetime) -> StreamState:
    """The state of the stream of `flow` at `now` (aware)."""
    topics = store.read(
        "select partition as topic, position,"
        " rows_stored + rows_quarantined + rows_repeated + rows_erased as messages,"
        " rows_stored as stored, rows_quarantined as quarantined, rows_repeated as repeated,"
        " rows_erased as erased, offsets_lost as lost, incarnation, begun_again_at,"
        " begun_again_why, last_event_at, last_message_at"
        " from ops.offsets where flow = %(flow)s"
        " order by last_message_at desc, topic",
        {"flow": flow},
    )
    lag = pd.Timestamp(now) - topics["last_event_at"]
    topics["lag_seconds"] = lag.dt.total_seconds()
    streamed = {"flow": flow}
    reasons = store.read(
        "select split_part(reason, ':', 1) as code, count(*) as rows from ops.quarantine"
        " where flow = %(flow)s and state = 'open'"
        f" and {_STREAMED}"
        " group by 1 order by 2 desc, 1",
        streamed,
    )
    recent = store.read(
        "select count(*) as rows from ops.quarantine where flow = %(flow)s"
        f" and {_STREAMED}"
        " and quarantined_at > %(now)s::timestamptz - interval '24 hours'",
        streamed | {"now": now},
    )
    return StreamState(
        flow,
        now,
        topics,
        {str(code): int(rows) for code, rows in zip(reasons["code"], reasons["rows"], strict=True)},
        int(recent["rows"].iloc[0]),
        store.read(
            "select broker, client_id, began_at, lost, lost_at, taken_over, taken_over_at"
            " from ops.mqtt_sessions where flow = %(flow)s order by began_at desc",
            streamed,
        ),
    )


def _records(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def _newest(moments: pd.Series) -> datetime | None:
    newest = moments.max()
    return None if pd.isna(newest) else newest.to_pydatetime()
