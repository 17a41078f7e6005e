"""How the service listens: uvicorn's settings, the same in production, in tests and in benchmarks.

The app itself is made in `app.py`.
"""

from __future__ import annotations

from typing import Any


def listening_on(host: str, port: int) -> dict[str, Any]:
    """Arguments of `uvicorn.run` and `uvicorn.Config` in addition to the app."""
    return {
        "host": host,
        "port": port,
        "loop": "uvloop",
        "http": "httptools",
        "log_config": None,
        # Both are the service's own: one line of JSON a request, and addresses by its own rule.
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": 10,
    }
