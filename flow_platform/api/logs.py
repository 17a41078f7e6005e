"""The service's log: one line of JSON a request and an event, on standard output.

No address of a person, token, query value, header or body is ever written here.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from flow_platform.ground.json_log import json_line

LOGGER = logging.getLogger("flow.api")


class JsonFormatter(logging.Formatter):
    """A record as one line. An exception is logged by its type and frames, without its message:
    messages of drivers and validators repeat values."""

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = _exception_frames(record.exc_info[1])
        at = datetime.fromtimestamp(record.created, UTC)
        return json_line(record.getMessage(), at, record.levelname.lower(), fields)


def set_up_logs() -> None:
    """Send the service's and uvicorn's records to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    # Of none of these a line says anything, and each costs every record.
    logging.logThreads = logging.logProcesses = False
    logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("flow.api", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.INFO)


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Write one event. Fields that are None are left out."""
    if LOGGER.isEnabledFor(level):
        # Without the search for who called, which costs more than the line.
        record = logging.LogRecord(LOGGER.name, level, "", 0, event, None, None)
        record.fields = {name: value for name, value in fields.items() if value is not None}
        LOGGER.handle(record)


def log_failure(event: str, error: BaseException, **fields: Any) -> None:
    """Write an event with the type and frames of what went wrong."""
    LOGGER.error(event, exc_info=error, extra={"fields": fields})


def _exception_frames(error: BaseException) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    chained: BaseException | None = error
    while chained is not None and len(found) < 5:
        frames = traceback.extract_tb(chained.__traceback__)[-12:]
        found.append(
            {
                "type": type(chained).__name__,
                "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        chained = chained.__cause__ or chained.__context__
    return found
