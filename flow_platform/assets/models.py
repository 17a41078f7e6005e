"""Model vintages (candidate x month of the cut-off) and the champion of each measure and month."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from flow_platform.assets.common import ONE_RUN, PlatformParam, columns_metadata
from flow_platform.assets.keys import champion_key, merged_key, model_key, training_view_keys
from flow_platform.flows.kinds import Flow
from flow_platform.ground.errors import ModelError
from flow_platform.ground.tables import Column, Table
from flow_platform.models.engine import Engine
from flow_platform.models.trainer import Trainer
from flow_platform.partitions import (
    CANDIDATE,
    MEASURE,
    MONTH,
    champion_partitions,
    model_partitions,
    same_month,
)
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.stages.case import Case, cases_of
from flow_platform.stages.training import Trained, decide_champions, train_vintage

VINTAGES_TABLE = Table(
    "ml.vintages",
    (
        Column("flow", "text", "The flow."),
        Column("measure", "text", "What is predicted."),
        Column("candidate", "text", "Kind of model, such as lightgbm."),
        Column("month", "date", "First day of the month that it was trained for."),
        Column("cutoff", "timestamptz", "Nothing that became known later was used, UTC."),
        Column("model_version", "text", "Its name: candidate, month and the start of a hash."),
        Column("is_champion", "boolean", "Whether it is the champion of its month."),
        Column("sha256", "text", "Hash of its files: equal training gives an equal hash."),
        Column("artefact_path", "text", "Folder of its files, in FLOW_HOME."),
        Column("fingerprint", "text", "Hash of what it was trained on and of the settings."),
        Column("metrics", "jsonb", "Its errors in the backtest, by name."),
        Column("trained_rows", "bigint", "Rows that it was trained on."),
        Column("train_first", "date", "First day of these rows."),
        Column("train_last", "date", "Last day of these rows."),
        Column("trained_at", "timestamptz", "When it was trained, UTC."),
    ),
)
# A run of the model asset with this tag at "name" also decides the champions of its months.
CHAMPIONS_TAG = "flow/champions"


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
    """Log vintages that another asset's run trained: they are partitions of the model asset."""
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
    context: dg.AssetExecutionContext,
    engine: Engine[Any, Any, Any],
    wanted: list[tuple[str, str]],
) -> list[tuple[str, str]]:
    """The (month, candidate) whose candidate can be trained here; the others are logged once."""
    for candidate in sorted({candidate for _, candidate in wanted}):
        if reason := engine.missing_requirement(candidate):
            context.log.warning("%s left out: %s", candidate, reason)
    return [key for key in wanted if engine.missing_requirement(key[1]) is None]


def build_model_assets(platform: Platform, flow: Flow) -> list[dg.AssetsDefinition]:
    """The model and champion assets of one flow."""
    first_day = platform.settings.first_day
    return [_model_asset(flow, first_day), _champion_asset(flow, first_day)]


def _model_asset(flow: Flow, first_day: date) -> dg.AssetsDefinition:
    @dg.asset(
        key=model_key(flow),
        group_name=flow.name,
        kinds={"python", "lightgbm", "mlflow"},
        owners=[flow.owner],
        partitions_def=model_partitions(flow.candidates, first_day),
        backfill_policy=ONE_RUN,
        deps=[
            dg.AssetDep(merged_key(flow), partition_mapping=dg.AllPartitionMapping()),
            *training_view_keys(flow),
        ],
        metadata=columns_metadata(VINTAGES_TABLE),
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
        if len(wanted) > 1:
            wanted = _without_absent(context, parts_of(flow).models.engine, wanted)
        trained = _train(context, platform, flow, wanted)
        if context.run.tags.get(CHAMPIONS_TAG) == "name":
            _decide(context, platform, flow, {date.fromisoformat(month) for month, _ in wanted})
        yield dg.MaterializeResult(
            metadata={
                "vintages": len(trained),
                **(vintage_metadata(trained[0]) if len(trained) == 1 else {}),
            }
        )

    return model


def _train(
    context: dg.AssetExecutionContext,
    platform: Platform,
    flow: Flow,
    wanted: list[tuple[str, str]],
) -> list[Trained]:
    """Train the wanted (month, candidate), in order, of every measure.

    A vintage that cannot be trained is logged and left out; the only one wanted raises ModelError.
    """
    months = [date.fromisoformat(month) for month, _ in (wanted[0], wanted[-1])]
    trained: list[Trained] = []
    data: Any = None
    for case in cases_of(platform, flow):
        trainer = Trainer(case.engine)
        if data is None or not case.parts.models.shares_history:
            data = case.history(*months)
        with case.training_lock():
            for month, candidate in wanted:
                try:
                    cutoff = date.fromisoformat(month)
                    vintage = train_vintage(case, trainer, candidate, cutoff, data)
                    context.log.info(
                        "%s of %s: %s %s",
                        case.measure,
                        month,
                        "trained" if vintage.is_new else "unchanged:",
                        vintage.vintage.model_version,
                    )
                    trained.append(vintage)
                except ModelError as error:
                    if len(wanted) == 1:
                        raise
                    context.log.warning("%s %s left out: %s", candidate, month, error)
    return trained


def _champion_asset(flow: Flow, first_day: date) -> dg.AssetsDefinition:
    @dg.asset(
        key=champion_key(flow),
        group_name=flow.name,
        kinds={"python"},
        owners=[flow.owner],
        partitions_def=champion_partitions(flow.measures, first_day),
        backfill_policy=ONE_RUN,
        deps=[dg.AssetDep(model_key(flow), partition_mapping=same_month())],
        metadata=columns_metadata(VINTAGES_TABLE),
        description=f"{flow.title}: the month's vintage of the serving kind, or of another whose"
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
            case = Case(platform, flow, measure)
            with case.training_lock():
                champions = decide_champions(case, months)
            named[measure] = [v.model_version for v in champions if v.month in months]
            context.log.info("%s: champions %s", measure, ", ".join(named[measure]) or "none")
            for month in sorted(months - {vintage.month for vintage in champions}):
                lacking = ModelError(
                    f"{flow.name} {measure} has no vintage of {month:%Y-%m}. Train the candidates"
                    f" first: flow train {flow.name} --from {month:%Y-%m} --to {month:%Y-%m}."
                )
                if len(context.partition_keys) == 1:
                    raise lacking
                context.log.warning("%s", lacking)
        return dg.MaterializeResult(metadata={"champions": dg.MetadataValue.json(named)})

    return champion


def _decide(
    context: dg.AssetExecutionContext, platform: Platform, flow: Flow, months: set[date]
) -> None:
    """Decide the champions of the months just trained, and log them as partitions of their asset.

    Raises ModelError for a measure that has no vintage of any of them.
    """
    for case in cases_of(platform, flow):
        with case.training_lock():
            champions = decide_champions(case, months)
        led = sorted(months & {vintage.month for vintage in champions})
        if not led:
            raise ModelError(
                f"{flow.name} {case.measure} has no vintage of {min(months):%Y-%m} to"
                f" {max(months):%Y-%m}: the run's log says why each candidate was left out."
            )
        for month in led:
            key = dg.MultiPartitionKey({MEASURE: case.measure, MONTH: month.isoformat()})
            context.log_event(dg.AssetMaterialization(champion_key(flow), partition=key))


def _multi(key: str) -> dg.MultiPartitionKey:
    assert isinstance(key, dg.MultiPartitionKey)
    return key
