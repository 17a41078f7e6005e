"""Starts Dagster runs and reads them, through the GraphQL of the webserver that `flow up` runs.

What a request may start is decided in `pipelines.py` and `models.py`. Nothing here imports Dagster:
the service stays small, and partitions are known in one place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from flow_platform.ground.errors import FlowError

# workspace.yaml names the location; the repository of a module with `@definitions` has this name.
LOCATION, REPOSITORY = "flow_platform", "__repository__"
# Those of partitions.range_tags; a test holds them equal.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

# A launch writes an event for each partition before it answers: 0.002 s each.
LAUNCH_SECONDS = 60.0
READ_SECONDS = 10.0
# Pages of a failed run's log that are read for the reasons; events of partitions are first in it.
LOG_PAGE, LOG_PAGES = 1000, 30
MOST_REASON = 400
# Errors whose text is written for people; the text of any other may hold secrets.
_SHOWN_ERRORS = {
    "FlowError",
    "ConfigurationError",
    "SourceError",
    "WarehouseError",
    "ModelError",
    "DagsterInvalidConfigError",
}

# Not of the run: what was lost is on its way back. Without its code no run is made.
_CODE_LOST = "DagsterUserCodeUnreachableError"
_LOST = {_CODE_LOST, "OperationalError", "DagsterPostgresException"}

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
_STATUS: dict[str, Status] = {
    "QUEUED": "queued",
    "NOT_STARTED": "queued",
    "MANAGED": "queued",
    "STARTING": "queued",
    "STARTED": "running",
    "SUSPENDED": "running",
    "CANCELING": "running",
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "CANCELED": "canceled",
}

_RUN = """
fragment R on Run {
  runId jobName status creationTime startTime endTime
  tags { key value }
  stepStats { stepKey status }
}
"""
_ONE_RUN = f"""
query Run($id: ID!) {{
  runOrError(runId: $id) {{
    __typename
    ... on Run {{ ...R executionPlan {{ steps {{ key }} }} }}
  }}
}}
{_RUN}
"""
_RUNS = f"""
query Runs($filter: RunsFilter!) {{
  runsOrError(filter: $filter, limit: 1) {{ __typename ... on Runs {{ results {{ ...R }} }} }}
}}
{_RUN}
"""
_LAUNCH = f"""
mutation Launch($params: ExecutionParams!) {{
  launchRun(executionParams: $params) {{
    __typename
    ... on LaunchRunSuccess {{ run {{ ...R }} }}
    ... on RunConfigValidationInvalid {{ errors {{ message }} }}
    ... on PythonError {{ className causes {{ className }} }}
    ... on Error {{ message }}
  }}
}}
{_RUN}
"""
_PARTITIONS = """
query Partitions($keys: [AssetKeyInput!]) {
  assetNodes(assetKeys: $keys) { partitionKeysByDimension { name partitionKeys } }
}
"""
_LOG = """
query Log($id: ID!, $after: String, $limit: Int!) {
  logsForRun(runId: $id, afterCursor: $after, limit: $limit) {
    __typename
    ... on EventConnection {
      cursor hasMore
      events {
        __typename
        ... on ExecutionStepFailureEvent {
          stepKey
          error { className message causes { className message } }
        }
        ... on ExecutionStepOutputEvent {
          stepKey
          metadataEntries { label ... on JsonMetadataEntry { jsonString } }
        }
      }
    }
  }
}
"""


class DagsterDown(FlowError):
    """Dagster's webserver does not answer, or its code does not load.

    `may_have_started`: whether a run may have been launched all the same, its answer lost.
    """

    def __init__(self, message: str, *, may_have_started: bool = True) -> None:
        super().__init__(message)
        self.may_have_started = may_have_started


class LaunchRefused(FlowError):
    """Dagster refused to start the run."""


@dataclass(frozen=True)
class FailedStep:
    """A step that failed, and its reason in a sentence; never a trace."""

    step: str
    reason: str


@dataclass(frozen=True)
class Run:
    """A Dagster run. Moments are UTC; `steps_total` is None where the plan was not requested."""

    run_id: str
    job: str
    status: Status
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    tags: Mapping[str, str]
    steps_done: int
    steps_total: int | None
    failed: tuple[str, ...]


class DagsterClient:
    """A client of the webserver at `url`, with one connection pool, which `close` ends.

    >>> client = DagsterClient("http://127.0.0.1:3000")
    >>> run = await client.launch("parcels_etl", {"flow/requested_by": account_id})
    >>> (await client.run(run.run_id)).status
    'running'
    """

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            timeout=httpx.Timeout(READ_SECONDS, connect=2.0),
            transport=transport,
            # The webserver is on this machine: no proxy of the environment is used.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def launch(
        self, job: str, tags: Mapping[str, str], run_config: Mapping[str, Any] | None = None
    ) -> Run:
        """Start a run of `job`. Raises DagsterDown, or LaunchRefused with Dagster's reason."""
        answer = await self._ask(
            _LAUNCH,
            {
                "params": {
                    "selector": {
                        "repositoryLocationName": LOCATION,
                        "repositoryName": REPOSITORY,
                        "jobName": job,
                    },
                    "runConfigData": dict(run_config or {}),
                    "executionMetadata": {"tags": _pairs(tags)},
                }
            },
            LAUNCH_SECONDS,
        )
        launched = answer["launchRun"]
        if launched["__typename"] == "LaunchRunSuccess":
            return _run(launched["run"])
        reason = "; ".join(one["message"] for one in launched.get("errors") or [launched])
        if launched["__typename"] == "PythonError":
            kinds = {launched["className"], *(one["className"] for one in launched["causes"])}
            if kinds & _LOST:
                raise DagsterDown(
                    "Dagster has lost its code or its database. Send the request again.",
                    may_have_started=_CODE_LOST not in kinds,
                )
            # The text may be a library's: it is in the webserver's log.
            reason = "its code failed"
        raise LaunchRefused(
            f"Dagster would not start {job}: {_short(reason)}. `flow doctor` finds the cause."
        )

    async def run(self, run_id: str) -> Run | None:
        """The run of this id, or None. Raises DagsterDown."""
        found = (await self._ask(_ONE_RUN, {"id": run_id}))["runOrError"]
        return _run(found) if found["__typename"] == "Run" else None

    async def newest_run(self, tags: Mapping[str, str]) -> Run | None:
        """The newest run that has all of `tags`, or None. Raises DagsterDown."""
        found = (await self._ask(_RUNS, {"filter": {"tags": _pairs(tags)}}))["runsOrError"]
        runs = found.get("results") or []
        return _run(runs[0]) if runs else None

    async def partitions(self, asset: Sequence[str]) -> dict[str, list[str]]:
        """The partition keys of an asset by dimension, in their order.

        Raises DagsterDown, also while the code that defines the asset is not loaded.
        """
        nodes = (await self._ask(_PARTITIONS, {"keys": [{"path": list(asset)}]}))["assetNodes"]
        if not nodes:
            raise DagsterDown(
                "Dagster has not loaded the platform's code. `flow doctor` finds the cause.",
                may_have_started=False,
            )
        return {
            one["name"]: one["partitionKeys"]
            for node in nodes
            for one in node["partitionKeysByDimension"]
        }

    async def failures(self, run: Run) -> list[FailedStep]:
        """The failed steps of a run, with their reasons. Raises DagsterDown."""
        if not run.failed:
            return []
        reasons = {}
        async for event in self._events(run.run_id):
            if event["__typename"] == "ExecutionStepFailureEvent":
                reasons[event["stepKey"]] = _reason(event["error"])
                if len(reasons) == len(run.failed):
                    break
        unknown = "see its log in the Dagster UI"
        return [FailedStep(step, reasons.get(step, unknown)) for step in run.failed]

    async def output(self, run_id: str, label: str) -> Any:
        """The JSON metadata `label` of a run's first output that has it; None where none has.

        Raises DagsterDown.
        """
        async for event in self._events(run_id):
            for entry in event.get("metadataEntries") or ():
                if entry["label"] == label and "jsonString" in entry:
                    return json.loads(entry["jsonString"])
        return None

    async def _events(self, run_id: str) -> Any:
        after = None
        for _ in range(LOG_PAGES):
            asked = {"id": run_id, "after": after, "limit": LOG_PAGE}
            page = (await self._ask(_LOG, asked))["logsForRun"]
            for event in page.get("events") or ():
                yield event
            if not page.get("hasMore"):
                return
            after = page["cursor"]

    async def _ask(
        self, query: str, variables: Mapping[str, Any], seconds: float = READ_SECONDS
    ) -> dict[str, Any]:
        try:
            answer = await self._http.post(
                "/graphql",
                json={"query": query, "variables": variables},
                timeout=httpx.Timeout(seconds, connect=2.0),
            )
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DagsterDown(
                f"Dagster's webserver does not answer ({type(error).__name__})."
                " `flow status` lists what is running; `flow up` starts it.",
                may_have_started=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
            ) from error
        data = body.get("data") if isinstance(body, dict) else None
        if not data or body.get("errors"):
            # The error's text may hold a trace: it is in the webserver's log.
            raise DagsterDown(
                "Dagster's webserver answered with an error; its log is"
                " FLOW_HOME/logs/dagster-webserver.log."
            )
        found: dict[str, Any] = data
        return found


def _run(row: Mapping[str, Any]) -> Run:
    stats = {one["stepKey"]: one["status"] for one in row["stepStats"]}
    plan = row.get("executionPlan")
    return Run(
        run_id=row["runId"],
        job=row["jobName"],
        status=_STATUS[row["status"]],
        created_at=_moment(row["creationTime"]),
        started_at=_moment(row["startTime"]),
        ended_at=_moment(row["endTime"]),
        tags={one["key"]: one["value"] for one in row["tags"]},
        steps_done=sum(status in ("SUCCESS", "SKIPPED") for status in stats.values()),
        steps_total=len(plan["steps"]) if plan else None,
        failed=tuple(step for step, status in stats.items() if status == "FAILURE"),
    )


def _reason(error: Mapping[str, Any] | None) -> str:
    """The first text of a chain of errors that is written for people, or else the last kind."""
    if error is None:
        return "unknown"
    chain = [error, *error["causes"]]
    for one in chain:
        if one["className"] in _SHOWN_ERRORS:
            return _short(one["message"].split(": ", 1)[-1])
    kind = chain[-1]["className"]
    return f"an error of kind {kind}; see its log in the Dagster UI"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_REASON else f"{line[: MOST_REASON - 4]} ..."


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
