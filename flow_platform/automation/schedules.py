"""The schedules that run alone: those of the flows, and the nightly purge.

When a flow's jobs run is in its parts; which partitions a tick asks for is decided here.
"""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from flow_platform.automation.privacy import PURGE_JOB
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.partitions import range_tags, rectangle_tags
from flow_platform.parts import Schedule, parts_of
from flow_platform.platform import Platform

TIMEZONE = "Europe/Paris"
# Of no flow, and no asset: its job is in `privacy.py`.
PURGE = Schedule(
    name="purge_daily",
    job=PURGE_JOB,
    cron="45 3 * * *",
    description="what has been kept long enough, all flows (docs/privacy.md)",
)


def build_schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    """The schedules of one installation; they start switched on."""
    own = [_schedule(platform, flow, one) for flow in CATALOGUE for one in parts_of(flow).schedules]
    return [*own, _purge_schedule()]


def _purge_schedule() -> dg.ScheduleDefinition:
    @dg.schedule(
        name=PURGE.name,
        job_name=PURGE.job,
        cron_schedule=PURGE.cron,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=PURGE.description,
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=f"{PURGE.name} {context.scheduled_execution_time:%Y-%m-%d}")

    return tick


def _schedule(platform: Platform, flow: Flow, schedule: Schedule) -> dg.ScheduleDefinition:
    requests = _daily if schedule.job == "daily" else _monthly

    @dg.schedule(
        name=schedule.name,
        job_name=f"{flow.name}_{schedule.job}",
        cron_schedule=schedule.cron,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=schedule.description,
    )
    def tick(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield requests(platform, flow, schedule, context)

    return tick


def _monthly(
    platform: Platform, flow: Flow, schedule: Schedule, context: dg.ScheduleEvaluationContext
) -> dg.RunRequest:
    """The month that begins: of the models every candidate, of another job its partition."""
    month = context.scheduled_execution_time.date().replace(day=1)
    run_key = f"{schedule.name} {month}"
    if schedule.job == "models":
        first, last = flow.candidates[0], flow.candidates[-1]
        return dg.RunRequest(
            run_key=run_key, tags=range_tags(f"{first}|{month}", f"{last}|{month}")
        )
    return dg.RunRequest(run_key=run_key, partition_key=str(month))


def _daily(
    platform: Platform, flow: Flow, schedule: Schedule, context: dg.ScheduleEvaluationContext
) -> dg.RunRequest | dg.SkipReason:
    """The days that are due at the moment of the tick, of every centre, in one run."""
    centres = platform.areas_of(flow)
    if not centres:
        return dg.SkipReason(f"The source of {flow.name} names no centre; see `flow doctor`.")
    moment = context.scheduled_execution_time
    first, last = flow.due_at(moment)
    first = min(max(first, platform.settings.first_day), last)
    tick = (
        f"{moment.astimezone(UTC):%Y-%m-%dT%H}" if last == moment.astimezone(UTC).date() else last
    )
    tags = rectangle_tags(Rectangle(centres, first, last))
    return dg.RunRequest(run_key=f"{schedule.name} {tick}", tags=tags)
