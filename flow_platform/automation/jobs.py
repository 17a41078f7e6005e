"""The jobs of each flow, and those of what flows share. What they compute is in `assets/`."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from flow_platform.assets.keys import (
    champion_key,
    drift_key,
    merged_keys,
    model_key,
    monitoring_key,
    predictions_key,
    raw_key,
    table_key,
)
from flow_platform.assets.raw import CALENDAR, WEATHER
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.parts import parts_of


def stage_keys(flow: Flow) -> list[dg.AssetKey]:
    """The assets of a flow that are partitioned by centre and day, in the order of the lineage."""
    return [
        *history_keys(flow),
        predictions_key(flow),
        *_monitoring_keys(flow, (*flow.monitoring, "accuracy")),
        drift_key(flow),
    ]


def history_keys(flow: Flow) -> list[dg.AssetKey]:
    """The stages that bring history in, without predictions."""
    weather = [WEATHER] if flow.has_weather else []
    return [*weather, raw_key(flow), *merged_keys(flow)]


def _monitoring_keys(flow: Flow, names: Iterable[str]) -> list[dg.AssetKey]:
    return [monitoring_key(flow, name) for name in names]


def build_jobs(flow: Flow) -> list[UnresolvedAssetJobDefinition]:
    """The jobs of a flow: everything of a day, its history alone, training, and their parts."""
    history, every = history_keys(flow), stage_keys(flow)
    return [
        _job(f"{flow.name}_daily", every, "Every stage of a rectangle of centres and days."),
        _job(
            f"{flow.name}_history",
            [*history, *_monitoring_keys(flow, flow.monitoring_of_history)],
            "Rows of the source and the merged table, without forecasts.",
        ),
        _job(
            f"{flow.name}_models",
            [model_key(flow)],
            "Vintages of every candidate for a range of months.",
        ),
        _job(
            f"{flow.name}_champions", [champion_key(flow)], "The champion of each month of a range."
        ),
        # The parts of the daily job that programs start one by one, through the API.
        _job(
            f"{flow.name}_ingest",
            [key for key in history if key not in merged_keys(flow)],
            "Rows of the source, and the weather, of a rectangle of centres and days.",
        ),
        _job(
            f"{flow.name}_etl", merged_keys(flow), "The merged table, of the rows that are there."
        ),
        _job(
            f"{flow.name}_predict",
            [key for key in every if key not in history],
            "Predictions, accuracy and drift, of the merged rows that are there.",
        ),
        *parts_of(flow).more.jobs(),
    ]


def shared_jobs() -> list[UnresolvedAssetJobDefinition]:
    """What has no partitions, and the weather alone."""
    static = [key for flow in CATALOGUE for key in parts_of(flow).more.static]
    staging = ["calendar", "weather", *(name for flow in CATALOGUE for name in flow.staging)]
    keys = [
        table_key("staging.centres"),
        CALENDAR,
        *(dg.AssetKey(key) for key in static),
        *(table_key(f"staging.{name}") for name in staging),
    ]
    return [
        dg.define_asset_job(
            "foundation",
            selection=dg.AssetSelection.assets(*keys) | dg.AssetSelection.groups("published"),
            description="Centres, zones, calendar, staging views and published views.",
        ),
        _job("weather", [WEATHER], "Weather vintages of a rectangle of centres and days."),
    ]


def _job(name: str, keys: list[dg.AssetKey], description: str) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name, selection=dg.AssetSelection.assets(*keys), description=description
    )
