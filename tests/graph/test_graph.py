"""The asset graph is as written here: keys, edges, groups, checks, partitions."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.assets.keys import table_key
from flow_platform.definitions import build_definitions
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.flows.retail.flow import RETAIL
from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.rectangle import Rectangle, contiguous
from flow_platform.partitions import rectangle_of, rectangle_tags
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.warehouse.store import WRITE_LOCKS
from tests.conftest import new_settings


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Platform:
    return Platform(new_settings(scratch / "graph"))


@pytest.fixture(scope="module")
def definitions(platform: Platform) -> dg.Definitions:
    return build_definitions(platform)


LINEAGE = {
    "raw/calendar_raw": {"staging/centres_staging"},
    "raw/weather_raw": set(),
    "raw/parcels_raw": set(),
    "staging/parcels_staging": {"raw/parcels_raw"},
    "staging/weather_staging": {"raw/weather_raw"},
    "staging/calendar_staging": {"raw/calendar_raw", "staging/centres_staging"},
    "merged/parcels_merged": {
        "raw/parcels_raw",
        "raw/weather_raw",
        "staging/parcels_staging",
        "staging/weather_staging",
        "staging/calendar_staging",
        "staging/centres_staging",
    },
    "ml/parcels_model": {
        "merged/parcels_merged",
        "staging/calendar_staging",
        "staging/weather_staging",
    },
    "ml/parcels_champion": {"ml/parcels_model"},
    "ml/parcels_forecast": {
        "merged/parcels_merged",
        "staging/calendar_staging",
        "staging/weather_staging",
        "ml/parcels_champion",
    },
    "monitoring/parcels_accuracy": {"merged/parcels_merged", "ml/parcels_forecast"},
    "monitoring/parcels_drift": {"merged/parcels_merged"},
    "raw/retail_raw": set(),
    "staging/retail_staging": {"raw/retail_raw"},
    "merged/retail_merged": {
        "raw/retail_raw",
        "staging/retail_staging",
        "staging/calendar_staging",
        "staging/centres_staging",
    },
    "ml/retail_model": {"merged/retail_merged", "staging/calendar_staging"},
    "ml/retail_champion": {"ml/retail_model"},
    "ml/retail_forecast": {
        "merged/retail_merged",
        "staging/calendar_staging",
        "ml/retail_champion",
    },
    "monitoring/retail_accuracy": {"merged/retail_merged", "ml/retail_forecast"},
    "monitoring/retail_drift": {"merged/retail_merged"},
    "raw/traffic_raw": {"live/traffic_live"},
    "staging/traffic_staging": {"raw/traffic_raw"},
    "merged/traffic_merged": {
        "raw/traffic_raw",
        "raw/weather_raw",
        "staging/traffic_staging",
        "staging/weather_staging",
        "staging/calendar_staging",
        "staging/centres_staging",
    },
    "ml/traffic_model": {
        "merged/traffic_merged",
        "staging/calendar_staging",
        "staging/weather_staging",
    },
    "ml/traffic_champion": {"ml/traffic_model"},
    "ml/traffic_forecast": {
        "merged/traffic_merged",
        "staging/calendar_staging",
        "staging/weather_staging",
        "ml/traffic_champion",
    },
    "monitoring/traffic_accuracy": {"merged/traffic_merged", "ml/traffic_forecast"},
    "monitoring/traffic_drift": {"merged/traffic_merged"},
    "raw/trip_zones_raw": set(),
    "raw/trips_raw": {"raw/trip_zones_raw"},
    "staging/trips_staging": {"raw/trips_raw"},
    "merged/trips_merged": {
        "raw/trips_raw",
        "raw/trip_zones_raw",
        "raw/weather_raw",
        "staging/trips_staging",
        "staging/weather_staging",
        "staging/calendar_staging",
        "staging/centres_staging",
    },
    "ml/trips_model": {"merged/trips_merged"},
    "ml/trips_champion": {"ml/trips_model"},
    "ml/trips_scores": {"merged/trips_merged", "ml/trips_champion"},
    "monitoring/trips_drift": {"merged/trips_merged"},
    "monitoring/trips_calibration": {"merged/trips_merged", "ml/trips_scores"},
    "monitoring/trips_accuracy": {"monitoring/trips_calibration"},
    "monitoring/trips_durations": {"merged/trips_merged"},
    "monitoring/trips_zone_pairs": {"merged/trips_merged", "ml/trips_scores"},
    "raw/deliveries_raw": {
        "live/orders_live",
        "live/payments_live",
        "live/tracking_live",
        "live/logs_live",
    },
    "staging/orders_staging": {"raw/deliveries_raw"},
    "staging/payments_staging": {"raw/deliveries_raw"},
    "staging/tracking_staging": {"raw/deliveries_raw"},
    "staging/incident_logs_staging": {"raw/deliveries_raw"},
    "merged/deliveries_merged": {
        "raw/deliveries_raw",
        "staging/orders_staging",
        "staging/payments_staging",
        "staging/tracking_staging",
    },
    "merged/deliveries_history_merged": {"raw/deliveries_raw", "staging/orders_staging"},
    "ml/deliveries_model": {
        "merged/deliveries_merged",
        "staging/calendar_staging",
        "staging/tracking_staging",
    },
    "ml/deliveries_champion": {"ml/deliveries_model"},
    "ml/deliveries_scores": {
        "merged/deliveries_merged",
        "staging/calendar_staging",
        "staging/tracking_staging",
        "ml/deliveries_champion",
    },
    "ml/deliveries_segments": {"merged/deliveries_merged", "merged/deliveries_history_merged"},
    "monitoring/deliveries_drift": {"merged/deliveries_merged"},
    "monitoring/deliveries_calibration": {"merged/deliveries_merged", "ml/deliveries_scores"},
    "monitoring/deliveries_accuracy": {"monitoring/deliveries_calibration"},
    "monitoring/deliveries_performance": {
        "merged/deliveries_merged",
        "ml/deliveries_scores",
        "ml/deliveries_segments",
    },
}


def test_the_asset_graph_has_exactly_these_assets_and_arrows(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }
    assert {name: found[name] for name in LINEAGE} == LINEAGE
    published = {name for name in found if name.startswith("published/")}
    assert {
        "published/predictions",
        "published/latest_predictions",
        "published/actuals",
    } <= published
    assert set(found) == set(LINEAGE) | published | {"staging/centres_staging"}


def test_each_box_of_the_graph_has_a_name_of_its_own(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    drawn = Counter(key.path[-1] for key in graph.get_all_asset_keys())
    assert {name: times for name, times in drawn.items() if times > 1} == {}


def test_the_view_of_streams_depends_on_every_live_source(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["published", "streams"])).parent_keys
    live = {key for key in graph.get_all_asset_keys() if key.path[0] == "live"}
    assert {key.path[-1] for key in live} >= {"traffic_live", "orders_live", "logs_live"}
    assert parents == live


def test_every_asset_has_a_group_a_description_an_owner_and_kinds(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name in ("shared", *(flow.name for flow in CATALOGUE), "published"), key
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key


def test_every_asset_shows_the_columns_of_its_table_with_types_and_descriptions(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        schema = graph.get(key).metadata["dagster/column_schema"]
        assert schema.columns, key
        for column in schema.columns:
            assert column.type not in ("", "?"), (key, column.name)
            assert column.description, (key, column.name)


def two_dimensional(graph: AssetGraph) -> list[tuple[AssetNode, set[str]]]:
    """The assets with two dimensions of partitions, and the names of these."""
    return [
        (node, set(node.partitions_def.partition_dimension_names))
        for node in map(graph.get, graph.materializable_asset_keys)
        if isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
    ]


def test_every_asset_by_centre_shows_the_names_of_its_centres(
    platform: Platform, definitions: dg.Definitions
) -> None:
    graph = definitions.resolve_asset_graph()
    by_centre = [node for node, dimensions in two_dimensional(graph) if "centre" in dimensions]
    assert {node.key.path[0] for node in by_centre} == {"raw", "merged", "ml", "monitoring"}
    for node in by_centre:
        assert isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
        keys = node.partitions_def.get_partitions_def_for_dimension("centre").get_partition_keys()
        shown = [record.data for record in node.metadata["centres"].value.records]
        assert {str(one["partition"]) for one in shown} == set(keys), node.key
        assert all(one["name"] for one in shown), node.key
    lille = {"partition": "1", "centre": "1", "name": platform.centres[0].name}
    merged = graph.get(table_key("merged.parcels")).metadata["centres"].value
    assert merged.records[0].data == lille


def test_partitioned_dbt_models_are_incremental_and_wait_for_their_other_writers(
    platform: Platform,
) -> None:
    nodes = platform.dbt.manifest(platform.centres_by_flow)["nodes"].values()
    partitioned = [
        node
        for node in nodes
        if node["resource_type"] == "model" and node["schema"] in ("merged", "monitoring")
    ]
    assert partitioned
    for node in partitioned:
        assert node["config"]["materialized"] == "incremental", node["name"]
        assert "in_window(" in node["raw_code"], node["name"]
        assert node["config"]["contract"]["enforced"], node["name"]
        hooks = [hook["sql"] for hook in node["config"]["pre-hook"]]
        assert any(f"pg_advisory_xact_lock({WRITE_LOCKS}," in hook for hook in hooks), node["name"]


def test_no_published_view_reads_another_view(platform: Platform) -> None:
    nodes = platform.dbt.manifest(platform.centres_by_flow)["nodes"]
    for node in nodes.values():
        if node["resource_type"] != "model" or node["schema"] != "published":
            continue
        for parent in node["depends_on"]["nodes"]:
            kind = nodes.get(parent, {}).get("config", {}).get("materialized")
            assert kind != "view", f"{node['name']} would be dropped when {parent} is replaced"


def test_assets_of_one_grain_share_partitions_and_one_run_a_rectangle(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    daily = [node for node, names in two_dimensional(graph) if names == {"centre", "day"}]
    assert all(node.backfill_policy == dg.BackfillPolicy.single_run() for node in daily)
    for flow, assets in (("parcels", 6), ("retail", 5), ("traffic", 5)):
        # Weather is shared, and has the centres of parcels.
        own = [node for node in daily if flow in node.key.to_user_string()]
        own += [node for node in daily if flow == "parcels" and node.key.path[-1] == "weather_raw"]
        assert len(own) == assets
        assert all(node.partitions_def == own[0].partitions_def for node in own)


def test_the_countries_of_the_source_are_the_partitions_of_retail(
    platform: Platform, definitions: dg.Definitions
) -> None:
    node = definitions.resolve_asset_graph().get(table_key("merged.retail"))
    assert isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
    centres = node.partitions_def.get_partitions_def_for_dimension("centre").get_partition_keys()
    assert tuple(centres) == platform.centre_ids_of(RETAIL)
    assert "United Kingdom" in centres


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("predict_colis_daily", "1", "5"), ("predict_retail_daily", "EIRE", "United Kingdom")],
)
def test_a_daily_schedule_asks_for_all_centres_of_yesterday_in_one_run(
    definitions: dg.Definitions, name: str, first: str, last: str
) -> None:
    schedule = definitions.resolve_schedule_def(name)
    assert (
        schedule.cron_schedule
        == {
            "predict_colis_daily": "30 5 * * *",
            "predict_retail_daily": "0 6 * * *",
        }[name]
    )
    assert schedule.execution_timezone == "Europe/Paris"
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime.fromisoformat("2025-03-30T05:30:00+02:00")
    )
    requests = schedule.evaluate_tick(tick).run_requests
    assert requests is not None
    assert len(requests) == 1
    tags = requests[0].tags
    assert tags[ASSET_PARTITION_RANGE_START_TAG] == f"{first}|2025-03-29"
    assert tags[ASSET_PARTITION_RANGE_END_TAG] == f"{last}|2025-03-29"


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("train_colis_monthly", "blend"),
        ("train_retail_monthly", "lstm"),
        ("train_traffic_monthly", "lightgbm"),
        ("train_trips_monthly", "gradient_boosting"),
    ],
)
def test_a_monthly_schedule_asks_for_every_candidate_of_the_month(
    definitions: dg.Definitions, name: str, last: str
) -> None:
    flow = next(
        flow for flow in CATALOGUE if name in {one.name for one in parts_of(flow).schedules}
    )
    first = flow.candidates[0]
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime.fromisoformat("2025-04-01T04:00:00+02:00")
    )
    requests = definitions.resolve_schedule_def(name).evaluate_tick(tick).run_requests
    assert requests is not None
    tags = requests[0].tags
    assert tags[ASSET_PARTITION_RANGE_START_TAG] == f"{first}|2025-04-01"
    assert tags[ASSET_PARTITION_RANGE_END_TAG] == f"{last}|2025-04-01"


@pytest.mark.parametrize("flow", [flow for flow in CATALOGUE if flow.is_tuned])
def test_a_flow_is_tuned_from_the_ui_by_people_and_by_no_schedule(
    definitions: dg.Definitions, flow: Flow
) -> None:
    job = definitions.resolve_job_def(f"tune_{flow.name}")
    assert job.description
    assert dg.validate_run_config(job, {"ops": {f"search_{flow.name}": {"config": {}}}})
    names = [one.name for flow in CATALOGUE for one in parts_of(flow).schedules]
    scheduled = {definitions.resolve_schedule_def(name).job_name for name in names}
    assert job.name not in scheduled


def test_a_rectangle_of_keys_comes_back_from_its_partition_keys() -> None:
    from datetime import date

    rectangle = Rectangle(("1", "2"), date(2025, 1, 1), date(2025, 1, 3))
    listed = [f"{c}|2025-01-0{d}" for c in rectangle.centres for d in (1, 2, 3)]
    assert rectangle_of(listed) == rectangle
    assert rectangle_tags(rectangle)[ASSET_PARTITION_RANGE_END_TAG] == "2|2025-01-03"
    with pytest.raises(ConfigurationError, match="no rectangle"):
        rectangle_of(listed[:-1])


def test_centres_that_stand_apart_are_cut_into_blocks() -> None:
    assert contiguous(["d", "a", "b"], ["a", "b", "c", "d"]) == [("a", "b"), ("d",)]
    with pytest.raises(ConfigurationError, match="Unknown centres: z"):
        contiguous(["z"], ["a"])


def test_dbt_arguments_confine_a_build_to_its_window() -> None:
    from datetime import date

    assert build_arguments(["b", "a"]) == [
        "build",
        "--select",
        "a",
        "b",
        "--exclude-resource-type",
        "unit_test",
    ]
    assert window_variables(Rectangle(("x",), date(2025, 1, 1), date(2025, 1, 2))) == {
        "centres": ["x"],
        "from_day": "2025-01-01",
        "to_day": "2025-01-02",
    }


def test_loading_orders_from_files_needs_no_stream() -> None:
    program = (
        "import sys, flow_platform.flows.deliveries.loading;"
        " print([name for name in sys.modules if name.startswith('flow_platform.streams')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("moment", "first"),
    [("2025-04-02T14:10:00+02:00", "2025-04-02"), ("2025-04-02T03:10:00+02:00", "2025-04-01")],
)
def test_the_hourly_schedule_asks_for_the_present_day_and_after_midnight_for_the_last(
    definitions: dg.Definitions, moment: str, first: str
) -> None:
    tick = dg.build_schedule_context(scheduled_execution_time=datetime.fromisoformat(moment))
    found = definitions.resolve_schedule_def("predict_traffic_hourly").evaluate_tick(tick)
    assert found.run_requests is not None and len(found.run_requests) == 1
    tags = found.run_requests[0].tags
    assert tags[ASSET_PARTITION_RANGE_START_TAG] == f"101|{first}"
    assert tags[ASSET_PARTITION_RANGE_END_TAG] == "112|2025-04-02"


def test_the_present_day_is_a_partition_of_hourly_flows_alone(definitions: dg.Definitions) -> None:
    today = datetime.now(UTC).date()
    for name, expected in (("traffic", today), ("parcels", today - timedelta(days=1))):
        node = definitions.resolve_asset_graph().get(table_key(f"merged.{name}"))
        assert isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
        days = node.partitions_def.get_partitions_def_for_dimension("day").get_partition_keys()
        assert days[-1] == str(expected)


def test_thousands_of_counters_share_partitions_by_area(scratch: Path) -> None:
    home = scratch / "areas"
    home.mkdir()
    rows = [f"{n},Arc {n},{48.80 + n % 60 / 600},{2.25 + n // 60 / 400}" for n in range(3000)]
    (home / "counters.csv").write_text("\n".join(["centre_id,name,latitude,longitude", *rows]))
    (home / "sources.toml").write_text('[traffic]\nkind = "mqtt"\ncounters = "counters.csv"\n')
    platform = Platform(new_settings(home / "home", sources=home / "sources.toml"))
    areas = platform.areas_of(TRAFFIC)
    assert 2 <= len(areas) <= 20
    rectangle = platform.rows_of(TRAFFIC, Rectangle(areas[:1], date(2025, 1, 1), date(2025, 1, 1)))
    assert 0 < len(rectangle.centres) < 3000
    every = platform.rows_of(TRAFFIC, Rectangle(areas, date(2025, 1, 1), date(2025, 1, 1)))
    assert sorted(every.centres) == sorted(platform.centre_ids_of(TRAFFIC))
    assert {one.place for one in platform.centres_of(TRAFFIC)} == {"1"}
    graph = build_definitions(platform).resolve_asset_graph()
    node = graph.get(dg.AssetKey(["ml", "traffic_forecast"]))
    assert isinstance(node.partitions_def, dg.MultiPartitionsDefinition)
    found = node.partitions_def.get_partitions_def_for_dimension("centre").get_partition_keys()
    assert list(found) == list(areas)


def test_live_counters_are_an_external_asset_with_checks_and_a_sensor(
    definitions: dg.Definitions, scratch: Path
) -> None:
    graph = definitions.resolve_asset_graph()
    live = table_key("live.traffic")
    assert live in graph.external_asset_keys
    names = {key.name for key in graph.get_check_keys_for_assets({live})}
    assert names == {"not_late", "few_in_quarantine"}
    touched = "merge_touched_deliveries"
    assert [sensor.name for sensor in definitions.sensors or []] == [touched]
    home = scratch / "live"
    home.mkdir()
    (home / "sources.toml").write_text('[traffic]\nkind = "mqtt"\n[deliveries]\nkind = "kafka"\n')
    platform = Platform(new_settings(home / "home", sources=home / "sources.toml"))
    sensors = build_definitions(platform).sensors or []
    every = ["watch_live_traffic", "watch_live_deliveries", touched]
    assert [sensor.name for sensor in sensors] == every


def test_history_of_deliveries_has_their_lateness_before_anything_was_scored(
    definitions: dg.Definitions,
) -> None:
    job = definitions.resolve_job_def("deliveries_history")
    made = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    merged = {"merged/deliveries_merged", "merged/deliveries_history_merged"}
    assert made == {"raw/deliveries_raw", *merged, "monitoring/deliveries_performance"}
    for name in ("deliveries_ingest", "deliveries_etl"):
        keys = definitions.resolve_job_def(name).asset_layer.selected_asset_keys
        assert dg.AssetKey(["monitoring", "deliveries_performance"]) not in keys


def test_the_purge_runs_every_night_in_a_job_of_its_own(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("purge_daily")
    assert (schedule.job_name, schedule.cron_schedule) == ("purge", "45 3 * * *")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime.fromisoformat("2025-04-01T03:45:00+02:00")
    )
    requests = schedule.evaluate_tick(tick).run_requests
    assert requests is not None and len(requests) == 1
    assert definitions.resolve_job_def("purge").description
