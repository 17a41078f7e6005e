"""A request starts one run, however often it is sent, and whatever ends in its middle."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from flow_platform.warehouse.server import Server
from tests.api import world
from tests.api.dagster_stand_in import DagsterStandIn

pytestmark = pytest.mark.integration

RANGE = {"flow": "parcels", "from": "2026-10-02", "to": "2026-10-04"}
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture(autouse=True)
def fresh(dagster: DagsterStandIn, database: Server) -> Iterator[None]:
    dagster.reset()
    yield
    world.execute(database, "truncate auth.idempotency_keys")


def tags_of(dagster: DagsterStandIn, run_id: str) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in dagster.runs[run_id]["tags"]}


@pytest.mark.parametrize(
    ("pipeline", "job"),
    [("ingest", "parcels_ingest"), ("etl", "parcels_etl"), ("predict", "parcels_predict")],
)
def test_a_pipeline_starts_its_job_over_the_range(
    operator: httpx.Client, dagster: DagsterStandIn, pipeline: str, job: str
) -> None:
    answer = operator.post(f"/pipelines/{pipeline}/runs", json=RANGE)
    assert answer.status_code == 202, answer.text
    started = answer.json()
    assert answer.headers["Location"] == f"/pipelines/runs/{started['run_id']}"
    assert "Idempotency-Replayed" not in answer.headers
    assert (started["job"], started["status"]) == (job, "queued")
    tags = tags_of(dagster, started["run_id"])
    assert (tags[START], tags[END]) == ("07|2026-10-02", "w|2026-10-04")
    assert uuid.UUID(tags["flow/requested_by"])
    assert "@" not in str(tags)


def test_training_covers_whole_months_and_decides_champions(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    body = {"flow": "parcels", "from": "2026-09-17", "to": "2026-10-04"}
    started = operator.post("/pipelines/training/runs", json=body).json()
    assert started["job"] == "parcels_models"
    tags = tags_of(dagster, started["run_id"])
    assert (tags[START], tags[END]) == ("seasonal_naive|2026-09-01", "blend|2026-10-01")
    assert tags["flow/champions"] == "name"


def test_adjacent_centres_are_one_run(operator: httpx.Client, dagster: DagsterStandIn) -> None:
    started = operator.post("/pipelines/etl/runs", json=RANGE | {"centres": ["w", "north"]}).json()
    tags = tags_of(dagster, started["run_id"])
    assert (tags[START], tags[END]) == ("north|2026-10-02", "w|2026-10-04")


@pytest.mark.parametrize(
    ("pipeline", "changes", "words"),
    [
        ("etl", {"flow": "letters"}, "parcels, retail, traffic, trips"),
        ("etl", {"from": "2026-10-05"}, "Swap them"),
        ("etl", {"from": "2020-01-01"}, "The first partition day is 2026-10-01"),
        ("etl", {"to": "2026-10-06"}, "The last complete partition day is 2026-10-05"),
        ("etl", {"centres": ["07", "w"]}, "side by side"),
        ("etl", {"centres": ["08"]}, "There are: 07, north, w"),
        ("etl", {"centres": []}, "body.centres"),
        ("etl", {"days": 3}, "body"),
        ("training", {"centres": ["07"]}, "all centres"),
        ("training", {"from": "2026-01-01"}, "The first month is 2026-09"),
        ("training", {"to": "2026-12-01"}, "2026-11"),
        ("cleaning", {}, "path.pipeline"),
    ],
)
def test_a_range_that_cannot_be_run_is_refused_and_starts_nothing(
    operator: httpx.Client,
    dagster: DagsterStandIn,
    pipeline: str,
    changes: dict[str, Any],
    words: str,
) -> None:
    answer = operator.post(f"/pipelines/{pipeline}/runs", json=RANGE | changes)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert not dagster.runs


def start(client: httpx.Client, key: str | None, **changes: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/pipelines/etl/runs", json=RANGE | changes, headers=headers)


def test_the_same_key_and_body_start_one_run(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    first, again = start(operator, "key-1"), start(operator, '"key-1"')
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json()["run_id"] == again.json()["run_id"]
    assert first.headers["Location"] == again.headers["Location"]
    assert len(dagster.runs) == 1
    assert start(operator, None).json()["run_id"] != first.json()["run_id"]


def test_the_key_of_another_request_is_refused(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    assert start(operator, "key-1").status_code == 202
    other = start(operator, "key-1", to="2026-10-03")
    assert other.status_code == 422
    assert "another request" in other.text
    same_body = operator.post(
        "/pipelines/ingest/runs", json=RANGE, headers={"Idempotency-Key": "key-1"}
    )
    assert same_body.status_code == 422
    assert len(dagster.runs) == 1


def test_the_keys_of_two_accounts_do_not_meet(
    operator: httpx.Client, admin: httpx.Client, dagster: DagsterStandIn
) -> None:
    runs = {start(client, "key-1").json()["run_id"] for client in (operator, admin)}
    assert len(runs) == 2


@pytest.mark.parametrize("key", ["", "a" * 129, "two words", "é", '"'])
def test_a_key_is_of_plain_characters(operator: httpx.Client, key: str) -> None:
    answer = operator.post(
        "/pipelines/etl/runs", json=RANGE, headers={b"Idempotency-Key": key.encode()}
    )
    assert answer.status_code == 422, answer.text


def test_requests_at_the_same_moment_start_one_run(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    dagster.launch_seconds = 0.5
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(start(operator, "key-1"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert len(dagster.runs) == 1
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, *["true"] * 5]


def test_a_run_whose_record_was_lost_is_found_by_its_tag(
    operator: httpx.Client, dagster: DagsterStandIn, database: Server
) -> None:
    """As after a crash between the launch and its record."""
    first = start(operator, "key-1").json()["run_id"]
    world.execute(database, "update auth.idempotency_keys set run_id = null")
    again = start(operator, "key-1")
    assert again.json()["run_id"] == first
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(dagster.runs) == 1


def test_a_run_whose_answer_was_lost_is_found_by_its_tag(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    dagster.loses_answers = True
    lost = start(operator, "key-1")
    assert (lost.status_code, lost.headers["Retry-After"]) == (503, "10")
    dagster.loses_answers = False
    assert start(operator, "key-1").json()["run_id"] in dagster.runs
    assert len(dagster.runs) == 1


def test_a_request_that_died_before_its_launch_is_taken_over(
    operator: httpx.Client, dagster: DagsterStandIn, database: Server
) -> None:
    start(operator, "key-1")
    dagster.reset()
    world.execute(
        database,
        "update auth.idempotency_keys set run_id = null, created_at = now() - interval '2 minutes'",
    )
    again = start(operator, "key-1")
    assert again.status_code == 202
    assert "Idempotency-Replayed" not in again.headers
    assert len(dagster.runs) == 1


def test_a_refused_launch_frees_its_key(operator: httpx.Client, dagster: DagsterStandIn) -> None:
    dagster.refuses = "Could not find Pipeline"
    refused = start(operator, "key-1")
    assert refused.status_code == 409
    assert "Could not find Pipeline" in refused.text
    dagster.refuses = None
    assert start(operator, "key-1").status_code == 202


@pytest.mark.parametrize(
    ("kinds", "status", "then"),
    [
        (("DagsterUserCodeUnreachableError", "_InactiveRpcError"), 503, 202),
        # A run may have been made: for a minute the key is kept for it.
        (("DagsterPostgresException", "OperationalError"), 503, 409),
        (("KeyError",), 409, 202),
    ],
)
def test_what_is_on_its_way_back_is_worth_another_try(
    operator: httpx.Client, dagster: DagsterStandIn, kinds: tuple[str, ...], status: int, then: int
) -> None:
    dagster.fails_by = kinds
    answer = start(operator, "key-lost")
    assert (answer.status_code, "Retry-After" in answer.headers) == (status, status == 503)
    dagster.fails_by = ()
    assert start(operator, "key-lost").status_code == then


def test_without_dagster_the_answer_is_503_with_the_seconds_to_wait(
    operator: httpx.Client, admin: httpx.Client, dagster: DagsterStandIn
) -> None:
    dagster.is_down = True
    for answer in (
        start(operator, None),
        start(operator, "key-1"),
        operator.get(f"/pipelines/runs/{uuid.uuid4()}"),
        admin.post("/models/parcels/rollback", json={}),
    ):
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"] == "10"
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("pipeline", ["ingest", "etl", "training", "predict"])
def test_while_the_code_is_not_loaded_every_pipeline_answers_503(
    operator: httpx.Client, dagster: DagsterStandIn, pipeline: str
) -> None:
    dagster.has_code = False
    answer = operator.post(f"/pipelines/{pipeline}/runs", json=RANGE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "has not loaded" in answer.json()["detail"]


def test_a_source_without_centres_is_named(operator: httpx.Client, dagster: DagsterStandIn) -> None:
    dagster.centres = []
    answer = operator.post("/pipelines/etl/runs", json=RANGE)
    assert answer.status_code == 409 and answer.json()["type"].endswith("no-centre")


def test_a_run_is_read_until_it_has_succeeded(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    location = operator.post("/pipelines/predict/runs", json=RANGE).headers["Location"]
    run = next(iter(dagster.runs.values()))
    queued = operator.get(location).json()
    assert (queued["status"], queued["steps_done"], queued["steps_total"]) == ("queued", 0, 2)
    assert queued["results"] is None
    run |= {
        "status": "STARTED",
        "startTime": 1.0,
        "stepStats": [{"stepKey": "a", "status": "SUCCESS"}],
    }
    running = operator.get(location).json()
    assert (running["status"], running["steps_done"]) == ("running", 1)
    run |= {"status": "SUCCESS", "endTime": 2.0}
    done = operator.get(location).json()
    assert (done["status"], done["failed_steps"]) == ("succeeded", [])
    assert done["results"] == "/forecasts/parcels?from=2026-10-02"


@pytest.mark.parametrize("flow", ["trips", "deliveries"])
def test_a_run_of_records_has_the_address_of_their_predictions(
    operator: httpx.Client, dagster: DagsterStandIn, flow: str
) -> None:
    location = operator.post("/pipelines/predict/runs", json=RANGE).headers["Location"]
    run = next(iter(dagster.runs.values()))
    run |= {"status": "SUCCESS", "startTime": 1.0, "endTime": 2.0, "jobName": f"{flow}_predict"}
    done = operator.get(location).json()
    assert done["results"] == f"/{flow}/predictions?day=2026-10-02"


def test_a_failed_step_has_its_reason_in_a_sentence_and_never_a_trace(
    operator: httpx.Client, dagster: DagsterStandIn
) -> None:
    location = operator.post("/pipelines/etl/runs", json=RANGE).headers["Location"]
    run = next(iter(dagster.runs.values()))
    run |= {
        "status": "FAILURE",
        "stepStats": [{"stepKey": step, "status": "FAILURE"} for step in ("a", "b")],
    }
    outer = {"className": "DagsterExecutionStepExecutionError", "message": "Error while ..."}
    dagster.logs[run["runId"]] = [
        *[{"__typename": "LogMessageEvent"}] * 2500,
        {
            "__typename": "ExecutionStepFailureEvent",
            "stepKey": "a",
            "error": outer
            | {
                "causes": [
                    {"className": "SourceError", "message": "flow.SourceError: No\n  file."},
                    {"className": "OSError", "message": "OSError: /secret/path"},
                ]
            },
        },
        {
            "__typename": "ExecutionStepFailureEvent",
            "stepKey": "b",
            "error": outer
            | {"causes": [{"className": "OperationalError", "message": "password=hunter2"}]},
        },
    ]
    read = operator.get(location)
    assert read.json()["failed_steps"][0] == {"step": "a", "reason": "No file."}
    assert "OperationalError" in read.json()["failed_steps"][1]["reason"]
    for hidden in ("hunter2", "/secret", "Traceback"):
        assert hidden not in read.text


def test_a_run_that_does_not_exist_is_404(operator: httpx.Client) -> None:
    assert operator.get(f"/pipelines/runs/{uuid.uuid4()}").status_code == 404
    assert operator.get("/pipelines/runs/1").status_code == 422


def test_a_promotion_starts_its_job_and_its_decision_is_read(
    admin: httpx.Client, dagster: DagsterStandIn, database: Server
) -> None:
    row = {
        **{
            "flow": "parcels",
            "measure": "parcels",
            "candidate": "blend",
            "model_version": "blend-1",
        },
        **{"month": "2026-10-01", "cutoff": "2026-10-01", "is_champion": False, "sha256": ""},
    }
    world.insert(database, "models", [row])
    try:
        tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
        body = {"version": "blend-1", "from_day": tomorrow}
        answer = admin.post("/models/parcels/promote", json=body)
    finally:
        world.execute(database, "delete from published.models where model_version = 'blend-1'")
    assert answer.status_code == 202, answer.text
    run_id = answer.json()["run_id"]
    config = dagster.configs[run_id]["ops"]["compare_parcels"]["config"]
    assert (config["version"], config["effective_day"]) == ("blend-1", tomorrow)
    assert uuid.UUID(config["decided_by"])
    dagster.runs[run_id] |= {"status": "SUCCESS"}
    decided = '[{"promoted": false, "reason": "not better beyond noise"}]'
    dagster.logs[run_id] = [
        {
            "__typename": "ExecutionStepOutputEvent",
            "stepKey": "compare_parcels",
            "metadataEntries": [{"label": "decisions", "jsonString": decided}],
        }
    ]
    read = admin.get(answer.headers["Location"]).json()
    assert read["status"] == "succeeded"
    assert read["decisions"] == [{"promoted": False, "reason": "not better beyond noise"}]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/models/letters/promote", {"version": "x"}, 404),
        ("/models/parcels/promote", {"version": "x"}, 422),
        ("/models/parcels/promote", {}, 422),
        ("/models/parcels/promote", {"version": "x", "from_day": "2020-01-01"}, 422),
        ("/models/parcels/rollback", {"measure": "letters"}, 422),
        ("/models/parcels/rollback", {"from_day": "2020-01-01"}, 422),
        ("/models/letters/rollback", {}, 404),
    ],
)
def test_an_impossible_decision_starts_nothing(
    admin: httpx.Client, dagster: DagsterStandIn, path: str, body: dict[str, Any], status: int
) -> None:
    answer = admin.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert not dagster.runs


def test_a_rollback_may_be_of_one_measure(admin: httpx.Client, dagster: DagsterStandIn) -> None:
    started = admin.post("/models/retail/rollback", json={"measure": "revenue"}).json()
    assert started["job"] == "rollback_retail"
    config = dagster.configs[started["run_id"]]["ops"]["take_back_retail"]["config"]
    assert config["measure"] == "revenue"
