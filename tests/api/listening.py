"""Apps that listen on a port of their own, as clients meet them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from flow_platform.api.server import listening_on
from tests.local_server import free_port


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Serve an ASGI app in a thread, as the service is served; yields its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, **listening_on("127.0.0.1", port)))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(600):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.05)
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
