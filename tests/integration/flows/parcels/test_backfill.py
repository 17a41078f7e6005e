"""The whole lineage on a real PostgreSQL: it fills, repeats, survives kill -9, never peeks."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from tests.integration.conftest import (
    FIRST,
    LAST,
    checksums,
    flow,
    killed_flow,
    make_settings,
    stopped_at_the_end,
    wait_for_rows,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]
COMMAND = ("backfill", "parcels", "--from", str(FIRST), "--to", str(LAST))


def count(platform: Platform, query: str) -> int:
    return int(platform.store("admin").read(query).to_numpy().item())


def test_every_day_of_every_centre_is_forecast_from_the_second_day_on(filled: Platform) -> None:
    days = (LAST - FIRST).days + 1
    rows = count(filled, "select count(*) from ml.forecasts")
    assert rows >= 3 * (days - 1) * 14
    assert rows % 14 == 0


def test_days_before_enough_history_are_forecast_by_the_fallback(filled: Platform) -> None:
    versions = filled.store("flow_dashboard").read(
        "select issued_on, model_version from published.predictions where horizon = 1"
    )
    early = versions[versions["issued_on"] < "2025-03-01"]["model_version"]
    late = versions[versions["issued_on"] >= "2025-03-01"]["model_version"]
    assert set(early) == {"fallback"}
    assert "fallback" not in set(late)


def test_one_dagster_run_covers_the_rectangle(filled: Platform) -> None:
    with_range = count_runs(filled)
    assert with_range == 1


def count_runs(platform: Platform) -> int:
    import psycopg

    with psycopg.connect(platform.server.dsn("flow_dagster", "dagster")) as connection:
        row = connection.execute(
            "select count(*) from runs where pipeline_name = 'parcels_daily'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_issue_times_are_the_close_of_the_day_in_utc_and_at_the_centre(filled: Platform) -> None:
    issued = filled.store("flow_dashboard").read(
        "select distinct centre_id, issued_at from published.predictions"
        " where issued_on = '2025-03-09'"
    )
    by_centre = {row.centre_id: str(row.issued_at) for row in issued.itertuples()}
    assert by_centre == {
        "07": "2025-03-10 00:00:00+00:00",
        "north": "2025-03-10 00:00:00+00:00",
        # Montreal's 9 March 2025 has 23 hours and is over at 04:00 UTC.
        "w": "2025-03-10 04:00:00+00:00",
    }


def test_training_and_its_champion_are_published(filled: Platform) -> None:
    models = filled.store("flow_dashboard").read("select * from published.models")
    assert models.groupby("month")["is_champion"].sum().tolist() == [1] * models["month"].nunique()
    assert (models["cutoff"].dt.date == models["month"].dt.date).all()


def test_backfilling_twice_leaves_the_same_rows(filled: Platform, settings: Settings) -> None:
    before = checksums(filled)
    again = flow(settings, *COMMAND)
    assert again.returncode == 0, again.stderr
    assert checksums(filled) == before


def test_forecasts_do_not_change_when_all_that_came_later_changes(
    filled: Platform, settings: Settings
) -> None:
    """The as-of rule, through the whole platform: counts, weather and later days are rewritten."""
    query = (
        "select * from ml.forecasts where day between '2025-03-01' and '2025-03-05'"
        " order by centre_id, day, horizon"
    )
    before = filled.store("admin").read(query)
    assert len(before) == 3 * 5 * 14
    with filled.store("admin").connect() as connection:
        connection.execute(
            "update merged.parcels set parcels = parcels * 7 + 1 where day > '2025-03-05'"
        )
        connection.execute(
            "update raw.weather set temperature_mean = -40, precipitation_mm = 300"
            " where available_at > '2025-03-06 05:00+00'"
        )
    try:
        from flow_platform.flows.parcels.flow import PARCELS
        from flow_platform.ground.rectangle import Rectangle
        from flow_platform.stages.predictions import predict

        predict(
            filled,
            PARCELS,
            Rectangle(filled.centre_ids, before["day"].min().date(), before["day"].max().date()),
        )
        after = filled.store("admin").read(query)
        assert after.equals(before)
    finally:
        restored = flow(settings, *COMMAND)
        assert restored.returncode == 0, restored.stderr


@pytest.fixture
def second_home(scratch: Path) -> Iterator[Settings]:
    yield from stopped_at_the_end(make_settings(scratch / "two"))


def test_a_backfill_killed_at_any_stage_ends_in_the_same_rows(
    filled: Platform, second_home: Settings
) -> None:
    """kill -9 of the command (and once of PostgreSQL), then the same command again."""
    platform = Platform(second_home)
    stages = {
        "raw.weather": "select count(*) from raw.weather",
        "merged.parcels": "select count(*) from merged.parcels",
        "ml.forecasts": "select count(*) from ml.forecasts",
    }
    for stage, query in stages.items():
        with killed_flow(second_home, *COMMAND) as process:
            wait_for_rows(second_home, query, process)
        if stage == "merged.parcels":
            pid = int(
                (embedded.data_directory(second_home.home_path) / "postmaster.pid")
                .read_text()
                .splitlines()[0]
            )
            os.kill(pid, signal.SIGKILL)
    done = flow(second_home, *COMMAND)
    assert done.returncode == 0, done.stderr
    assert checksums(platform) == checksums(filled)


def test_json_output_is_json(filled: Platform, settings: Settings) -> None:
    done = flow(settings, "centres", "list", "--json")
    assert [centre["centre_id"] for centre in json.loads(done.stdout)] == ["07", "north", "w"]


def test_a_wrong_flow_or_day_is_explained_without_a_trace(settings: Settings) -> None:
    for arguments, words in (
        (("backfill", "parcel", "--from", "2025-01-01", "--to", "2025-01-02"), "no flow 'parcel'"),
        (("backfill", "parcels", "--from", "2025-02-30", "--to", "2025-03-02"), "is no day"),
        (("backfill", "parcels", "--from", "1999-01-01", "--to", "1999-01-02"), "FLOW_FIRST_DAY"),
        (("forecast", "parcels", "--day", "2999-01-01"), "is not over yet"),
        (("train", "parcels", "--from", "2999-01"), "2999-01 has not begun"),
        (("train", "parcels", "--from", "2025-03", "--to", "2025-01"), "Swap them"),
        (("segment", "--from", "2999-01"), "2999-01 has not begun"),
        (("segment", "--from", "spring"), "is no day"),
    ):
        done = flow(settings, *arguments)
        assert done.returncode == 1
        assert words in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
