"""The live source of traffic as an external asset: its lag, last message and quarantine, checked.

Dagster never makes it: counters and the portal do. What is told of it is in `ingest/state.py`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from flow_platform.assets.common import PlatformParam
from flow_platform.flows import TRAFFIC
from flow_platform.ingest.state import StreamState, stream_state
from flow_platform.platform import Platform
from flow_platform.stages.landing import INGEST_ROLE

LIVE = dg.AssetKey(["live", "traffic"])
LIVE_KINDS = ("mqtt", "http")
# Hours are told some minutes after they end; two of them missing is no chance any more.
LATEST = timedelta(hours=2, minutes=15)
# One message in a hundred may be poison before somebody should look.
MOST_REJECTED = 0.01
_LAG, _REJECTED = "not_late", "few_in_quarantine"


def is_live(platform: Platform) -> bool:
    """Whether the readings come by themselves, and not from files or the simulator."""
    return platform.sources[TRAFFIC.name].kind in LIVE_KINDS


def build_live_assets(platform: Platform) -> list[dg.AssetSpec | dg.AssetChecksDefinition]:
    """The external asset and its checks, which anyone can run; `build_live_sensors` runs them."""
    kind = platform.sources[TRAFFIC.name].kind
    spec = dg.AssetSpec(
        LIVE,
        group_name=TRAFFIC.name,
        owners=[TRAFFIC.owner],
        kinds={kind},
        description=f"The road counters themselves ({kind}): messages over MQTT or the open-data"
        " portal, landed by `flow ingest`; nothing here where readings come from files.",
        metadata={"dagster/table_name": "ops.offsets"},
    )

    @dg.asset_check(
        asset=LIVE,
        name=_LAG,
        description=f"The newest hour that any counter told is not older than {LATEST}.",
    )
    def not_late(platform: PlatformParam) -> dg.AssetCheckResult:
        return _result(_judge_lag(platform, _state(platform)))

    @dg.asset_check(
        asset=LIVE,
        name=_REJECTED,
        description=f"At most {MOST_REJECTED:.0%} of the messages lie in quarantine.",
    )
    def few_in_quarantine(platform: PlatformParam) -> dg.AssetCheckResult:
        return _result(_judge_rejected(_state(platform)))

    return [spec, not_late, few_in_quarantine]


def build_live_sensors(platform: Platform) -> list[dg.SensorDefinition]:
    """What looks at the live source every five minutes; none where there is no live source."""
    if not is_live(platform):
        return []

    @dg.sensor(
        name="watch_live_traffic",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lag, last message and quarantine of the live counters, as an observation.",
        required_resource_keys={"platform"},
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.SensorResult | dg.SkipReason]:
        chosen: Platform = context.resources.platform
        state = _state(chosen)
        if not state.messages:
            yield dg.SkipReason("No message has come in yet: is `flow ingest` running?")
            return
        lag, rejected = _judge_lag(chosen, state), _judge_rejected(state)
        yield dg.SensorResult(
            asset_events=[
                dg.AssetObservation(LIVE, metadata=_told(state)),
                _evaluation(_LAG, lag),
                _evaluation(_REJECTED, rejected),
            ]
        )

    return [watch]


def _state(platform: Platform) -> StreamState:
    return stream_state(platform.store(INGEST_ROLE), TRAFFIC.name, datetime.now(UTC))


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
        told["newest_hour"] = dg.MetadataValue.timestamp(state.last_event_at)
    return told


def _judge_lag(platform: Platform, state: StreamState) -> tuple[bool, dict[str, dg.MetadataValue]]:
    if not is_live(platform):
        return True, {"told": dg.MetadataValue.text("Readings do not come live.")}
    lag = state.lag_seconds
    return lag is not None and lag <= LATEST.total_seconds(), _told(state)


def _judge_rejected(state: StreamState) -> tuple[bool, dict[str, dg.MetadataValue]]:
    reasons = dg.MetadataValue.json(dict(state.open_reasons))
    return state.quarantined <= MOST_REJECTED * state.messages, {**_told(state), "open": reasons}


def _result(judged: tuple[bool, dict[str, dg.MetadataValue]]) -> dg.AssetCheckResult:
    passed, told = judged
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=told)


def _evaluation(
    name: str, judged: tuple[bool, dict[str, dg.MetadataValue]]
) -> dg.AssetCheckEvaluation:
    passed, told = judged
    return dg.AssetCheckEvaluation(
        asset_key=LIVE,
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=told,
    )
