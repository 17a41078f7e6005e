"""Dagster's webserver as far as the service asks it: answers in the documented shape, kept in
memory. That the shape is Dagster's own is shown by the test that starts a real run.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

CENTRES = ["07", "north", "w"]
DAYS = ["2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04", "2026-10-05"]
MONTHS = ["2026-09-01", "2026-10-01", "2026-11-01"]
CANDIDATES = ["seasonal_naive", "effects", "blend"]


class DagsterStandIn:
    """An ASGI app. `runs` are the runs started; its failures are set from outside."""

    def __init__(self) -> None:
        self.address = ""
        self.reset()

    def reset(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.configs: dict[str, Any] = {}
        # Answer 500 instead, before or after the run was started.
        self.is_down = False
        self.loses_answers = False
        self.has_code = True
        self.centres = CENTRES
        self.refuses: str | None = None
        # The kinds of the errors, outermost first, with which its code fails.
        self.fails_by: tuple[str, ...] = ()
        self.launch_seconds = 0.0

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, reply = 500, {}
        if not self.is_down:
            request = json.loads(body)
            data = await self._answer(request["query"], request["variables"])
            if not (self.loses_answers and "launchRun" in data):
                status, reply = 200, {"data": data}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(reply).encode()})

    async def _answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "launchRun" in query:
            return {"launchRun": await self._launch(variables["params"])}
        if "runsOrError" in query:
            wanted = {tag["key"]: tag["value"] for tag in variables["filter"]["tags"]}
            found = [run for run in self.runs.values() if wanted.items() <= _tags(run).items()]
            newest = sorted(found, key=lambda run: run["creationTime"], reverse=True)[:1]
            return {"runsOrError": {"__typename": "Runs", "results": newest}}
        if "runOrError" in query:
            run = self.runs.get(variables["id"])
            if run is None:
                return {"runOrError": {"__typename": "RunNotFoundError"}}
            plan = {"steps": [{"key": "a"}, {"key": "b"}]}
            return {"runOrError": {"__typename": "Run", **run, "executionPlan": plan}}
        if "logsForRun" in query:
            events = self.logs.get(variables["id"], [])
            start = int(variables["after"] or 0)
            end = start + variables["limit"]
            return {
                "logsForRun": {
                    "__typename": "EventConnection",
                    "events": events[start:end],
                    "cursor": str(end),
                    "hasMore": end < len(events),
                }
            }
        if not self.has_code:
            return {"assetNodes": []}
        path = variables["keys"][0]["path"]
        first, second = ("candidate", "month") if path[-1].endswith("_model") else ("centre", "day")
        keys = (CANDIDATES, MONTHS) if first == "candidate" else (self.centres, DAYS)
        dimensions = [
            {"name": name, "partitionKeys": own}
            for name, own in zip((first, second), keys, strict=True)
        ]
        return {"assetNodes": [{"partitionKeysByDimension": dimensions}]}

    async def _launch(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.refuses is not None:
            return {"__typename": "PipelineNotFoundError", "message": self.refuses}
        if self.fails_by:
            kind, *causes = self.fails_by
            named = [{"className": one} for one in causes]
            error = {"className": kind, "causes": named, "message": "secret"}
            return {"__typename": "PythonError", **error}
        await asyncio.sleep(self.launch_seconds)
        run = {
            "runId": str(uuid.uuid4()),
            "jobName": params["selector"]["jobName"],
            "status": "QUEUED",
            "creationTime": time.time(),
            "startTime": None,
            "endTime": None,
            "tags": params["executionMetadata"]["tags"],
            "stepStats": [],
        }
        self.runs[run["runId"]] = run
        self.configs[run["runId"]] = params["runConfigData"]
        return {"__typename": "LaunchRunSuccess", "run": run}


def _tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["tags"]}
