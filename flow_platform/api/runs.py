"""Starting a Dagster run once, however often the same request is sent, also at the same moment.

The key of a request is kept in `auth.idempotency_keys`, and on the run as a tag: if this process
ends between the launch and its record, the tag finds the run again. The routers decide which job a
request starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel, Field

from flow_platform.api.config import ApiConfig
from flow_platform.api.dagster_client import (
    LAUNCH_SECONDS,
    DagsterClient,
    DagsterDown,
    LaunchRefused,
    Run,
)
from flow_platform.api.listing import invalid
from flow_platform.api.problems import Problem

if TYPE_CHECKING:
    from flow_platform.api.access import Account
    from flow_platform.api.database import Database

REQUESTED_BY_TAG = "flow/requested_by"
KEY_TAG = "flow/idempotency_key"
# Of two requests with one key at once, the second waits this long for the run of the first.
_WAIT_SECONDS, _POLL_SECONDS = 10.0, 0.25
# A launch that has taken longer belongs to a process that is gone.
_ABANDONED = timedelta(seconds=LAUNCH_SECONDS + 15)
_OLDEST = timedelta(hours=1)
_RETRY = {"Retry-After": "5"}
_KEY = re.compile(r"[A-Za-z0-9._:\-]{1,128}", re.ASCII)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=130,
        pattern=r'^"?[A-Za-z0-9._:\-]{1,128}"?$',
        description="A name for this request, such as a UUID. The same request sent again with it"
        " starts nothing and returns the run that was started; another request with it is refused"
        " (422). Kept for seven days. Without it, every request starts a run.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]

# The response headers of every operation that starts a run.
STARTED_HEADERS: dict[str, Any] = {
    "Location": {"description": "Address of the run.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "true when an earlier request with this key started the run.",
        "schema": {"type": "string"},
    },
}


class StartedRun(BaseModel):
    """A run that was started, now or by an earlier request with the same key."""

    run_id: str = Field(examples=["4984082a-ec46-45e8-8d4c-790c38af4b94"])
    job: str = Field(examples=["parcels_etl"])
    status: Literal["queued", "running", "succeeded", "failed", "canceled"]
    tags: dict[str, str]


@asynccontextmanager
async def open_dagster(app: FastAPI, config: ApiConfig) -> AsyncIterator[None]:
    """The client of Dagster's webserver, `app.state.dagster`."""
    client = app.state.dagster = DagsterClient(config.dagster_url)
    try:
        yield
    finally:
        await client.close()


@dataclass(frozen=True)
class Start:
    """What a request starts: a job, with the run's tags and configuration."""

    job: str
    tags: Mapping[str, str]
    run_config: Mapping[str, Any] | None = None


class RunStarter:
    """What an operation that starts a run needs of its request. Use it as `Runs`."""

    def __init__(
        self, request: Request, response: Response, idempotency_key: IdempotencyKey = None
    ) -> None:
        self._path, self._headers, self._key = request.url.path, response.headers, idempotency_key
        self.database: Database = request.app.state.database
        self.dagster: DagsterClient = request.app.state.dagster

    async def start(self, account: Account, body: BaseModel, start: Start) -> StartedRun:
        """Start the run unless the key of the request has started it; set the headers of a 202.

        Two requests with equal path and `body` are the same request. Raises Problem 409 while the
        first request of a key is in progress, 422 for a key of another request, 503 when Dagster
        does not answer.
        """
        tags = {**start.tags, REQUESTED_BY_TAG: str(account.id)}
        replayed = False
        try:
            if self._key is None:
                run = await self.dagster.launch(start.job, tags, start.run_config)
            else:
                name = self._key.strip('"')
                if not _KEY.fullmatch(name):
                    raise invalid("header.Idempotency-Key", "use only letters, digits and . _ : -.")
                wanted = {"path": self._path, "body": body.model_dump(mode="json", by_alias=True)}
                once = _Once(self.database, self.dagster, account, name, _sha256(wanted))
                run, replayed = await once.run(start, {**tags, KEY_TAG: name})
        except LaunchRefused as error:
            raise Problem(409, detail=str(error), type="launch-refused") from error
        except DagsterDown as error:
            raise dagster_down(error) from error
        self._headers["Location"] = f"/pipelines/runs/{run.run_id}"
        if replayed:
            self._headers["Idempotency-Replayed"] = "true"
        return StartedRun(run_id=run.run_id, job=run.job, status=run.status, tags=own_tags(run))


Runs = Annotated[RunStarter, Depends()]


def own_tags(run: Run) -> dict[str, str]:
    """The tags that describe what a run is for, without Dagster's internal ones."""
    kept = ("flow/", "dagster/asset_partition_range")
    return {name: value for name, value in run.tags.items() if name.startswith(kept)}


def dagster_down(error: DagsterDown) -> Problem:
    """The 503 of an operation that needs Dagster."""
    return Problem(503, detail=str(error), type="dagster-down", headers={"Retry-After": "10"})


class _Once:
    """One key of one account, and the request that it names."""

    def __init__(
        self, database: Database, client: DagsterClient, account: Account, key: str, sha256: bytes
    ) -> None:
        self._database = database
        self._client = client
        self._key = {"account": account.id, "key": key}
        self._sha256 = sha256

    async def run(self, start: Start, tags: Mapping[str, str]) -> tuple[Run, bool]:
        """The run of the key, and whether an earlier request had started it."""
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while not await self._claim():
            row = await self._row()
            if row is None:
                continue  # Dagster has refused the first request meanwhile: the key is free.
            if bytes(row["request_sha256"]) != self._sha256:
                raise invalid(
                    "header.Idempotency-Key",
                    "belongs to another request. Choose a new key for a new request.",
                )
            if (found := await self._started(row, tags)) is not None:
                return found, True
            if row["is_abandoned"] and await self._take_over(row["created_at"]):
                break
            if asyncio.get_running_loop().time() > deadline:
                raise Problem(
                    409,
                    detail="The first request with this key is still in progress. Try again.",
                    type="idempotency-key-at-work",
                    headers=_RETRY,
                )
            await asyncio.sleep(_POLL_SECONDS)
        return await self._launch(start, tags), False

    async def _launch(self, start: Start, tags: Mapping[str, str]) -> Run:
        try:
            run = await self._client.launch(start.job, tags, start.run_config)
        except LaunchRefused:
            await self._release()
            raise
        except DagsterDown as error:
            # The run may have started although its answer was lost: the key stays taken, and the
            # next request with it looks for that run.
            if not error.may_have_started:
                await self._release()
            raise
        await self._record(run.run_id)
        return run

    async def _claim(self) -> bool:
        rows = await self._database.rows(
            "insert into auth.idempotency_keys (account_id, key, request_sha256)"
            " values (%(account)s, %(key)s, %(sha256)s) on conflict do nothing returning 1",
            {**self._key, "sha256": self._sha256},
        )
        return bool(rows)

    async def _row(self) -> dict[str, Any] | None:
        rows = await self._database.rows(
            "select request_sha256, run_id, created_at,"
            " created_at < now() - %(abandoned)s as is_abandoned from auth.idempotency_keys"
            " where account_id = %(account)s and key = %(key)s",
            {**self._key, "abandoned": _ABANDONED},
        )
        return rows[0] if rows else None

    async def _started(self, row: Mapping[str, Any], tags: Mapping[str, str]) -> Run | None:
        """The run that the key has started, found by its record or else by its tags."""
        if row["run_id"] is not None:
            run = await self._client.run(row["run_id"])
            if run is None:
                raise Problem(
                    409,
                    detail="The run that this key started has been deleted. Choose a new key.",
                    type="run-deleted",
                )
            return run
        wanted = {name: tags[name] for name in (REQUESTED_BY_TAG, KEY_TAG)}
        run = await self._client.newest_run(wanted)
        if run is None or run.created_at is None:
            return None
        # A key that was forgotten after its seven days may have started another run before.
        if run.created_at < row["created_at"] - _OLDEST:
            return None
        await self._record(run.run_id)
        return run

    async def _take_over(self, created_at: datetime) -> bool:
        rows = await self._database.rows(
            "update auth.idempotency_keys set created_at = now()"
            " where account_id = %(account)s and key = %(key)s and run_id is null"
            " and created_at = %(seen)s returning 1",
            {**self._key, "seen": created_at},
        )
        return bool(rows)

    async def _record(self, run_id: str) -> None:
        await self._database.execute(
            "update auth.idempotency_keys set run_id = %(run)s, status = 202"
            " where account_id = %(account)s and key = %(key)s",
            {**self._key, "run": run_id},
        )

    async def _release(self) -> None:
        await self._database.execute(
            "delete from auth.idempotency_keys"
            " where account_id = %(account)s and key = %(key)s and run_id is null",
            self._key,
        )


def _sha256(wanted: Mapping[str, Any]) -> bytes:
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).digest()
