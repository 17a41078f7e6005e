"""Counters in the cells of a grid, each a partition, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flow_platform.assets.keys import table_key
from flow_platform.definitions import build_definitions
from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.orchestration import dagster_instance
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from tests.integration.conftest import flow
from tests.integration.flows.traffic.roads import QUICK, make_settings, read

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("quick"), pytest.mark.slow]

EXPORT = "Identifiant arc;Libelle;Date et heure de comptage;Débit horaire;Taux d'occupation"
EXPORT += ";Etat arc;geo_point_2d"


@pytest.fixture(scope="module")
def cells(scratch: Path) -> Iterator[Settings]:
    """30 counters of a portal export, in cells of a grid; no weather has landed."""
    chosen = make_settings(scratch / "t9", first_day=date(2025, 2, 3))
    first = datetime(2025, 2, 3, tzinfo=UTC)
    lines = [
        f"{400 + place};Road {place};{first + timedelta(hours=hour):%Y-%m-%dT%H:%M:%S+00:00};"
        f"{100 + 10 * place + hour % 24}.0;5.5;Ouvert;{48.81 + 0.004 * place:.4f},2.3324"
        for place in range(30)
        for hour in range(3 * 24)
    ]
    (chosen.home / "in").mkdir()
    (chosen.home / "in" / "export.csv").write_text(
        "\n".join([EXPORT, *lines, ""]), encoding="utf-8-sig"
    )
    yield chosen
    embedded.stop(chosen.home_path)


def test_a_partition_asked_alone_is_merged_without_weather(cells: Settings) -> None:
    platform = Platform(cells)
    cell = platform.areas_of(TRAFFIC)[0]
    assert cell == "48.80N 2.30E"
    with dagster_instance(platform) as instance:
        definitions = build_definitions(platform)
        for name in ("raw", "merged"):
            job = definitions.resolve_implicit_global_asset_job_def()
            done = job.execute_in_process(
                instance=instance,
                partition_key=f"{cell}|2025-02-04",
                asset_selection=[table_key(f"{name}.traffic")],
            )
            assert done.success
    rows = read(platform, "select * from merged.traffic")
    inside = {str(400 + place) for place in range(10)}
    assert set(rows["centre_id"]) == inside
    assert len(rows) == len(inside) * 24
    assert rows["vehicles"].notna().all()
    assert rows["temperature_mean"].isna().all()


def test_a_run_for_one_area_touches_only_its_counters(cells: Settings) -> None:
    platform = Platform(cells)
    areas = platform.areas_of(TRAFFIC)
    assert areas == ("48.80N 2.30E", "48.85N 2.30E", "48.90N 2.30E")
    days = ("--from", "2025-02-03", "--to", "2025-02-05")
    done = flow(cells, "backfill", "traffic", *days, program=QUICK)
    assert done.returncode == 0, done.stderr
    tables = ("raw.traffic", "merged.traffic", "ml.forecasts", "monitoring.traffic_accuracy")
    before = {table: stamps(platform, table) for table in tables}
    again = flow(cells, "backfill", "traffic", *days, "--centres", areas[1], program=QUICK)
    assert again.returncode == 0, again.stderr
    own = {one.centre_id for one in platform.centres_of(TRAFFIC) if one.area == areas[1]}
    assert len(own) == 13
    for table in tables:
        after = stamps(platform, table)
        assert len(after) == len(before[table]) == 30
        assert {centre for centre in after if after[centre] != before[table][centre]} == own


def stamps(platform: Platform, table: str) -> dict[str, int]:
    """The newest transaction that wrote a row of each counter."""
    rows = read(
        platform, f"select centre_id, max(xmin::text::bigint) as xmin from {table} group by 1"
    )
    return {row["centre_id"]: int(row["xmin"]) for row in rows.to_dict("records")}
