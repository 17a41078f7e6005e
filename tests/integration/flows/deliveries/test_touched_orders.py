"""What streams touched is merged by few runs, and forgotten only when these have succeeded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.live.event_rows import write_events
from flow_platform.flows.deliveries.sensors import (
    REQUEST_TAG,
    RUN_TAG,
    RUNS_TAG,
    touched_sensors,
)
from flow_platform.flows.deliveries.touched import claim, open_requests, release, settle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from tests.conftest import new_settings
from tests.integration.conftest import migrated
from tests.order_events import received_event

DAY = date.fromisoformat("2026-03-02")


@pytest.fixture(scope="module")
def home(scratch: Path) -> Platform:
    return migrated(new_settings(scratch / "touched"))


@pytest.fixture
def platform(home: Platform) -> Platform:
    with home.store(INGEST_ROLE).connect() as connection:
        connection.execute("delete from ops.touched")
        connection.execute("delete from raw.orders")
        connection.execute("delete from raw.tracking")
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def store_event(platform: Platform, topic: str, **body: object) -> None:
    at = datetime.fromisoformat(str(body["occurred_at"]))
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    now = datetime(2026, 6, 1, tzinfo=UTC)
    received = received_event(topic, {"schema": 1, **body}, pseudonyms, at=at, now=now)
    with platform.store(INGEST_ROLE).connect() as connection:
        fates = write_events(connection, [received], pseudonyms).fates
    assert fates == ["stored"]


def place(platform: Platform, order_id: str, region: str, day: date) -> None:
    store_event(
        platform,
        "orders",
        event_id=f"{order_id} placed",
        type="placed",
        order_id=order_id,
        occurred_at=f"{day}T10:00:00+00:00",
        customer={"id": f"customer of {order_id}"},
        region=region,
        promised_at=f"{day + timedelta(days=9)}T00:00:00+00:00",
        items=[{"price": 20.0}],
    )


def track(platform: Platform, order_id: str, kind: str, day: date) -> None:
    store_event(
        platform,
        "tracking",
        event_id=f"{order_id} {kind}",
        type=kind,
        order_id=order_id,
        occurred_at=f"{day}T12:00:00+00:00",
    )


def tick(
    platform: Platform, instance: dg.DagsterInstance
) -> tuple[list[dg.RunRequest], str | None]:
    (sensor,) = touched_sensors()
    context = dg.build_sensor_context(instance=instance, resources={"platform": platform})
    found = sensor.evaluate_tick(context)
    return list(found.run_requests or []), found.skip_message


def end(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    """The run of a request, which ended as `status`; one that was not started has no event."""
    run = instance.create_run_for_job(dg.job(name="any")(lambda: None), tags=dict(request.tags))
    if status == dg.DagsterRunStatus.NOT_STARTED:
        return
    events = {
        dg.DagsterRunStatus.SUCCESS: "PIPELINE_SUCCESS",
        dg.DagsterRunStatus.FAILURE: "PIPELINE_FAILURE",
    }
    event = dg.DagsterEvent(event_type_value=events[status], job_name="any")
    instance.handle_run_event(run.run_id, event, datetime.now(UTC))


def keys_of_request(request: dg.RunRequest) -> tuple[str, str]:
    tags = request.tags
    return tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG]


def test_a_late_event_asks_for_the_partition_in_which_its_order_was_placed(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    region = platform.kept(DeliveriesContext).regions[0]
    place(platform, "o1", region, DAY)
    ((request,), _) = tick(platform, instance)
    end(instance, request, dg.DagsterRunStatus.SUCCESS)
    track(platform, "o1", "delivered", DAY + timedelta(days=40))
    ((request,), _) = tick(platform, instance)
    assert keys_of_request(request) == (f"{region}|{DAY}", f"{region}|{DAY}")


def test_marks_are_forgotten_when_every_run_succeeded_and_claimed_again_when_one_failed(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    store = platform.store(INGEST_ROLE)
    first, last = (
        platform.kept(DeliveriesContext).regions[0],
        platform.kept(DeliveriesContext).regions[-1],
    )
    place(platform, "o1", first, DAY)
    place(platform, "o2", last, DAY + timedelta(days=50))
    requests, _ = tick(platform, instance)
    assert len(requests) == 2
    assert {one.tags[RUNS_TAG] for one in requests} == {"2"}
    assert {one.tags[RUN_TAG] for one in requests} == {"0", "1"}
    for request, status in zip(
        requests, (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE), strict=True
    ):
        end(instance, request, status)
    again, _ = tick(platform, instance)
    assert sorted(map(keys_of_request, again)) == sorted(map(keys_of_request, requests))
    assert again[0].tags[REQUEST_TAG] != requests[0].tags[REQUEST_TAG]
    for request in again:
        end(instance, request, dg.DagsterRunStatus.SUCCESS)
    requests, reason = tick(platform, instance)
    assert requests == [] and reason is not None and "No order" in reason
    assert store.read("select * from ops.touched").empty


def test_a_request_whose_runs_were_never_started_is_made_again(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    place(platform, "o1", platform.kept(DeliveriesContext).regions[0], DAY)
    first, _ = tick(platform, instance)
    again, _ = tick(platform, instance)
    assert keys_of_request(again[0]) == keys_of_request(first[0])


def test_nothing_more_is_asked_for_while_runs_are_at_work(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    place(platform, "o1", platform.kept(DeliveriesContext).regions[0], DAY)
    (request,), _ = tick(platform, instance)
    end(instance, request, dg.DagsterRunStatus.NOT_STARTED)
    place(platform, "o2", platform.kept(DeliveriesContext).regions[0], DAY)
    requests, reason = tick(platform, instance)
    assert requests == [] and reason is not None and "at work" in reason


def test_tracking_before_its_order_waits_for_the_order(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    region = platform.kept(DeliveriesContext).regions[0]
    track(platform, "o1", "handed_over", DAY)
    requests, reason = tick(platform, instance)
    assert requests == [] and reason is not None and "1 of them were not placed" in reason
    place(platform, "o1", region, DAY)
    (request,), _ = tick(platform, instance)
    assert keys_of_request(request) == (f"{region}|{DAY}", f"{region}|{DAY}")


def test_marks_written_while_others_are_claimed_stay_open(platform: Platform) -> None:
    store = platform.store(INGEST_ROLE)
    place(platform, "o1", platform.kept(DeliveriesContext).regions[0], DAY)
    made = claim(store, DELIVERIES)
    assert made is not None and made.orders == 1
    place(platform, "o2", platform.kept(DeliveriesContext).regions[0], DAY)
    assert open_requests(store, DELIVERIES) == [made.request]
    settle(store, made.request)
    second = claim(store, DELIVERIES)
    assert second is not None and second.orders == 1
    release(store, second.request)
    assert open_requests(store, DELIVERIES) == []
    third = claim(store, DELIVERIES)
    assert third is not None and third.cells == second.cells
