"""Two and three writers of one rectangle at once leave the rows of one of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.parcels.stage import load_parcels
from flow_platform.flows.trips.loading import load_zones
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.warehouse import embedded
from flow_platform.warehouse.store import lock_writes
from tests.conftest import new_settings

pytestmark = pytest.mark.integration
KEYS = Rectangle(("1", "2"), date(2025, 1, 1), date(2025, 1, 5))
ROUNDS = 10


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    chosen = Platform(new_settings(scratch / "writers"))
    prepare(chosen)
    load_calendar(chosen)
    yield chosen
    embedded.stop(chosen.settings.home_path)


def at_once(*writers: Callable[[], object]) -> None:
    """Run them at the same time, each in a thread of its own; raises what any of them raised."""
    barrier, errors = threading.Barrier(len(writers)), list[Exception]()

    def write(writer: Callable[[], object]) -> None:
        barrier.wait()
        try:
            writer()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors, errors


def rows(platform: Platform, query: str) -> int:
    return int(platform.store("admin").read(query)["n"].iloc[0])


@pytest.mark.parametrize("writers", [2, 3])
def test_counts_that_are_replaced_at_once_are_stored_once(platform: Platform, writers: int) -> None:
    store = platform.store("flow_ingest")
    days = pd.date_range(KEYS.first_day, KEYS.last_day)
    frame = pd.DataFrame(
        {
            "centre_id": [one for one in KEYS.centres for _ in days],
            "day": [*days, *days],
            "parcels": 10.0,
            "available_at": pd.Timestamp("2025-01-06", tz="UTC"),
            "source_file": "counts.csv",
            "source_line": range(2, 12),
        }
    )
    for _ in range(ROUNDS):
        at_once(*[lambda: store.replace("raw.parcels", frame, KEYS)] * writers)
        assert rows(platform, "select count(*) as n from raw.parcels") == len(frame)
        assert rows(platform, "select sum(parcels) as n from raw.parcels") == 10 * len(frame)


@pytest.mark.parametrize("writers", [2, 3])
def test_rectangles_that_overlap_are_stored_as_if_one_came_after_the_other(
    platform: Platform, writers: int
) -> None:
    parts = [
        Rectangle(("1", "2"), date(2025, 1, 1), date(2025, 1, 3)),
        Rectangle(("2",), date(2025, 1, 2), date(2025, 1, 5)),
        Rectangle(("1",), date(2025, 1, 3), date(2025, 1, 4)),
    ][:writers]
    for _ in range(ROUNDS):
        at_once(
            *[lambda rectangle=rectangle: load_parcels(platform, rectangle) for rectangle in parts]
        )
        repeated = (
            "select count(*) as n from (select centre_id, day from raw.parcels"
            " group by 1, 2 having count(*) > 1) as doubled"
        )
        assert rows(platform, repeated) == 0


@pytest.mark.parametrize("land", [load_calendar, load_zones])
def test_whole_tables_that_are_replaced_at_once_are_stored_once(
    platform: Platform, land: Callable[[Platform], int]
) -> None:
    for _ in range(2):
        # No error either: whoever comes second waits, and finds the rows it must replace.
        at_once(*[lambda: land(platform)] * 3)


def test_a_build_waits_for_who_writes_its_table(platform: Platform) -> None:
    load_parcels(platform, KEYS)
    waiting = "select count(*) as n from pg_locks where locktype = 'advisory' and not granted"
    build = threading.Thread(
        target=platform.dbt.run,
        args=(platform.server, build_arguments(["merged__parcels"]), window_variables(KEYS)),
    )
    with platform.store("flow_transform").connect() as connection:
        lock_writes(connection, "merged.parcels")
        build.start()
        for _ in range(600):
            if rows(platform, waiting):
                break
            time.sleep(0.1)
        assert rows(platform, waiting) == 1
        assert rows(platform, "select count(*) as n from merged.parcels") == 0
    build.join(timeout=60)
    assert rows(platform, "select count(*) as n from merged.parcels") == len(KEYS)
