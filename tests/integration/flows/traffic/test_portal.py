"""Newer hours of the portal are stored once, whatever breaks between two pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flow_platform.flows.traffic.context import TrafficContext
from flow_platform.flows.traffic.counters import known_counters
from flow_platform.flows.traffic.live.portal import Fetched, fetch_newer
from flow_platform.flows.traffic.stage import load_traffic
from flow_platform.ground.errors import SourceError
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.streams.state import stream_state
from tests.conftest import new_settings
from tests.integration.conftest import migrated
from tests.portal_server import Portal, hour, portal_server, record

NOW = datetime(2026, 5, 2, 3, 30, tzinfo=UTC)


@pytest.fixture
def portal() -> Iterator[Portal]:
    with portal_server() as state:
        yield state


@pytest.fixture
def platform(scratch: Path, portal: Portal, tmp_path: Path) -> Platform:
    sources = tmp_path / "sources.toml"
    sources.write_text(
        f'[traffic]\nkind = "http"\ndataset_url = "{portal.url}"\nback_off_seconds = 0.01\n'
    )
    made = migrated(new_settings(scratch / "portal", sources=sources))
    with made.store("admin").connect() as connection:
        connection.execute("truncate raw.traffic, ops.offsets, ops.quarantine, ops.loads")
    made.kept(TrafficContext).cache.unlink(missing_ok=True)
    return made


def fetch(platform: Platform, now: datetime = NOW) -> Fetched:
    return fetch_newer(
        platform.store("flow_ingest"),
        platform.kept(TrafficContext).source,
        platform.kept(TrafficContext).cache,
        now,
    )


def stored(platform: Platform) -> list[Any]:
    rows = platform.store("flow_ingest").read(
        "select centre_id, counted_at, vehicles, event_id from raw.traffic order by 1, 2, 3"
    )
    return list(rows.itertuples(index=False, name=None))


def day_of_readings(counters: int = 30) -> list[dict[str, Any]]:
    return [record(n, hour(h), 10.0 * h + n) for h in range(24) for n in range(1, counters + 1)]


def test_newer_hours_are_stored_once_and_the_cursor_goes_on(
    platform: Platform, portal: Portal
) -> None:
    portal.records = day_of_readings()
    first = fetch(platform)
    assert (first.stored, first.repeated, first.newest) == (24 * 30, 0, hour(23))
    again = fetch(platform)
    assert (again.pages, again.stored) == (0, 0)
    portal.records += [record(1, hour(25), 7.0), record(2, hour(25), -1.0)]
    more = fetch(platform)
    assert (more.stored, more.quarantined) == (1, 1)
    assert len(stored(platform)) == 24 * 30 + 1
    state = stream_state(platform.store("flow_ingest"), "traffic", NOW)
    assert (state.stored, state.quarantined) == (24 * 30 + 1, 1)
    assert state.last_event_at == hour(25)
    assert list(state.open_reasons) == ["negative_count"]
    known = known_counters(
        platform.kept(TrafficContext).source, platform.kept(TrafficContext).cache
    )
    assert [one.centre_id for one in known][:3] == ["1", "2", "3"]


def test_what_was_stored_before_the_portal_broke_stays_and_the_rest_comes_later(
    platform: Platform, portal: Portal
) -> None:
    portal.records = day_of_readings()
    portal.faults = {number: 500 for number in range(3, 40)}
    with pytest.raises(SourceError):
        fetch(platform)
    some = len(stored(platform))
    assert 0 < some < 24 * 30 and some % 30 == 0
    portal.faults = {}
    fetch(platform)
    rows = stored(platform)
    assert len(rows) == 24 * 30 == len(set(rows))


def test_a_day_fetched_whole_and_by_the_hour_has_each_reading_once(
    platform: Platform, portal: Portal
) -> None:
    portal.records = day_of_readings(5)
    fetch(platform)
    by_hour = stored(platform)
    day = Rectangle(tuple("12345"), date(2026, 5, 1), date(2026, 5, 1))
    load_traffic(platform, day)
    assert stored(platform) == by_hour
    with platform.store("flow_ingest").connect() as connection:
        connection.execute("delete from ops.offsets")
    again = fetch(platform)
    assert (again.stored, again.repeated) == (0, 24 * 5)
    assert stored(platform) == by_hour


def test_a_corrected_reading_is_kept_in_addition_to_the_first(
    platform: Platform, portal: Portal
) -> None:
    portal.records = [record(1, hour(1), 100.0)]
    fetch(platform)
    portal.records = [record(1, hour(1), 90.0)]
    with platform.store("flow_ingest").connect() as connection:
        connection.execute("delete from ops.offsets")
    assert fetch(platform).stored == 1
    assert [row[2] for row in stored(platform)] == [90.0, 100.0]


# What the portal changes of hours that were fetched.


def cursor_of(platform: Platform) -> tuple[datetime, int, str | None]:
    rows = platform.store("flow_ingest").read(
        "select to_timestamp(position) as at, incarnation, begun_again_why from ops.offsets"
    )
    (row,) = rows.itertuples(index=False, name=None)
    return row[0].to_pydatetime(), int(row[1]), row[2]


def test_a_reading_that_was_published_after_others_of_its_hour_is_read(
    platform: Platform, portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.records = [one for one in day_of_readings(5) if one["t_1h"] != hour(7).isoformat()]
    portal.records = portal.records[:-2]
    first = fetch(platform)
    assert (first.stored, first.changed) == (23 * 5 - 2, None)
    portal.records = day_of_readings(5)
    again = fetch(platform)
    assert (again.stored, again.repeated) == (7, 23 * 5 - 2 - 7 * 5)
    assert (again.changed, again.read_again_from) == ("changed", hour(6))
    assert len(stored(platform)) == 24 * 5 and '"begun_again"' in capsys.readouterr().out
    assert fetch(platform).changed is None
    assert cursor_of(platform) == (hour(23), 2, "changed")


def test_a_corrected_reading_before_the_cursor_is_stored_and_no_other_twice(
    platform: Platform, portal: Portal
) -> None:
    portal.records = [*day_of_readings(5), record(9, hour(12), -1.0)]
    fetch(platform)
    portal.records[10 * 5 + 1] |= {"q": 777.0}
    again = fetch(platform)
    assert (again.stored, again.quarantined, again.read_again_from) == (1, 0, hour(9))
    values = [row[2] for row in stored(platform) if row[:2] == ("2", hour(10))]
    assert values == [102.0, 777.0]
    assert len(stored(platform)) == 24 * 5 + 1
    rows = platform.store("flow_ingest").read("select * from ops.quarantine")
    assert len(rows) == 1


def test_a_data_set_that_became_shorter_is_read_again_as_it_grows(
    platform: Platform, portal: Portal
) -> None:
    portal.records = day_of_readings(5)
    fetch(platform)
    portal.records = day_of_readings(5)[: 20 * 5]
    again = fetch(platform)
    assert (again.stored, again.changed, again.read_again_from) == (0, "shorter", hour(19))
    assert fetch(platform).changed is None
    # What is published again may differ from what it was.
    portal.records = [*portal.records, *(record(n, hour(21), 5.0) for n in range(1, 6))]
    more = fetch(platform)
    assert (more.stored, more.newest) == (5, hour(21))
    portal.records = day_of_readings(5)
    fetch(platform)
    assert len(stored(platform)) == 24 * 5 + 5


def test_a_data_set_that_was_emptied_and_filled_again_has_each_reading_once(
    platform: Platform, portal: Portal
) -> None:
    portal.records = day_of_readings(5)
    fetch(platform)
    before = stored(platform)
    portal.records = []
    assert fetch(platform).changed == "emptied"
    # It is begun again once, however often it is found empty.
    assert fetch(platform).changed is None
    assert cursor_of(platform)[1:] == (2, "emptied")
    portal.records = [*day_of_readings(5), record(1, hour(25), 3.0)]
    again = fetch(platform)
    assert (again.stored, again.repeated) == (1, 24 * 5)
    assert [row for row in stored(platform) if row in before] == before
    state = stream_state(platform.store("flow_ingest"), "traffic", NOW)
    assert list(state.begun_again["begun_again_why"]) == ["emptied"]


def test_a_portal_without_exports_still_gives_its_newer_hours(
    platform: Platform, portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.records = day_of_readings(5)
    fetch(platform)
    portal.records += [record(1, hour(25), 3.0)]
    tried = len(portal.asked)
    portal.faults = dict.fromkeys(range(tried, tried + 1), 403)
    assert fetch(platform).stored == 1
    assert '"portal_not_compared"' in capsys.readouterr().out
