"""The API and the streams write lines of one form."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from flow_platform.api.logs import JsonFormatter
from flow_platform.ground.json_log import json_line, log_event, log_warning


def test_a_line_has_time_level_and_event_first_and_its_fields_then() -> None:
    at = datetime(2026, 5, 1, 12, 0, 0, 1500, tzinfo=UTC)
    assert json_line("arrêt", at, "info", {"n": 3, "why": None}) == (
        '{"time":"2026-05-01T12:00:00.001+00:00","level":"info","event":"arrêt","n":3,"why":null}'
    )


def test_the_service_and_the_streams_use_the_same_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_event("settled", stored=2)
    log_warning("database_away", why="gone")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    record = logging.LogRecord("flow.api", logging.WARNING, "", 0, "request", None, None)
    record.fields = {"status": 200}
    lines.append(json.loads(JsonFormatter().format(record)))
    assert [list(line)[:3] for line in lines] == [["time", "level", "event"]] * 3
    assert [line["level"] for line in lines] == ["info", "warning", "warning"]
    assert all(datetime.fromisoformat(line["time"]).tzinfo is not None for line in lines)
    assert (lines[0]["stored"], lines[1]["why"], lines[2]["status"]) == (2, "gone", 200)
