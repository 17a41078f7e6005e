"""What the service's frame costs: a trivial operation for accounts, against a bare FastAPI route.

One run, two servers in processes of their own, the load from this machine: rounds alternate between
`GET /me` (token, session, limits, log, metrics, headers) and a bare route that returns the same
body. Also how long a refused sign-in takes under a known name and under an unknown one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import secrets
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig, Limit, Limits
from flow_platform.api.logs import set_up_logs
from flow_platform.api.server import listening_on
from flow_platform.warehouse import embedded
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.server import Server, create_roles_and_databases

_PASSWORD = "vier alltägliche Wörter 7"
_ROUNDS, _SECONDS = 7, 2.0
_ENOUGH = Limit(100_000_000, 60)


class _Body(BaseModel):
    id: str
    email: str
    role: str


def _serve(app: FastAPI, port: int) -> None:
    uvicorn.run(app, **listening_on("127.0.0.1", port))


def _serve_bare(port: int) -> None:
    app = FastAPI()

    @app.get("/me")
    async def me() -> _Body:
        return _Body(id=str(1) * 36, email="ada@example.com", role="viewer")

    logging.disable()
    _serve(app, port)


def _serve_service(config: ApiConfig, port: int, log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    set_up_logs()
    _serve(create_app(config), port)


@contextmanager
def _running(target: Any, *arguments: Any) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    order = (*arguments[:1], port, *arguments[1:]) if arguments else (port,)
    process = multiprocessing.get_context("spawn").Process(target=target, args=order, daemon=True)
    process.start()
    try:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.join(20)


async def _load(port: int, headers: dict[str, str], connections: int) -> tuple[int, list[float]]:
    """Requests answered with 200 in a round, and how long each took."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET /me HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode()
    until, took = time.perf_counter() + _SECONDS, list[float]()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            took.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return len(took), took


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(part * (len(values) - 1))]


def _compare(service: int, bare: int, headers: dict[str, str], connections: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"service": [], "bare": []}
    slowest: list[float] = []
    for number in range(_ROUNDS):
        for name, port, sent in (("service", service, headers), ("bare", bare, {})):
            count, took = asyncio.run(_load(port, sent, connections))
            if number:  # the first round warms both up
                rates[name].append(count / _SECONDS)
                slowest += took if name == "service" else []
    ratios = [one / two for one, two in zip(rates["service"], rates["bare"], strict=True)]
    return {
        "connections": connections,
        "service_requests_a_second": round(statistics.median(rates["service"])),
        "bare_requests_a_second": round(statistics.median(rates["bare"])),
        "ratio": round(statistics.median(ratios), 3),
        "service_p50_ms": round(_percentile(slowest, 0.5) * 1000, 2),
        "service_p95_ms": round(_percentile(slowest, 0.95) * 1000, 2),
    }


def _refusals(client: httpx.Client, server: Server, known: str, tries: int) -> dict[str, Any]:
    import psycopg

    took: dict[str, list[float]] = {"known": [], "unknown": []}
    with psycopg.connect(server.dsn("admin"), autocommit=True) as connection:
        for number in range(tries):
            order = ("known", "unknown") if number % 2 else ("unknown", "known")
            for kind in order:
                name = known if kind == "known" else f"{secrets.token_hex(4)}@example.com"
                # A lock would answer without looking at any password.
                connection.execute("delete from auth.sign_in_attempts")
                started = time.perf_counter()
                answer = client.post("/token", data={"username": name, "password": "wrong one"})
                took[kind].append(time.perf_counter() - started)
                assert answer.status_code == 401
    medians = {kind: statistics.median(values) * 1000 for kind, values in took.items()}
    return {
        "tries_each": tries,
        **{f"{kind}_median_ms": round(value, 2) for kind, value in medians.items()},
        "difference_ms": round(medians["known"] - medians["unknown"], 2),
        "scatter_ms": round(
            statistics.median(
                abs(value * 1000 - medians[kind]) for kind in took for value in took[kind]
            ),
            2,
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=150, help="refused sign-ins of each kind")
    tries = parser.parse_args().tries
    home = Path(tempfile.mkdtemp(prefix="bench", dir="/tmp"))
    try:
        server = Server(embedded.start(home), None)
        create_roles_and_databases(server)
        migrate(server)
        limits = Limits(
            account=_ENOUGH,
            address=_ENOUGH,
            sign_in_address=_ENOUGH,
            sign_in_name=_ENOUGH,
            register_address=_ENOUGH,
        )
        key = secrets.token_bytes(32)
        config = replace(ApiConfig(server.dsn("flow_api"), key, home), limits=limits)
        with ExitStack() as stack:
            service = stack.enter_context(_running(_serve_service, config, home / "log"))
            bare = stack.enter_context(_running(_serve_bare))
            client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{service}"))
            email = "ada@example.com"
            client.post("/register", json={"email": email, "password": _PASSWORD})
            answer = client.post("/token", data={"username": email, "password": _PASSWORD})
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            found = {
                "load": [_compare(service, bare, headers, count) for count in (1, 16)],
                "refused_sign_ins": _refusals(client, server, email, tries),
            }
        print(json.dumps(found, indent=2))
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
