"""Model vintages (candidate x month of the cut-off) and the champion of each measure and month."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from flow_platform.assets.common import ONE_RUN, PlatformParam
from flow_platform.flows import DELIVERIES, Flow, RecordFlow, SeriesFlow
from flow_platform.ground.errors import ModelError
from flow_platform.models.trainer import Trainer
from flow_platform.partitions import (
    CANDIDATE,
    MEASURE,
    MONTH,
    champion_partitions,
    model_partitions,
    same_month,
)
from flow_platform.platform import Platform
from flow_platform.stages.core import AnyEngine, engine_of
from flow_platform.stages.history import read_for_training, spec_of
from flow_platform.stages.training import Trained, name_champions, train_vintage

# A run of the model asset with this tag at "name" also decides the champions of its months.
CHAMPIONS_TAG = "flow/champions"


def model_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["ml", f"{flow.name}_model"])


def champion_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(["ml", f"{flow.name}_champion"])


def merged_key(flow: Flow) -> dg.AssetKey:
    return dg.AssetKey(flow.merged.split("."))


def merged_keys(flow: Flow) -> list[dg.AssetKey]:
    """The merged table of a flow, and those built beside it."""
    beside = flow.beside if isinstance(flow, RecordFlow) else ()
    return [merged_key(flow), *(dg.AssetKey(table.split(".")) for table in beside)]


def view_keys(flow: Flow) -> list[dg.AssetKey]:
    """The staging views that training and forecasts read beside the merged table."""
    if flow == DELIVERIES:
        # The holidays ahead, and where each order was when.
        return [dg.AssetKey(["staging", name]) for name in ("calendar", "tracking")]
    if not isinstance(flow, SeriesFlow):
        # A trip bears the calendar and the weather that were known when it began.
        return []
    with_weather = flow.has_weather or flow.is_hourly
    names = ("calendar", "weather") if with_weather else ("calendar",)
    return [dg.AssetKey(["staging", name]) for name in names]


def vintage_metadata(trained: Trained) -> dict[str, dg.MetadataValue]:
    """What a vintage's materialization shows: its version, figures and what it saw."""
    vintage = trained.vintage
    return {
        "model_version": dg.MetadataValue.text(vintage.model_version),
        "trained_now": dg.MetadataValue.bool(trained.is_new),
        "sha256": dg.MetadataValue.text(vintage.sha256),
        **{
            name: dg.MetadataValue.float(float(value))
            for name, value in vintage.metrics.items()
            if value == value
        },
    }


def log_vintages(
    context: dg.AssetExecutionContext, flow: Flow, measure: str, vintages: Sequence[Trained]
) -> None:
    """Tell Dagster of vintages that another asset's run trained: they are partitions of these."""
    new = [trained for trained in vintages if trained.is_new]
    for trained in new:
        context.log_event(
            dg.AssetMaterialization(
                model_key(flow),
                partition=dg.MultiPartitionKey(
                    {
                        "candidate": trained.vintage.candidate,
                        "month": trained.vintage.month.isoformat(),
                    }
                ),
                metadata=vintage_metadata(trained),
            )
        )
    for month in sorted({trained.vintage.month for trained in new}):
        context.log_event(
            dg.AssetMaterialization(
                champion_key(flow),
                partition=dg.MultiPartitionKey({"measure": measure, "month": month.isoformat()}),
            )
        )


def _without_absent(
    context: dg.AssetExecutionContext, engine: AnyEngine, wanted: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The (month, candidate) whose candidate can be trained here; the others are logged once."""
    for candidate in sorted({candidate for _, candidate in wanted}):
        if reason := engine.missing_requirement(candidate):
            context.log.warning("%s left out: %s", candidate, reason)
    return [key for key in wanted if engine.missing_requirement(key[1]) is None]


def build_model_assets(platform: Platform, flow: Flow) -> list[dg.AssetsDefinition]:
    """The model and champion assets of one flow."""
    first_day = platform.settings.first_day

    @dg.asset(
        key=model_key(flow),
        group_name=flow.name,
        kinds={"python", "lightgbm", "mlflow"},
        owners=[flow.owner],
        partitions_def=model_partitions(flow.candidates, first_day),
        backfill_policy=ONE_RUN,
        deps=[
            dg.AssetDep(merged_key(flow), partition_mapping=dg.AllPartitionMapping()),
            *view_keys(flow),
        ],
        description=f"{flow.title}: one registered vintage per candidate and month. It sees only"
        " what was available before the first of the month.",
    )
    def model(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        wanted = sorted(
            (key.keys_by_dimension[MONTH], key.keys_by_dimension[CANDIDATE])
            for key in map(_multi, context.partition_keys)
        )
        engine = engine_of(flow)
        if len(wanted) > 1:
            wanted = _without_absent(context, engine, wanted)
        trained: list[Trained] = []
        data: Any = None
        for measure in flow.measures:
            trainer, spec = Trainer(engine), spec_of(platform, flow, measure)
            months = [date.fromisoformat(month) for month, _ in (wanted[0], wanted[-1])]
            if isinstance(flow, SeriesFlow) or data is None:
                # The measures of a record flow are models of the same records.
                data = read_for_training(platform, flow, measure, *months)
            with platform.registry.training_lock(flow.name):
                for month, candidate in wanted:
                    try:
                        trained.append(
                            train_vintage(
                                platform,
                                flow,
                                measure,
                                candidate,
                                date.fromisoformat(month),
                                data,
                                spec,
                                trainer,
                            )
                        )
                    except ModelError as error:
                        if len(wanted) == 1:
                            raise
                        context.log.warning("%s %s left out: %s", candidate, month, error)
        if context.run.tags.get(CHAMPIONS_TAG) == "name":
            _crown(context, platform, flow, {date.fromisoformat(month) for month, _ in wanted})
        yield dg.MaterializeResult(
            metadata={
                "vintages": len(trained),
                **(vintage_metadata(trained[0]) if len(trained) == 1 else {}),
            }
        )

    @dg.asset(
        key=champion_key(flow),
        group_name=flow.name,
        kinds={"python"},
        owners=[flow.owner],
        partitions_def=champion_partitions(flow.measures, first_day),
        backfill_policy=ONE_RUN,
        deps=[dg.AssetDep(model_key(flow), partition_mapping=same_month())],
        description=f"{flow.title}: the reigning kind's vintage of the month, or the kind whose"
        " backtest on the same origins is better beyond noise. Later months follow from it.",
    )
    def champion(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> dg.MaterializeResult:
        wanted: dict[str, set[date]] = {}
        for key in map(_multi, context.partition_keys):
            month = date.fromisoformat(key.keys_by_dimension[MONTH])
            wanted.setdefault(key.keys_by_dimension[MEASURE], set()).add(month)
        named: dict[str, list[str]] = {}
        for measure, months in wanted.items():
            with platform.registry.training_lock(flow.name):
                champions = name_champions(platform, flow, measure, months)
            named[measure] = [v.model_version for v in champions if v.month in months]
            for month in sorted(months - {vintage.month for vintage in champions}):
                lacking = ModelError(
                    f"{flow.name} {measure} has no vintage of {month:%Y-%m}. Train the candidates"
                    f" first: flow train {flow.name} --from {month:%Y-%m} --to {month:%Y-%m}."
                )
                if len(context.partition_keys) == 1:
                    raise lacking
                context.log.warning("%s", lacking)
        return dg.MaterializeResult(metadata={"champions": dg.MetadataValue.json(named)})

    return [model, champion]


def _crown(
    context: dg.AssetExecutionContext, platform: Platform, flow: Flow, months: set[date]
) -> None:
    """Decide the champions of the months just trained, and tell Dagster: they are partitions of the
    champion asset. A measure that has no vintage of any of them raises ModelError."""
    for measure in flow.measures:
        with platform.registry.training_lock(flow.name):
            named = name_champions(platform, flow, measure, months)
        led = sorted(months & {vintage.month for vintage in named})
        if not led:
            raise ModelError(
                f"{flow.name} {measure} has no vintage of {min(months):%Y-%m} to"
                f" {max(months):%Y-%m}: the run's log says why each candidate was left out."
            )
        for month in led:
            context.log_event(
                dg.AssetMaterialization(
                    champion_key(flow),
                    partition=dg.MultiPartitionKey({MEASURE: measure, MONTH: month.isoformat()}),
                )
            )


def _multi(key: str) -> dg.MultiPartitionKey:
    assert isinstance(key, dg.MultiPartitionKey)
    return key
