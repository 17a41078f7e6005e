"""Open-Meteo against a server of our own that answers in its documented JSON format."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from flow_platform.sources.centres import Centre
from flow_platform.sources.weather import WeatherResult, fetch_weather
from flow_platform.sources.weather_options import WeatherSource
from tests.unit.sources.samples import plain_centre

NOW = datetime(2026, 6, 1, 3, 30, tzinfo=UTC)
PLACED = [
    replace(plain_centre("1"), latitude=48.9, longitude=2.3),
    replace(plain_centre("2", "America/New_York"), latitude=40.7, longitude=-74.0),
]
Answer = tuple[int, bytes]


def documented(query: dict[str, str], latitude: float) -> dict[str, Any]:
    """Hours from start_date to end_date; the temperature encodes place and lead."""
    first = datetime.fromisoformat(query["start_date"]).replace(tzinfo=UTC)
    last = datetime.fromisoformat(query["end_date"]).replace(tzinfo=UTC)
    count = ((last - first).days + 1) * 24
    hourly: dict[str, Any] = {
        "time": [int(first.timestamp()) + 3600 * number for number in range(count)]
    }
    for name in query["hourly"].split(","):
        lead = int(name[-1]) if "_previous_day" in name else 0
        value = round(latitude) + lead / 10 if name.startswith("temperature") else 1.0
        hourly[name] = [value] * count
    return {"latitude": latitude, "longitude": 0.0, "timezone": "GMT", "hourly": hourly}


class Service:
    """What the server does and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[str, dict[str, str]], Answer] = self.properly

    def properly(self, path: str, query: dict[str, str]) -> Answer:
        places = [documented(query, float(text)) for text in query["latitude"].split(",")]
        return 200, json.dumps(places if len(places) > 1 else places[0]).encode()

    def paths(self) -> set[str]:
        return {path for path, _ in self.asked}


@pytest.fixture()
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            state.asked.append((parts.path, query))
            status, body = state.answer(parts.path, query)
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield state
    server.shutdown()
    server.server_close()


def ask(
    service: Service,
    first: date,
    last: date,
    centres: list[Centre] | None = None,
    cache_dir: Path | None = None,
    now: datetime = NOW,
    timeout_seconds: float = 5.0,
) -> WeatherResult:
    url = service.url  # type: ignore[attr-defined]
    config = WeatherSource(
        kind="open_meteo",
        forecast_url=f"{url}/forecast",
        previous_runs_url=f"{url}/previous",
        archive_url=f"{url}/archive",
        timeout_seconds=timeout_seconds,
        retries=2,
        back_off_seconds=0.01,
    )
    return fetch_weather(config, centres or PLACED, first, last, now=now, cache_dir=cache_dir)


def test_past_days_have_observations_and_seven_leads_of_previous_runs(service: Service) -> None:
    result = ask(service, date(2025, 3, 29), date(2025, 3, 31))
    assert result.warnings == []
    counts = result.rows.groupby(["centre_id", "vintage"]).size()
    assert counts.to_dict() == {
        ("1", "forecast"): 21,
        ("1", "observed"): 3,
        ("2", "forecast"): 21,
        ("2", "observed"): 3,
    }
    forecast = result.rows[result.rows["vintage"] == "forecast"]
    place = forecast["centre_id"].map({"1": 49.0, "2": 41.0})
    assert (forecast["temperature_mean"] - place).round(1).equals(forecast["lead_days"] / 10)
    assert service.paths() == {"/archive", "/previous"}
    assert len(service.asked) == 2


def test_what_previous_runs_said_is_known_when_the_day_closes(service: Service) -> None:
    rows = ask(service, date(2025, 3, 29), date(2025, 3, 29)).rows
    known = rows[rows["vintage"] == "forecast"].groupby("centre_id")["available_at"].unique()
    assert known["1"].tolist() == [pd.Timestamp("2025-03-30T00:00Z")]
    assert known["2"].tolist() == [pd.Timestamp("2025-03-30T04:00Z")]


def test_the_archive_is_known_five_days_later_than_an_observation(service: Service) -> None:
    rows = ask(service, date(2025, 3, 29), date(2025, 3, 29), PLACED[:1]).rows
    observed = rows[rows["vintage"] == "observed"]
    assert observed["available_at"].tolist() == [pd.Timestamp("2025-04-04T06:00Z")]
    recent = ask(service, date(2026, 5, 20), date(2026, 5, 20), PLACED[:1]).rows
    observed = recent[recent["vintage"] == "observed"]
    assert observed["available_at"].tolist() == [pd.Timestamp("2026-05-21T06:00Z")]


def test_a_day_of_23_hours_is_a_whole_day(service: Service) -> None:
    rows = ask(service, date(2025, 3, 30), date(2025, 3, 30), PLACED[:1]).rows
    observed = rows[rows["vintage"] == "observed"]
    assert observed["precipitation_mm"].tolist() == [23]


def test_the_newest_forecast_says_truthfully_when_it_was_fetched(service: Service) -> None:
    rows = ask(service, date(2026, 5, 31), date(2026, 6, 1), PLACED[:1]).rows
    forecast = rows[rows["vintage"] == "forecast"].set_index(["day", "lead_days"])["available_at"]
    yesterday, today = pd.Timestamp(2026, 5, 31), pd.Timestamp(2026, 6, 1)
    assert forecast[yesterday].index.tolist() == list(range(1, 15))
    assert (forecast[yesterday][:7] == pd.Timestamp("2026-06-01T00:00Z")).all()
    assert (forecast[yesterday][7:] == pd.Timestamp(NOW)).all()
    assert (forecast[today] == pd.Timestamp(NOW)).all()
    assert len(forecast[today]) == 14
    observed = rows[rows["vintage"] == "observed"]
    assert observed["target_day"].tolist() == [yesterday]


def test_centres_without_coordinates_are_warned_of_and_others_served(service: Service) -> None:
    result = ask(service, date(2025, 1, 1), date(2025, 1, 1), [plain_centre("9"), *PLACED])
    assert result.warnings == [
        "Centre 9 has no latitude and longitude, so no weather. Add them to the centres file."
    ]
    assert set(result.rows["centre_id"]) == {"1", "2"}


def test_days_before_2024_have_no_previous_runs(service: Service) -> None:
    rows = ask(service, date(2023, 5, 1), date(2023, 5, 2)).rows
    assert set(rows["vintage"]) == {"observed"}
    assert service.paths() == {"/archive"}


def test_a_service_that_recovers_is_asked_again(service: Service) -> None:
    failures = iter([429, 503])

    def moody(path: str, query: dict[str, str]) -> Answer:
        status = next(failures, 200)
        return (status, b"busy") if status != 200 else service.properly(path, query)

    service.answer = moody
    assert ask(service, date(2025, 1, 1), date(2025, 1, 1)).warnings == []


@pytest.mark.parametrize("status", [429, 500])
def test_a_service_that_stays_down_is_a_warning_after_bounded_tries(
    service: Service, status: int
) -> None:
    service.answer = lambda path, query: (status, b'{"error": true, "reason": "no"}')
    result = ask(service, date(2024, 1, 1), date(2025, 12, 31))
    assert result.rows.empty
    assert len(result.warnings) == 2
    assert all(f"HTTP {status}" in text for text in result.warnings)
    assert len(service.asked) == 2 * 3


def test_a_refused_request_gives_the_reason_and_is_not_repeated(service: Service) -> None:
    def refusing(path: str, query: dict[str, str]) -> Answer:
        if path == "/previous":
            return 400, b'{"error": true, "reason": "start_date is out of range"}'
        return service.properly(path, query)

    service.answer = refusing
    result = ask(service, date(2025, 1, 1), date(2025, 1, 1))
    assert set(result.rows["vintage"]) == {"observed"}
    assert "start_date is out of range" in result.warnings[0]
    assert len(service.asked) == 2


def test_a_silent_service_is_a_warning(service: Service) -> None:
    def silent(path: str, query: dict[str, str]) -> Answer:
        time.sleep(0.5)
        return 200, b"{}"

    service.answer = silent
    result = ask(service, date(2023, 1, 1), date(2023, 1, 1), timeout_seconds=0.05)
    assert result.rows.empty
    assert "is not asked again" in result.warnings[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b"3",
        b"[1, 2]",
        b'{"hourly": []}',
        b'[{"hourly": {}}, {"hourly": {"time": 3}}]',
        b'[{"hourly": {"time": [1, 2], "temperature_2m": [1]}}, null]',
        b'[{"hourly": {"time": ["x", null, {}]}}, {"hourly": {"time": [1e99, -1, true]}}]',
        b'[{"hourly": {"time": [1735689600], "temperature_2m": ["hot"]}}, {"hourly": null}]',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_garbage_is_a_warning(service: Service, body: bytes) -> None:
    service.answer = lambda path, query: (200, body)
    result = ask(service, date(2025, 1, 1), date(2025, 1, 1))
    assert result.rows.empty
    assert result.warnings


def test_hours_the_source_does_not_have_give_no_row(service: Service) -> None:
    def partly(path: str, query: dict[str, str]) -> Answer:
        place = documented(query, 48.9)
        place["hourly"]["temperature_2m"] = [None] * len(place["hourly"]["time"])
        return 200, json.dumps(place).encode()

    service.answer = partly
    result = ask(service, date(2023, 1, 1), date(2023, 1, 1), PLACED[:1])
    assert result.rows.empty
    assert "has no weather from 2023-01-01" in result.warnings[0]


def test_the_past_is_asked_once_and_garbage_is_not_remembered(
    service: Service, tmp_path: Path
) -> None:
    service.answer = lambda path, query: (200, b"<html>")
    ask(service, date(2023, 1, 1), date(2023, 1, 1), cache_dir=tmp_path / "cache")
    service.answer = service.properly
    first = ask(service, date(2023, 1, 1), date(2023, 1, 1), cache_dir=tmp_path / "cache")
    asked = len(service.asked)
    again = ask(service, date(2023, 1, 1), date(2023, 1, 1), cache_dir=tmp_path / "cache")
    assert len(service.asked) == asked == 2
    pd.testing.assert_frame_equal(first.rows, again.rows)


def test_a_damaged_cache_does_not_stop_the_weather(service: Service, tmp_path: Path) -> None:
    (tmp_path / "open_meteo.sqlite").write_bytes(b"not a database" * 100)
    result = ask(service, date(2023, 1, 1), date(2023, 1, 1), cache_dir=tmp_path)
    assert len(result.rows) == 2
    assert "cannot be used" in result.warnings[0]


def test_many_centres_share_requests_and_long_ranges_are_cut(service: Service) -> None:
    centres = [replace(PLACED[0], centre_id=str(number)) for number in range(60)]
    result = ask(service, date(2022, 1, 1), date(2022, 1, 1) + timedelta(days=129), centres)
    assert len(result.rows) == 60 * 130
    assert len(service.asked) == 4
