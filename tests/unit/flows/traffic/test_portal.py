"""The portal against a server of our own that answers as the Explore API v2.1 is documented."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from flow_platform.flows.traffic.counters import Counter
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.portal import (
    CREDIT,
    LICENCE_URL,
    Page,
    fetch_readings,
    fetch_since,
)
from flow_platform.flows.traffic.readings import READING_COLUMNS
from flow_platform.ground.errors import SourceError
from tests.portal_server import Portal, hour, portal_server, record
from tests.unit.flows.traffic.samples import assert_balanced, hours

NOW = datetime(2026, 6, 1, 3, 30, tzinfo=UTC)


@pytest.fixture()
def portal() -> Iterator[Portal]:
    with portal_server() as state:
        yield state


def config(portal: Portal, **keys: Any) -> TrafficSource:
    usual = {"retries": 2, "back_off_seconds": 0.0, "timeout_seconds": 5.0}
    return TrafficSource(kind="http", **{"dataset_url": portal.url, **usual, **keys})


def since(portal: Portal, cursor: datetime | None = None, **keys: Any) -> list[Page]:
    pages = list(fetch_since(config(portal, **keys), cursor or hour(0), now=NOW))
    for page in pages:
        assert_balanced(page)
        assert page.rows["counted_at"].max() == pd.Timestamp(page.cursor)
    return pages


def readings(pages: list[Page]) -> list[tuple[str, str]]:
    return [
        (one["centre_id"], f"{one['counted_at']:%d %H}")
        for page in pages
        for one in page.rows.sort_values(["counted_at", "centre_id"]).to_dict("records")
    ]


def held(portal: Portal) -> list[tuple[str, str]]:
    """What the data set holds, in order of time and counter."""
    order = sorted((one["t_1h"], one["iu_ac"]) for one in portal.records)
    return [(counter, f"{datetime.fromisoformat(at):%d %H}") for at, counter in order]


# -- whole days ----------------------------------------------------------------------------------


def test_an_export_brings_the_utc_days_and_counters_that_were_asked(portal: Portal) -> None:
    portal.records = [record(counter, hour(at)) for counter in (376, 4264) for at in range(72)]
    landing = fetch_readings(config(portal), date(2026, 5, 2), date(2026, 5, 2), ["376"], now=NOW)
    assert tuple(landing.rows.columns) == READING_COLUMNS
    assert hours(landing) == [f"2026-05-02 {at:02d}" for at in range(24)]
    assert set(landing.rows["state"]) == {"open"}
    assert landing.counters == (Counter("376", "Rue_376", 48.85, 2.33, None),)
    assert len(portal.asked) == 1
    assert_balanced(landing)


def test_without_counters_all_come_and_each_month_is_an_export(portal: Portal) -> None:
    portal.records = [record(counter, hour(-12)) for counter in (1, 2)] + [record(3, hour(12))]
    landing = fetch_readings(config(portal), date(2026, 4, 30), date(2026, 5, 1), None, now=NOW)
    assert sorted(landing.rows["centre_id"]) == ["1", "2", "3"]
    assert [file.file[-9:] for file in landing.files] == ["[2026-04]", "[2026-05]"]
    assert_balanced(landing)


def test_too_many_counters_for_an_address_are_sorted_out_here(portal: Portal) -> None:
    portal.records = [record(counter, hour(1)) for counter in range(200)]
    asked = [str(counter) for counter in range(100)]
    landing = fetch_readings(config(portal), date(2026, 5, 1), date(2026, 5, 1), asked, now=NOW)
    assert (len(landing.rows), landing.files[0].rows_left) == (100, 100)
    assert "iu_ac" not in portal.asked[0][1]["where"]


def test_days_that_the_portal_does_not_have_are_empty_not_an_error(portal: Portal) -> None:
    for answer in (portal.answer, lambda *_: (200, b""), lambda *_: (200, b"\xef\xbb\xbf")):
        portal.answer = answer  # type: ignore[method-assign]
        landing = fetch_readings(config(portal), date(2026, 5, 1), date(2026, 5, 1), None, now=NOW)
        assert landing.rows.empty and tuple(landing.rows.columns) == READING_COLUMNS
        assert [file.rows_in_file for file in landing.files] == [0]


def test_a_reading_of_the_portal_that_cannot_be_stored_is_quarantined(portal: Portal) -> None:
    portal.records = [record(1, hour(1)), record(2, hour(1), -5.0), record("a|b", hour(1))]
    landing = fetch_readings(config(portal), date(2026, 5, 1), date(2026, 5, 1), None, now=NOW)
    codes = landing.rejected["reason"].str.split(":").str[0].tolist()
    assert codes == ["negative_count", "not_an_id"]
    assert_balanced(landing)


@pytest.mark.parametrize("fault", [429, 500, 503, "cut", "cut without a length"])
@pytest.mark.parametrize("service", ["exports", "records"])
def test_a_fault_that_passes_is_not_noticed(portal: Portal, fault: int | str, service: str) -> None:
    portal.records = [record(counter, hour(at)) for counter in (1, 2) for at in range(1, 10)]
    portal.faults = {0: fault}
    if service == "records":
        assert readings(since(portal)) == held(portal)
    else:
        day = date(2026, 5, 1)
        landing = fetch_readings(config(portal), day, day, None, now=NOW)
        assert (len(landing.rows), len(landing.rejected)) == (18, 0)
    assert len(portal.asked) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (429, "HTTP 429, too many requests. The portal is busy"),
        (500, "HTTP 500"),
        (404, "HTTP 404.*Correct dataset_url"),
        ("cut", "breaks off its answers"),
        ("cut without a length", "breaks off its answers"),
    ],
)
def test_a_fault_that_stays_is_an_error_that_says_what_to_do(
    portal: Portal, fault: int | str, message: str
) -> None:
    portal.records = [record(counter, hour(1)) for counter in range(9)]
    portal.faults = dict.fromkeys(range(10), fault)
    day = date(2026, 5, 1)
    with pytest.raises(SourceError, match=message):
        fetch_readings(config(portal), day, day, None, now=NOW)
    assert len(portal.asked) == (1 if fault == 404 else 3)
    with pytest.raises(SourceError, match=message):
        since(portal)


def test_a_portal_that_is_not_there_or_silent_is_an_error(portal: Portal) -> None:
    nowhere = config(portal, dataset_url="http://127.0.0.1:9/x", retries=0)
    with pytest.raises(SourceError, match="does not answer"):
        fetch_readings(nowhere, date(2026, 5, 1), date(2026, 5, 1), None, now=NOW)
    portal.before_answer = lambda _: time.sleep(0.5)
    with pytest.raises(SourceError, match="does not answer"):
        since(portal, retries=0, timeout_seconds=0.1)


@pytest.mark.parametrize("body", [b"<html>busy</html>\n", b"[]", b'{"results": [1]}', b"{}"])
def test_an_answer_of_another_kind_is_an_error(portal: Portal, body: bytes) -> None:
    portal.answer = lambda *_: (200, body)  # type: ignore[method-assign]
    with pytest.raises(SourceError):
        since(portal)
    with pytest.raises(SourceError):
        fetch_readings(config(portal), date(2026, 5, 1), date(2026, 5, 1), None, now=NOW)


# -- newer hours ---------------------------------------------------------------------------------


@pytest.mark.parametrize("counters", [1, 7, 99, 100, 101, 350])
def test_every_reading_after_the_cursor_comes_once_in_whole_hours(
    portal: Portal, counters: int
) -> None:
    portal.records = [record(one, hour(at)) for one in range(counters) for at in range(0, 6)]
    pages = since(portal, hour(0))
    expected = [one for one in held(portal) if one[1] != "01 00"]
    assert readings(pages) == expected
    assert [page.cursor for page in pages] == sorted({page.cursor for page in pages})
    assert pages[-1].cursor == hour(5)
    assert len(pages[0].counters) == counters


def test_a_run_that_stops_between_pages_goes_on_at_the_cursor(portal: Portal) -> None:
    portal.records = [record(one, hour(at)) for one in range(60) for at in range(1, 9)]
    done: list[Page] = []
    cursor = hour(0)
    for _ in range(20):
        page = next(fetch_since(config(portal), cursor, now=NOW), None)
        if page is None:
            break
        done.append(page)
        cursor = page.cursor
    assert readings(done) == held(portal)


def test_rows_that_appear_between_two_requests_shift_nothing(portal: Portal) -> None:
    portal.records = [record(one, hour(at)) for one in range(30) for at in range(1, 13)]
    before = held(portal)

    def grow(number: int) -> None:
        # Counters that publish late an hour already given, and hours that come meanwhile.
        if number > 0:
            portal.records.append(record(f"late{number}", hour(1)))
            portal.records.append(record(f"new{number}", hour(13)))

    portal.before_answer = grow
    found = readings(since(portal))
    assert len(found) == len(set(found))
    assert set(before) <= set(found)


def test_rows_that_go_between_two_requests_take_no_other_along(portal: Portal) -> None:
    portal.records = [record(one, hour(at)) for one in range(30) for at in range(1, 13)]

    def shrink(number: int) -> None:
        if number == 1:
            portal.records = [one for one in portal.records if one["iu_ac"] != "7"]

    portal.before_answer = shrink
    found = readings(since(portal))
    assert set(held(portal)) <= set(found)
    assert len(found) == len(set(found))


def test_two_readings_of_an_hour_both_come_and_a_poisoned_record_is_quarantined(
    portal: Portal,
) -> None:
    portal.records = [
        record(1, hour(1)),
        record(1, hour(1), 90.0),
        record(2, hour(1), -1.5),
        record(3, hour(1), None, k=None, etat_barre="Invalide"),
        record(4, hour(1), etat_barre="\ud800\0"),
    ]
    (page,) = since(portal)
    assert page.rows["vehicles"].isna().sum() == 1 and len(page.rows) == 3
    codes = page.rejected["reason"].str.split(":").str[0].tolist()
    assert codes == ["negative_count", "unknown_state"]
    for payload in page.rejected["payload"]:
        payload.encode()
        assert "\0" not in payload


def test_a_stamp_far_ahead_does_not_carry_the_cursor_along(portal: Portal) -> None:
    portal.records = [record(1, hour(1)), record(1, datetime(2099, 1, 1, tzinfo=UTC))]
    (page,) = since(portal)
    assert page.cursor == hour(1)
    assert since(portal, page.cursor) == []


def test_a_portal_that_ignores_the_question_is_an_error_not_an_endless_loop(
    portal: Portal,
) -> None:
    rows = [record(one, hour(1)) for one in range(100)]
    portal.answer = lambda *_: (200, json.dumps({"results": rows}).encode())  # type: ignore
    with pytest.raises(SourceError, match="other hours than those after"):
        list(fetch_since(config(portal), hour(5), now=NOW))


def test_readings_are_available_after_the_delay_of_the_portal(portal: Portal) -> None:
    portal.records = [record(1, hour(1))]
    (page,) = since(portal, delay_hours=24.0)
    assert (page.rows["available_at"] - page.rows["counted_at"]).tolist() == [pd.Timedelta("1D")]


def test_the_licence_can_be_shown() -> None:
    assert "ODbL" in CREDIT and LICENCE_URL.startswith("https://")
