"""The jobs by which people promote a vintage or roll back, from the UI and through the API.

They make no asset: what is decided is a row of `ml.promotions`. How it is decided is in
`stages/promotion.py`. A comparison that is lost is a success of the job, whose decision says so.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
from pydantic import Field

from flow_platform.assets.common import PlatformParam
from flow_platform.automation.one_op import job_of
from flow_platform.flows.kinds import Flow
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.periods import day_named
from flow_platform.registry.promotions import Decision
from flow_platform.stages.promotion import promote, roll_back


class _Asked(dg.Config):
    effective_day: str | None = Field(
        None, description="First issue day it counts for, such as 2026-11-30; without it today."
    )
    decided_by: str = Field(description="Who asks for it; kept with the decision.")

    def days(self) -> tuple[date, date]:
        """The first day it counts for, and today (UTC): a day whose forecasts are not over yet."""
        today = datetime.now(UTC).date()
        return day_named(self.effective_day) if self.effective_day else today, today


class Promotion(_Asked):
    """What the launchpad asks to promote a vintage."""

    version: str = Field(description="A vintage, as `flow models list` names it.")


class Rollback(_Asked):
    """What the launchpad asks to roll back."""

    measure: str | None = Field(None, description="One of the flow's; without it, all of them.")


def build_promotion_jobs(flow: Flow) -> list[dg.JobDefinition]:
    """The jobs `promote_<flow>` and `rollback_<flow>`."""

    @dg.op(
        name=f"compare_{flow.name}",
        description="Replays the vintage and the champion; it serves only if it wins.",
        out=dg.Out(dg.Nothing),
    )
    def compare(
        context: dg.OpExecutionContext, config: Promotion, platform: PlatformParam
    ) -> Iterator[dg.Output[None]]:
        vintage = platform.registry.find(config.version)
        if vintage.flow != flow.name:
            raise ConfigurationError(
                f"{config.version} is a vintage of {vintage.flow}, not of {flow.name}. Run the job"
                f" promote_{vintage.flow}."
            )
        decision = promote(platform, flow, vintage, *config.days(), config.decided_by)
        yield _output(context, [decision])

    @dg.op(
        name=f"take_back_{flow.name}",
        description="Lets the champion before the present one serve again.",
        out=dg.Out(dg.Nothing),
    )
    def take_back(
        context: dg.OpExecutionContext, config: Rollback, platform: PlatformParam
    ) -> Iterator[dg.Output[None]]:
        if config.measure is not None:
            flow.check_measure(config.measure)
        days = config.days()
        yield _output(
            context,
            [
                roll_back(platform, flow, measure, *days, config.decided_by)
                for measure in ((config.measure,) if config.measure else flow.measures)
            ],
        )

    promotion = job_of(
        compare,
        name=f"promote_{flow.name}",
        description=f"{flow.title}: compares a vintage with the champion on days new to both; it"
        " serves only if it wins. Nothing is trained.",
    )
    rollback = job_of(
        take_back,
        name=f"rollback_{flow.name}",
        description=f"{flow.title}: the champion before the present one serves again. Nothing is"
        " trained or compared.",
    )
    return [promotion, rollback]


def _output(context: dg.OpExecutionContext, decisions: list[Decision]) -> dg.Output[None]:
    """The decisions as metadata of the run, for readers without access to the database."""
    summary = [
        {
            "measure": one.serving.measure,
            "kind": one.kind,
            "promoted": one.promoted,
            "effective_day": str(one.effective_day),
            "champion_version": one.champion.model_version if one.champion else None,
            "challenger_version": one.challenger.model_version if one.challenger else None,
            "serving_version": one.serving.model_version,
            "reason": one.reason,
        }
        for one in decisions
    ]
    for decision in decisions:
        context.log.info("%s %s: %s", decision.kind, decision.serving.measure, decision.reason)
    return dg.Output(None, metadata={"decisions": dg.MetadataValue.json(summary)})
