"""The job that removes rows whose retention period is over. `schedules.py` says when it runs.

It makes no asset: a row of `ops.privacy_audit` and the run's log record what it removed.
"""

import dagster as dg

from flow_platform.assets.common import PlatformParam
from flow_platform.automation.one_op import job_of
from flow_platform.privacy.retention import purge

PURGE_JOB = "purge"


def build_purge_job() -> dg.JobDefinition:
    """The job `purge`."""

    @dg.op(name="remove_what_has_run_out", out=dg.Out(dg.Nothing))
    def remove(context: dg.OpExecutionContext, platform: PlatformParam) -> None:
        purged = purge(platform, f"run {context.run_id}", announce=context.log.info)
        context.log.info("%s rows removed, %s of erased persons", purged.total, purged.swept)

    return job_of(
        remove,
        name=PURGE_JOB,
        description="Removes rows and exports whose retention period is over, and rows of erased"
        " persons that were stored again.",
    )
