"""Live sources as external assets: their lag, last message and quarantine, observed and checked.

Dagster never makes them: counters, the portal and the shop's topics do. What is told of them is in
`streams/state.py`; what asks for the partitions they touch in `automation/streams.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from flow_platform.assets.common import PlatformParam
from flow_platform.flows import DELIVERIES, TRAFFIC, Flow
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.delivery_events import TOPICS
from flow_platform.streams.state import StreamState, stream_state

# One message in a hundred may be poison before somebody should look.
MOST_REJECTED = 0.01
_LAG, _REJECTED = "not_late", "few_in_quarantine"


@dataclass(frozen=True)
class LiveSource:
    """A source that speaks by itself where the flow's `kind` is one of `kinds`.

    `topic` is its part of the flow's stream, None the whole. Silence longer than `latest` is told.
    """

    key: dg.AssetKey
    flow: Flow
    kinds: tuple[str, ...]
    topic: str | None
    latest: timedelta
    description: str

    def speaks(self, platform: Platform) -> bool:
        """Whether its rows come by themselves, and not from files or the simulator."""
        return platform.sources[self.flow.name].kind in self.kinds

    def part_of(self, whole: StreamState) -> StreamState:
        """What the state of the flow's stream says of this source."""
        return whole if self.topic is None else whole.of_topic(self.topic)


LIVE_TRAFFIC = LiveSource(
    key=dg.AssetKey(["live", TRAFFIC.name]),
    flow=TRAFFIC,
    kinds=("mqtt", "http"),
    topic=None,
    # Hours are told some minutes after they end; two of them missing is no chance any more.
    latest=timedelta(hours=2, minutes=15),
    description="The road counters themselves: messages over MQTT or the open-data portal",
)
LIVE_TOPICS = tuple(
    LiveSource(
        key=dg.AssetKey(["live", topic]),
        flow=DELIVERIES,
        kinds=("kafka",),
        topic=topic,
        # A small shop sells nothing at night; nobody sells nothing for half a day.
        latest=timedelta(hours=12),
        description=f"The shop's topic {topic}",
    )
    for topic in TOPICS
)
LIVE = (LIVE_TRAFFIC, *LIVE_TOPICS)


def _stream(platform: Platform, flow: str) -> StreamState:
    return stream_state(platform.store(INGEST_ROLE), flow, datetime.now(UTC))


def live_keys(flow: Flow) -> tuple[dg.AssetKey, ...]:
    """The external assets that a flow's raw rows come of."""
    return tuple(source.key for source in LIVE if source.flow == flow)


def build_live_assets(platform: Platform) -> list[dg.AssetSpec | dg.AssetChecksDefinition]:
    """The external assets and their checks, which anyone can run; the sensors run them too."""
    return [one for source in LIVE for one in _asset(platform, source)]


def _asset(platform: Platform, source: LiveSource) -> list[dg.AssetSpec | dg.AssetChecksDefinition]:
    spec = dg.AssetSpec(
        source.key,
        group_name=source.flow.name,
        owners=[source.flow.owner],
        kinds={platform.sources[source.flow.name].kind},
        description=f"{source.description}, landed by `flow ingest`; nothing here where rows come"
        " from files or the simulator.",
        metadata={"dagster/table_name": "ops.offsets"},
    )

    def state(platform: Platform) -> StreamState:
        return source.part_of(_stream(platform, source.flow.name))

    @dg.asset_check(
        asset=source.key,
        name=_LAG,
        description=f"The newest event that any message told is not older than {source.latest}.",
    )
    def not_late(platform: PlatformParam) -> dg.AssetCheckResult:
        return _result(_judge_lag(platform, source, state(platform)))

    @dg.asset_check(
        asset=source.key,
        name=_REJECTED,
        description=f"At most {MOST_REJECTED:.0%} of the messages lie in quarantine.",
    )
    def few_in_quarantine(platform: PlatformParam) -> dg.AssetCheckResult:
        return _result(_judge_rejected(state(platform)))

    return [spec, not_late, few_in_quarantine]


def build_live_sensors(platform: Platform) -> list[dg.SensorDefinition]:
    """What looks at the live sources every five minutes; none where there is no live source."""
    speaking = [source for source in LIVE if source.speaks(platform)]
    flows = dict.fromkeys(source.flow.name for source in speaking)
    return [_watch(name, [one for one in speaking if one.flow.name == name]) for name in flows]


def _watch(name: str, sources: list[LiveSource]) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"watch_live_{name}",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Lag, last message and quarantine of the live sources of {name}, as"
        " observations.",
        required_resource_keys={"platform"},
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.SensorResult | dg.SkipReason]:
        chosen: Platform = context.resources.platform
        whole = _stream(chosen, name)
        states = [(source, source.part_of(whole)) for source in sources]
        if not any(state.messages for _, state in states):
            yield dg.SkipReason("No message has come in yet: is `flow ingest` running?")
            return
        yield dg.SensorResult(
            asset_events=[
                event
                for source, state in states
                for event in (
                    dg.AssetObservation(source.key, metadata=_told(state)),
                    _evaluation(source.key, _LAG, _judge_lag(chosen, source, state)),
                    _evaluation(source.key, _REJECTED, _judge_rejected(state)),
                )
            ]
        )

    return watch


def _told(state: StreamState) -> dict[str, dg.MetadataValue]:
    told: dict[str, dg.MetadataValue] = {
        "messages": dg.MetadataValue.int(state.messages),
        "stored": dg.MetadataValue.int(state.stored),
        "quarantined": dg.MetadataValue.int(state.quarantined),
        "repeated": dg.MetadataValue.int(state.repeated),
        "quarantined_last_day": dg.MetadataValue.int(state.quarantined_last_day),
    }
    if state.lag_seconds is not None:
        told["lag_seconds"] = dg.MetadataValue.float(round(state.lag_seconds))
    if state.last_message_at is not None:
        told["last_message"] = dg.MetadataValue.timestamp(state.last_message_at)
    if state.last_event_at is not None:
        told["newest_event"] = dg.MetadataValue.timestamp(state.last_event_at)
    return told


def _judge_lag(
    platform: Platform, source: LiveSource, state: StreamState
) -> tuple[bool, dict[str, dg.MetadataValue]]:
    if not source.speaks(platform):
        return True, {"told": dg.MetadataValue.text("Rows do not come live.")}
    lag = state.lag_seconds
    return lag is not None and lag <= source.latest.total_seconds(), _told(state)


def _judge_rejected(state: StreamState) -> tuple[bool, dict[str, dg.MetadataValue]]:
    reasons = dg.MetadataValue.json(dict(state.open_reasons))
    return state.quarantined <= MOST_REJECTED * state.messages, {**_told(state), "open": reasons}


def _result(judged: tuple[bool, dict[str, dg.MetadataValue]]) -> dg.AssetCheckResult:
    passed, told = judged
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=told)


def _evaluation(
    key: dg.AssetKey, name: str, judged: tuple[bool, dict[str, dg.MetadataValue]]
) -> dg.AssetCheckEvaluation:
    passed, told = judged
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=told,
    )
