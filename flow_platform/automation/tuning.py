"""The job by which people tune a flow from the UI. No schedule runs it: docs/runbook.md says when.

It makes no asset: what it finds is a row of `ml.tunings`, which the next training reads.
"""

import dagster as dg
from pydantic import Field

from flow_platform.assets.common import PlatformParam
from flow_platform.automation.one_op import job_of
from flow_platform.flows.kinds import SeriesFlow
from flow_platform.forecasting.daily.tuning import Standing
from flow_platform.ground.periods import month_named
from flow_platform.stages.tuning import tune_month


class Search(dg.Config):
    """What the launchpad asks."""

    measure: str | None = Field(None, description="One of the flow's; without it, all of them.")
    month: str | None = Field(
        None, description="Such as 2026-11; without it the newest with vintages."
    )
    seconds: float = Field(120.0, description="Seconds of search for each measure.")


def build_tuning_job(flow: SeriesFlow) -> dg.JobDefinition:
    """The job `tune_<flow>`."""

    @dg.op(name=f"search_{flow.name}", description=f"Seeks LightGBM's parameters for {flow.name}.")
    def search(context: dg.OpExecutionContext, config: Search, platform: PlatformParam) -> None:
        month = month_named(config.month) if config.month else None
        for measure in (config.measure,) if config.measure else flow.measures:
            best = float("inf")

            def progress(standing: Standing, measure: str = measure) -> None:
                nonlocal best
                # A log line is a write to the database: only improvements are logged.
                if standing.loss < best:
                    best = standing.loss
                    context.log.info("%s: %s", measure, standing)

            tuning = tune_month(platform, flow, measure, month, config.seconds, progress)
            context.log.info("%s", tuning)

    return job_of(
        search,
        name=f"tune_{flow.name}",
        description=f"{flow.title}: seeks LightGBM's parameters for a month's vintages and later"
        " ones. Run again, it continues where it ended.",
    )
