"""What sign-in, limits, checks and swapping cost: `POST /predict` against a bare FastAPI route.

One run, one machine: the service as `flow up` runs it (one process, signed in, limits counted in
PostgreSQL), and a bare FastAPI app whose one route makes the same inputs and asks the same model.
A process of its own loads both in turn, over connections that are kept. Prints throughput, p50,
p95 and p99 of each, their ratio, and how long `POST /predict/batch` of 10,000 trips takes. The
models are LightGBM trained on drawn trips between 260 zones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import pickle
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


class Trip(BaseModel):
    """What the bare route is asked."""

    pickup_zone: int
    dropoff_zone: int
    pickup_at: datetime


class Answer(BaseModel):
    """What the bare route answers."""

    minutes: float
    lower_80: float
    upper_80: float


HEADERS = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"


def zones() -> list[tuple[Any, ...]]:
    """260 zones spread over a city, in five boroughs."""
    random = np.random.default_rng(3)
    return [
        (n, f"Zone {n}", f"Borough {n % 5}", 40.6 + 0.3 * y, -74.1 + 0.3 * x)
        for n, (x, y) in enumerate(random.uniform(0, 1, (260, 2)), start=1)
    ]


def make_home(home: Path, trips: int) -> str:
    """A database with the city, and both models in the home; returns the service's DSN."""
    import pandas as pd

    from flow_platform.warehouse import embedded
    from flow_platform.warehouse.server import Server
    from tests.api import world

    server = Server(embedded.start(home), None)
    world.make_database(server)
    today, places = datetime.now(UTC).date(), zones()
    world.fill_city(server, today, places)
    month = today.replace(day=1)
    cutoff = pd.Timestamp(month, tz="UTC")
    data = world.draw_trips(trips, cutoff, places)
    for measure in ("default", "planned_distance"):
        artefacts = world.train_artefacts(measure, "lightgbm", data, cutoff)
        world.serve(server, world.keep(home, measure, "lightgbm", month, artefacts))
        if measure == "default":
            # Our own files of a moment ago: only this benchmark reads them.
            (home / "bare.pickle").write_bytes(pickle.dumps(artefacts))
    return server.dsn("flow_api")


def run_service(home: Path, dsn: str, port: int) -> None:
    import uvicorn

    from flow_platform.api.app import create_app
    from flow_platform.api.config import ApiConfig, Limit, Limits
    from flow_platform.api.logs import set_up_logs
    from flow_platform.api.server import listening_on

    sys.stdout = open(home / "service.log", "w")  # noqa: SIM115
    config = ApiConfig(
        dsn=dsn,
        token_key=os.urandom(32),
        home=home,
        # Counted as ever; only the numbers are out of reach.
        limits=Limits(account=Limit(10**8, 60), address=Limit(10**8, 60)),
    )
    set_up_logs()
    uvicorn.run(create_app(config), **listening_on("127.0.0.1", port))


def run_bare(home: Path, port: int) -> None:
    """A route that somebody would write in an afternoon: the model, and nothing around it."""
    import uvicorn
    from fastapi import FastAPI

    from flow_platform.flows.trips.models.data import TripInputs
    from flow_platform.flows.trips.models.model import TripModel

    model = TripModel.load(pickle.loads((home / "bare.pickle").read_bytes()))
    app = FastAPI()

    @app.post("/predict")
    async def predict(trip: Trip) -> Answer:
        at, known = trip.pickup_at, np.zeros(1)
        minutes, lower, upper = model.score(
            TripInputs(
                np.array([trip.pickup_zone]),
                np.array([trip.dropoff_zone]),
                np.array([at.hour * 60 + at.minute]),
                np.array([at.weekday()]),
                *(known,) * 6,
                np.array([np.nan]),
            )
        )[0].tolist()
        return Answer(minutes=minutes, lower_80=lower, upper_80=upper)

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )


async def _load(port: int, requests: list[bytes], connections: int, seconds: float) -> list[float]:
    """Send requests for some seconds over `connections` at once; returns each one's seconds."""
    taken: list[float] = []
    over = time.perf_counter() + seconds

    async def one(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = first
        while time.perf_counter() < over:
            began = time.perf_counter()
            writer.write(requests[number % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"no 200: {head.decode()} {await reader.read(600)!r}")
            lower = head.lower()
            start = lower.index(b"content-length:") + 15
            await reader.readexactly(int(lower[start : lower.index(b"\r\n", start)]))
            taken.append(time.perf_counter() - began)
            number += connections
        writer.close()

    await asyncio.gather(*(one(first) for first in range(connections)))
    return taken


def load_in_process(arguments: tuple[int, list[bytes], int, float]) -> list[float]:
    import uvloop

    return uvloop.run(_load(*arguments))


def request(body: dict[str, Any], token: str | None) -> bytes:
    content = json.dumps(body).encode()
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /predict HTTP/1.1\r\n{HEADERS}{bearer}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def trips(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(5)
    now = datetime.now(UTC).replace(microsecond=0)
    return [
        {
            "pickup_zone": int(start),
            "dropoff_zone": int(end),
            "pickup_at": (now + timedelta(minutes=int(ahead))).isoformat(),
        }
        for start, end, ahead in zip(
            *random.integers(1, 261, (2, count)), random.integers(0, 10_000, count), strict=True
        )
    ]


@contextmanager
def running(target: Any, *arguments: Any) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(20)


def sign_in(port: int) -> Any:
    """A signed-in client, once the service answers."""
    import httpx

    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
    name = {"email": "bench@example.org", "password": "eleven quiet herons 4"}
    for _ in range(600):
        try:
            if client.get("/health/ready").status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.1)
    client.post("/register", json=name)
    token = client.post("/token", data={"username": name["email"], "password": name["password"]})
    client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
    for _ in range(100):
        if client.post("/predict", json=trips(1)[0]).status_code == 200:
            return client
        time.sleep(0.1)
    raise SystemExit("no model is in use")


def work(process: psutil.Process) -> float:
    """Seconds of the processor that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def figures(taken: list[float], seconds: float) -> dict[str, float]:
    p50, p95, p99 = np.percentile(taken, (50, 95, 99)) * 1000
    return {
        "requests_a_second": round(len(taken) / seconds, 1),
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "p99_ms": round(p99, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trips", type=int, default=100_000, help="that the models are trained on")
    given = parser.parse_args()
    from flow_platform.warehouse import embedded

    home = Path(tempfile.mkdtemp(prefix="flowapi", dir="/tmp"))
    home.chmod(0o755)
    service_port, bare_port = free_port(), free_port()
    try:
        dsn = make_home(home, given.trips)
        with (
            running(run_service, home, dsn, service_port) as service,
            running(run_bare, home, bare_port) as bare,
            multiprocessing.get_context("spawn").Pool(1) as loader,
        ):
            client = sign_in(service_port)
            token = client.headers["Authorization"].split()[1]
            asked = trips(2_000)
            processes = {"service": psutil.Process(service.pid), "bare": psutil.Process(bare.pid)}
            sides = {
                "service": (service_port, [request(one, token) for one in asked]),
                "bare": (bare_port, [request(one, None) for one in asked]),
            }
            taken: dict[str, list[float]] = {name: [] for name in sides}
            rates: dict[str, list[float]] = {name: [] for name in sides}
            worked: dict[str, list[float]] = {name: [] for name in sides}
            for turn in range(given.rounds + 1):
                for name, (port, requests) in sides.items():
                    arguments = (port, requests, given.connections, given.seconds)
                    before = work(processes[name])
                    own = loader.apply(load_in_process, (arguments,))
                    if turn:  # The first round warms both up.
                        worked[name].append((work(processes[name]) - before) / len(own))
                        taken[name] += own
                        rates[name].append(len(own) / given.seconds)
            batch = []
            many = {"trips": trips(10_000)}
            for _ in range(8):
                began = time.perf_counter()
                answer = client.post("/predict/batch", json=many)
                batch.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text[:300]
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)
    seconds = given.seconds * given.rounds
    work_ratios = [own / of for own, of in zip(worked["bare"], worked["service"], strict=True)]
    ratios = [own / bare for own, bare in zip(rates["service"], rates["bare"], strict=True)]
    print(
        json.dumps(
            {
                "connections": given.connections,
                **{name: figures(own, seconds) for name, own in taken.items()},
                "ratio": round(statistics.median(ratios), 3),
                "ratios": [round(one, 3) for one in ratios],
                # Seconds of the processor: what others do on the machine meanwhile counts less.
                "work_a_request_ms": {
                    name: round(1000 * statistics.median(own), 3) for name, own in worked.items()
                },
                "work_ratio": round(statistics.median(work_ratios), 3),
                "batch_of_10000_seconds": {
                    "median": round(statistics.median(batch), 3),
                    "worst": round(max(batch), 3),
                },
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
