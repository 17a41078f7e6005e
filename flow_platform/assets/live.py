"""Live sources as external assets: their lag, last message and quarantine, observed and checked.

Dagster never makes them: counters, the portal and the shop's topics do. How far each is settled is
read in `streams/state.py`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from flow_platform.assets.common import PlatformParam
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.parts import LiveSource, parts_of
from flow_platform.platform import Platform
from flow_platform.streams.state import StreamState, stream_state

# One message in a hundred may be poison before somebody should look.
MOST_REJECTED = 0.01
_LAG, _REJECTED = "not_late", "few_in_quarantine"


def _stream(platform: Platform, flow: str) -> StreamState:
    return stream_state(platform.store(INGEST_ROLE), flow, datetime.now(UTC))


def _sends(platform: Platform, flow: Flow, source: LiveSource) -> bool:
    """Whether its rows arrive by themselves, and not from files or the simulator."""
    return platform.sources[flow.name].kind in source.kinds


def _part_of(whole: StreamState, source: LiveSource) -> StreamState:
    """What the state of the flow's stream has of this source."""
    return whole if source.topic is None else whole.of_topic(source.topic)


def build_live_assets(platform: Platform) -> list[dg.AssetSpec | dg.AssetChecksDefinition]:
    """The external assets and their checks, which anyone can run; the sensors run them too."""
    return [
        one
        for flow in CATALOGUE
        for source in parts_of(flow).live
        for one in _asset(platform, flow, source)
    ]


def _asset(
    platform: Platform, flow: Flow, source: LiveSource
) -> list[dg.AssetSpec | dg.AssetChecksDefinition]:
    key = dg.AssetKey(source.key)
    spec = dg.AssetSpec(
        key,
        group_name=flow.name,
        owners=[flow.owner],
        kinds={platform.sources[flow.name].kind},
        description=f"{source.description}, stored by `flow ingest`. Empty where rows are read"
        " from files or the simulator.",
        metadata={"dagster/table_name": "ops.offsets"},
    )

    def state(platform: Platform) -> StreamState:
        return _part_of(_stream(platform, flow.name), source)

    @dg.asset_check(
        asset=key,
        name=_LAG,
        description=f"The newest event of any message is not older than {source.latest}.",
    )
    def not_late(platform: PlatformParam) -> dg.AssetCheckResult:
        return _result(_judge_lag(platform, flow, source, state(platform)))

    @dg.asset_check(
        asset=key,
        name=_REJECTED,
        description=f"At most {MOST_REJECTED:.0%} of the messages lie in quarantine.",
    )
    def few_in_quarantine(platform: PlatformParam) -> dg.AssetCheckResult:
        return _result(_judge_rejected(state(platform)))

    return [spec, not_late, few_in_quarantine]


def build_live_sensors(platform: Platform) -> list[dg.SensorDefinition]:
    """What looks at the live sources every five minutes; none where there is no live source."""
    sending = {
        flow: [one for one in parts_of(flow).live if _sends(platform, flow, one)]
        for flow in CATALOGUE
    }
    return [_watch(flow, sources) for flow, sources in sending.items() if sources]


def _watch(flow: Flow, sources: list[LiveSource]) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"watch_live_{flow.name}",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Lag, last message and quarantine of the live sources of {flow.name}, as"
        " observations.",
        required_resource_keys={"platform"},
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.SensorResult | dg.SkipReason]:
        chosen: Platform = context.resources.platform
        whole = _stream(chosen, flow.name)
        states = [(source, _part_of(whole, source)) for source in sources]
        if not any(state.messages for _, state in states):
            yield dg.SkipReason("No message has come in yet: is `flow ingest` running?")
            return
        yield dg.SensorResult(
            asset_events=[
                event
                for source, state in states
                for event in (
                    dg.AssetObservation(dg.AssetKey(source.key), metadata=_metadata(state)),
                    _evaluation(source, _LAG, _judge_lag(chosen, flow, source, state)),
                    _evaluation(source, _REJECTED, _judge_rejected(state)),
                )
            ]
        )

    return watch


def _metadata(state: StreamState) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "messages": dg.MetadataValue.int(state.messages),
        "stored": dg.MetadataValue.int(state.stored),
        "quarantined": dg.MetadataValue.int(state.quarantined),
        "repeated": dg.MetadataValue.int(state.repeated),
        "quarantined_last_day": dg.MetadataValue.int(state.quarantined_last_day),
        "begun_again": dg.MetadataValue.int(int((state.by_topic["incarnation"] - 1).sum())),
        "sessions_lost": dg.MetadataValue.int(state.sessions_lost),
    }
    if state.lag_seconds is not None:
        metadata["lag_seconds"] = dg.MetadataValue.float(round(state.lag_seconds))
    if state.last_message_at is not None:
        metadata["last_message"] = dg.MetadataValue.timestamp(state.last_message_at)
    if state.last_event_at is not None:
        metadata["newest_event"] = dg.MetadataValue.timestamp(state.last_event_at)
    return metadata


def _judge_lag(
    platform: Platform, flow: Flow, source: LiveSource, state: StreamState
) -> tuple[bool, dict[str, dg.MetadataValue]]:
    if not _sends(platform, flow, source):
        return True, {"live": dg.MetadataValue.text("Rows are not live.")}
    lag = state.lag_seconds
    return lag is not None and lag <= source.latest.total_seconds(), _metadata(state)


def _judge_rejected(state: StreamState) -> tuple[bool, dict[str, dg.MetadataValue]]:
    reasons = dg.MetadataValue.json(dict(state.open_reasons))
    return state.quarantined <= MOST_REJECTED * state.messages, {
        **_metadata(state),
        "open": reasons,
    }


def _result(judged: tuple[bool, dict[str, dg.MetadataValue]]) -> dg.AssetCheckResult:
    passed, metadata = judged
    return dg.AssetCheckResult(
        passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata
    )


def _evaluation(
    source: LiveSource, name: str, judged: tuple[bool, dict[str, dg.MetadataValue]]
) -> dg.AssetCheckEvaluation:
    passed, metadata = judged
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(source.key),
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )
