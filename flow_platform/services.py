"""The services that stay up: Dagster's UI and daemon, the app, the HTTP API, the MQTT subscriber.

Each is a plain command in a session of its own, remembered by pid in FLOW_HOME/run. What they
serve is in `definitions.py`, `streamlit_app/` and `api/`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.ground.errors import FlowError
from flow_platform.ground.state_files import replace_file
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.sources.config import read_sources
from flow_platform.warehouse import embedded

_START_TIMEOUT = 180.0


@dataclass(frozen=True)
class Service:
    """A service: its command, and where it answers when it is well (None: alive is well)."""

    name: str
    command: tuple[str, ...]
    port: int | None
    health_path: str | None
    bind: str

    @property
    def address(self) -> str | None:
        return f"http://{self.bind}:{self.port}" if self.port else None


@dataclass(frozen=True)
class State:
    """How a service is: up, starting, down; with its address and what is wrong."""

    service: str
    state: str
    address: str | None
    pid: int | None
    detail: str


def services(settings: Settings) -> list[Service]:
    """The services of an installation, in the order in which they start.

    What receives messages is among them where sources.toml has a flow's rows come so. Raises
    ConfigurationError when sources.toml cannot be used.
    """
    sources = read_sources(settings.sources)
    return [
        *_lasting(settings),
        *(
            _receiver(settings, kind, name)
            for flow in CATALOGUE
            for kind, name in flow.receivers.items()
            if sources[flow.name].kind == kind
        ),
    ]


def _receiver(settings: Settings, kind: str, name: str) -> Service:
    """What receives the messages of a kind of source: the command `flow ingest <kind>`."""
    command = (sys.executable, "-m", "flow_platform.cli", "ingest", kind)
    return Service(name, command, None, None, settings.bind)


def _lasting(settings: Settings) -> list[Service]:
    binaries = Path(sys.executable).parent
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    return [
        Service(
            "dagster-webserver",
            (
                str(binaries / "dagster-webserver"),
                "--host",
                settings.bind,
                "--port",
                str(settings.dagster_port),
                "--workspace",
                workspace,
            ),
            settings.dagster_port,
            "/server_info",
            settings.bind,
        ),
        Service(
            "dagster-daemon",
            (str(binaries / "dagster-daemon"), "run", "--workspace", workspace),
            None,
            None,
            settings.bind,
        ),
        Service(
            "streamlit",
            (
                str(binaries / "streamlit"),
                "run",
                str(PROJECT_ROOT / "streamlit_app" / "app.py"),
                "--server.address",
                settings.bind,
                "--server.port",
                str(settings.streamlit_port),
                "--server.headless",
                "true",
                "--browser.gatherUsageStats",
                "false",
            ),
            settings.streamlit_port,
            "/_stcore/health",
            settings.bind,
        ),
        Service(
            "api",
            (sys.executable, "-m", "flow_platform.api"),
            settings.api_port,
            "/health/live",
            settings.bind,
        ),
    ]


def start_all(platform: Platform, environment: dict[str, str]) -> list[State]:
    """Start every service that is not well, and wait until all are.

    What a crash, kill or interrupt left is ended first. Raises FlowError naming the service, the
    end of its log, and the port's owner where a port is taken.
    """
    settings = platform.settings
    chosen = services(settings)
    for service in chosen:
        if _state(settings, service).state == "up":
            continue
        _end(settings, service)
        _check_port(service)
        _start(settings, service, environment)
    deadline = time.monotonic() + _START_TIMEOUT
    for service in chosen:
        while (state := _state(settings, service)).state != "up":
            if state.state == "down" or time.monotonic() > deadline:
                raise FlowError(
                    f"{service.name} did not come up: {state.detail or 'no answer'}."
                    f" End of {_log_path(settings, service)}:\n{_log_tail(settings, service)}"
                )
            time.sleep(0.5)
    return status(settings)


def become(settings: Settings, name: str, environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by the service `name`. Raises FlowError when there is no such one."""
    found = {service.name: service for service in services(settings)}
    if name not in found:
        raise FlowError(f"There is no service {name!r}. Use one of: {', '.join(found)}.")
    command = found[name].command
    os.chdir(PROJECT_ROOT)
    os.execve(command[0], command, _environment(found[name], environment))


def stop_all(settings: Settings) -> list[str]:
    """Stop every service of this home, then its embedded database; returns what was stopped."""
    # Receivers too: sources.toml may have changed, or broken, since they were started.
    receivers = [
        _receiver(settings, kind, name)
        for flow in CATALOGUE
        for kind, name in flow.receivers.items()
    ]
    every = [*_lasting(settings), *receivers]
    stopped = [service.name for service in reversed(every) if _end(settings, service)]
    if settings.uses_embedded_database and embedded.stop(settings.home_path):
        stopped.append("postgresql")
    return stopped


def status(settings: Settings) -> list[State]:
    """How the database and every service are, without starting anything."""
    states = [_state(settings, service) for service in services(settings)]
    return [_database_state(settings), *states]


def as_json(states: list[State]) -> list[dict[str, Any]]:
    return [asdict(state) for state in states]


def _database_state(settings: Settings) -> State:
    import psycopg

    if settings.database_url is None:
        dsn = embedded.running_dsn(settings.home_path)
        place = f"embedded in {embedded.data_directory(settings.home_path)}"
        return State("postgresql", "up" if dsn else "down", place, None, "")
    try:
        psycopg.connect(settings.database_url.get_secret_value(), connect_timeout=5).close()
    except psycopg.Error as error:
        return State("postgresql", "down", "FLOW_DATABASE_URL", None, str(error).strip())
    return State("postgresql", "up", "FLOW_DATABASE_URL", None, "")


def _state(settings: Settings, service: Service) -> State:
    process = _remembered(settings, service)
    if process is None:
        return State(service.name, "down", service.address, None, "not running")
    if service.health_path is None or _answers(f"{service.address}{service.health_path}"):
        return State(service.name, "up", service.address, process.pid, "")
    return State(service.name, "starting", service.address, process.pid, "no answer yet")


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=3) as answer:
        return bool(answer.status == 200)
    return False


def _start(settings: Settings, service: Service, environment: dict[str, str]) -> None:
    log = _log_path(settings, service)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            service.command,
            cwd=PROJECT_ROOT,
            env=_environment(service, environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    record = _record_path(settings, service)
    started = psutil.Process(process.pid).create_time()
    replace_file(record, json.dumps({"pid": process.pid, "started": started}))


def _environment(service: Service, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of the service's process.

    The API answers strangers: it gets no credentials but its own role's, and nobody else gets the
    key of its tokens. The app alone writes for the desk.
    """
    known = {**os.environ, **given, "PYTHONPATH": str(PROJECT_ROOT)}
    if service.name == "api":
        withheld = {name for name in known if name.startswith("FLOW_PASSWORD_")}
        withheld |= {"FLOW_DATABASE_URL", "FLOW_SECRET", "FLOW_DAGSTER_URL", "FLOW_DASHBOARD_DSN"}
    else:
        withheld = {"FLOW_API_DSN", "FLOW_API_TOKEN_KEY"}
    if service.name != "streamlit":
        withheld |= {"FLOW_DESK_DSN"}
    return {name: value for name, value in known.items() if name not in withheld}


def _end(settings: Settings, service: Service) -> bool:
    """End the service and all it started: they share its session. Returns whether any lived."""
    record = _read_record(settings, service)
    if record is None:
        return False
    members = _session(record["pid"], record["started"])
    for stop in (signal.SIGTERM, signal.SIGKILL):
        for process in members:
            with contextlib.suppress(psutil.Error):
                process.send_signal(stop)
        _, members_left = psutil.wait_procs(members, timeout=15)
        if not members_left:
            break
    _record_path(settings, service).unlink(missing_ok=True)
    return bool(members)


def _session(leader: int, started: float) -> list[psutil.Process]:
    """The processes of the session that `leader` opened; none if the pid is another's by now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == leader and process.create_time() >= started - 1:
                found.append(process)
    return found


def _remembered(settings: Settings, service: Service) -> psutil.Process | None:
    record = _read_record(settings, service)
    if record is None:
        return None
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["started"]) < 1
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _check_port(service: Service) -> None:
    if service.port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((service.bind, service.port))
        except OSError as error:
            variable = f"FLOW_{service.name.split('-')[0].upper()}_PORT"
            raise FlowError(
                f"{service.name} cannot listen on {service.bind}:{service.port}: {error.strerror}."
                f" Free the port or set {variable} to another."
            ) from error


def _read_record(settings: Settings, service: Service) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(_record_path(settings, service).read_text())
        return record if {"pid", "started"} <= record.keys() else None
    except (OSError, ValueError):
        return None


def _record_path(settings: Settings, service: Service) -> Path:
    return settings.home_path / "run" / f"{service.name}.json"


def _log_path(settings: Settings, service: Service) -> Path:
    return settings.home_path / "logs" / f"{service.name}.log"


def _log_tail(settings: Settings, service: Service, lines: int = 12) -> str:
    try:
        text = _log_path(settings, service).read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])
