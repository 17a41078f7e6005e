"""Open-Meteo over HTTP: newest forecast, previous runs, and archive, as rows of raw.weather.

Bounded in time and number of tries; whatever fails becomes a warning. Formats as documented on
open-meteo.com (forecast, previous runs, historical weather).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import requests

from flow_platform.ground.local_time import day_closes_at
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.http_retries import retrying
from flow_platform.sources.simulated_world import LEADS
from flow_platform.sources.weather_days import (
    FORECAST,
    OBSERVED,
    local_days,
    stack_weather,
    weather_rows,
)

_VARIABLES = {
    "temperature": "temperature_2m",
    "precipitation": "precipitation",
    "snowfall": "snowfall",
    "wind": "wind_speed_10m",
}
# previous_dayN is kept for N up to 7, and for most models from January 2024 on.
_PREVIOUS_LEADS = 7
_PREVIOUS_RUNS_FROM = date(2024, 1, 1)
_FORECAST_DAYS = 16
# The forecast API keeps the recent past; the archive (ERA5) follows five days late.
_RECENT_DAYS = 60
_ARCHIVE_DELAY_DAYS = 5
_OBSERVED_AFTER_HOURS = 30
_CENTRES_A_REQUEST = 50
_DAYS_A_REQUEST = 120
_CACHE_SECONDS_RECENT = 3600
_CACHE_SECONDS_PAST = 30 * 86400


class _UnansweredError(Exception):
    """A request without a usable answer; the message says why.

    `down` is true if the service does not answer, false if it refuses this request.
    """

    def __init__(self, reason: str, down: bool) -> None:
        super().__init__(reason)
        self.down = down


def _is_answer(response: requests.Response) -> bool:
    try:
        places = response.json()
    except ValueError:
        return False
    places = places if isinstance(places, list) else [places]
    return bool(places) and all(
        isinstance(place, dict) and isinstance(place.get("hourly"), dict) for place in places
    )


@dataclass
class _Client:
    """Asks the services; one that does not answer is not asked again."""

    config: SourceConfig
    cache_dir: Path | None
    now: datetime
    warnings: list[str] = field(default_factory=list)
    down: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._session = retrying(self._cached_session() or requests.Session(), self.config)

    def _cached_session(self) -> requests.Session | None:
        folder = Path(self.config.cache_dir) if self.config.cache_dir else self.cache_dir
        if folder is None:
            return None
        try:
            import requests_cache

            folder.mkdir(parents=True, exist_ok=True)
            return requests_cache.CachedSession(
                str(folder / "open_meteo"),
                backend="sqlite",
                allowable_codes=(200,),
                filter_fn=_is_answer,
            )
        except Exception as error:  # a cache that cannot be opened must not stop the weather
            self.warnings.append(
                f"The weather cache {folder} cannot be used ({error}); asking without it."
            )
            return None

    def close(self) -> None:
        self._session.close()

    def hours(
        self, service: str, url: str, centres: Sequence[Centre], params: dict[str, Any], last: date
    ) -> Iterator[tuple[Centre, dict[str, Any]]]:
        """The `hourly` part of the answer for each centre; warnings where there is none."""
        if service in self.down:
            return
        query = {
            "latitude": ",".join(f"{centre.latitude:.4f}" for centre in centres),
            "longitude": ",".join(f"{centre.longitude:.4f}" for centre in centres),
            "timeformat": "unixtime",
            "timezone": "GMT",
            **params,
        }
        past = last < self.now.date() - timedelta(days=_ARCHIVE_DELAY_DAYS + 2)
        try:
            places = self._ask(url, query, _CACHE_SECONDS_PAST if past else _CACHE_SECONDS_RECENT)
        except _UnansweredError as error:
            names = ", ".join(centre.centre_id for centre in centres)
            again = ""
            if error.down:
                self.down.add(service)
                again = " and is not asked again in this run"
            self.warnings.append(
                f"Open-Meteo {service} gave nothing for centre {names} ({error}){again}."
                " Forecasts go on without it; run the days again later."
            )
            return
        if len(places) != len(centres):
            self.warnings.append(
                f"Open-Meteo {service} answered for {len(places)} of {len(centres)} centres;"
                " the answer is not used."
            )
            return
        for centre, place in zip(centres, places, strict=True):
            hourly = place.get("hourly") if isinstance(place, dict) else None
            if isinstance(hourly, dict) and isinstance(hourly.get("time"), list):
                yield centre, hourly
            else:
                self.warnings.append(
                    f"Open-Meteo {service} has no hours for centre {centre.centre_id}."
                )

    def _ask(self, url: str, query: dict[str, Any], cache_seconds: int) -> list[Any]:
        extra: dict[str, Any] = {}
        if hasattr(self._session, "cache"):
            extra["expire_after"] = cache_seconds
        try:
            response = self._session.get(
                url, params=query, timeout=self.config.timeout_seconds, **extra
            )
        except requests.RequestException as error:
            raise _UnansweredError(f"{type(error).__name__} from {url}", down=True) from error
        except Exception as error:  # a damaged cache file raises sqlite3 and pickle errors
            raise _UnansweredError(f"{type(error).__name__}: {error}", down=True) from error
        if response.status_code != 200:
            reason = response.text[:200]
            with contextlib.suppress(ValueError, AttributeError):
                reason = str(response.json().get("reason", reason))[:200]
            busy = response.status_code == 429 or response.status_code >= 500
            raise _UnansweredError(f"HTTP {response.status_code}: {reason}", down=busy)
        try:
            places = response.json()
        except (ValueError, RecursionError) as error:
            raise _UnansweredError("the answer is not JSON", down=False) from error
        return places if isinstance(places, list) else [places]


def _frame(hourly: dict[str, Any], suffix: str) -> pd.DataFrame | None:
    """An answer's hours as a frame of `time` (UTC) and values, or None where they do not fit."""
    times = pd.to_numeric(pd.Series(hourly["time"], dtype=object), errors="coerce")
    columns: dict[str, Any] = {}
    for ours, theirs in _VARIABLES.items():
        values = hourly.get(f"{theirs}{suffix}")
        if values is None:
            values = [None] * len(times)
        if not isinstance(values, list) or len(values) != len(times):
            return None
        columns[ours] = pd.to_numeric(
            pd.Series([v if isinstance(v, int | float) else None for v in values], dtype=object),
            errors="coerce",
        )
    frame = pd.DataFrame(columns)
    inside = times.between(0, 4e9)
    frame = frame.loc[inside]
    frame.insert(0, "time", pd.to_datetime(times[inside].astype("int64"), unit="s", utc=True))
    return frame


def _chunks(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(first + timedelta(days=_DAYS_A_REQUEST - 1), last)
        yield first, end
        first = end + timedelta(days=1)


@dataclass
class _Request:
    client: _Client
    centres: Sequence[Centre]
    frames: list[pd.DataFrame]
    seen: set[tuple[str, str]] = field(default_factory=set)

    def ask(
        self, service: str, url: str, first: date, last: date, suffixes: Sequence[str]
    ) -> Iterator[tuple[Centre, str, pd.DataFrame]]:
        """Local days of every centre and suffix; a day of margin covers all time zones."""
        names = [f"{name}{suffix}" for suffix in suffixes for name in _VARIABLES.values()]
        for start in range(0, len(self.centres), _CENTRES_A_REQUEST):
            group = self.centres[start : start + _CENTRES_A_REQUEST]
            params = {
                "hourly": ",".join(names),
                "start_date": (first - timedelta(days=1)).isoformat(),
                "end_date": (last + timedelta(days=1)).isoformat(),
            }
            for centre, hourly in self.client.hours(service, url, group, params, last):
                for suffix in suffixes:
                    frame = _frame(hourly, suffix)
                    if frame is None:
                        self.client.warnings.append(
                            f"Open-Meteo {service} sent hours that do not fit together for centre"
                            f" {centre.centre_id}; not used."
                        )
                        continue
                    if frame.empty:
                        continue
                    days = local_days(frame, centre.timezone)
                    index = pd.DatetimeIndex(days.index)
                    inside = (index >= pd.Timestamp(first)) & (index <= pd.Timestamp(last))
                    yield centre, suffix, days.loc[inside]

    def observed(self, service: str, url: str, first: date, last: date, delay_hours: int) -> None:
        for centre, _, days in self.ask(service, url, first, last, [""]):
            target = pd.DatetimeIndex(days.index)
            known = (target + pd.Timedelta(hours=delay_hours)).tz_localize("UTC")
            self.frames.append(weather_rows(days, centre.centre_id, OBSERVED, target, known))

    def previous_runs(self, url: str, first: date, last: date) -> None:
        leads = list(range(1, _PREVIOUS_LEADS + 1))
        suffixes = [f"_previous_day{lead}" for lead in leads]
        end = last + timedelta(days=_PREVIOUS_LEADS)
        begin = first + timedelta(days=1)
        for centre, suffix, days in self.ask("previous runs", url, begin, end, suffixes):
            lead = leads[suffixes.index(suffix)]
            issued = pd.DatetimeIndex(days.index) - pd.Timedelta(days=lead)
            inside = (issued >= pd.Timestamp(first)) & (issued <= pd.Timestamp(last))
            days, issued = days.loc[inside], issued[inside]
            known = day_closes_at(issued, centre.timezone)
            self.frames.append(weather_rows(days, centre.centre_id, FORECAST, issued, known))

    def newest(self, url: str, day: date, now: datetime) -> None:
        """The newest forecast, fetched at `now`: all leads while the day is still open, after
        its close only those that the previous runs do not reach.
        """
        begin, end = day + timedelta(days=1), day + timedelta(days=LEADS)
        for centre, _, days in self.ask("forecast", url, begin, end, [""]):
            index = pd.DatetimeIndex([pd.Timestamp(day)]).as_unit("us")
            closed = pd.Timestamp(now) > day_closes_at(index, centre.timezone)[0]
            lead = (pd.DatetimeIndex(days.index) - pd.Timestamp(day)).days
            days = days.loc[lead > (_PREVIOUS_LEADS if closed else 0)]
            size = len(days)
            self.frames.append(
                weather_rows(
                    days,
                    centre.centre_id,
                    FORECAST,
                    pd.DatetimeIndex([pd.Timestamp(day)] * size).as_unit("us"),
                    pd.DatetimeIndex([pd.Timestamp(now)] * size).tz_convert("UTC").as_unit("us"),
                )
            )


def fetch_open_meteo(
    config: SourceConfig,
    centres: Sequence[Centre],
    first_day: date,
    last_day: date,
    *,
    now: datetime,
    cache_dir: Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Rows of raw.weather for the partition days, and warnings.

    Observed: up to 60 days back from the forecast API's own analysis, known the next day at 06:00
    UTC; older days from the archive, known five days later still, as ERA5 is. Forecasts: leads 1
    to 7 from the previous runs (from 2024 on), known when the day closes: previous_dayN of day
    D + N comes from runs started N x 24 hours before each of its hours, all of them on D; leads up
    to 14 from the newest forecast for today and yesterday only, known at `now`, when it is
    fetched. Centres without coordinates are passed over with a warning.
    """
    placed = [centre for centre in centres if centre.latitude is not None]
    client = _Client(config, cache_dir, now)
    try:
        missing = [centre.centre_id for centre in centres if centre.latitude is None]
        if missing:
            client.warnings.append(
                f"Centre {', '.join(missing)} has no latitude and longitude, so no weather."
                " Add them to the centres file."
            )
        frames: list[pd.DataFrame] = []
        today = now.date()
        last_day = min(last_day, today)
        if placed and first_day <= last_day:
            asked = _Request(client, placed, frames)
            recent = today - timedelta(days=_RECENT_DAYS)
            for first, last in _chunks(first_day, min(last_day, recent - timedelta(days=1))):
                delay = _OBSERVED_AFTER_HOURS + 24 * _ARCHIVE_DELAY_DAYS
                asked.observed("archive", config.archive_url, first, last, delay)
            for first, last in _chunks(max(first_day, recent), last_day):
                asked.observed("forecast", config.forecast_url, first, last, _OBSERVED_AFTER_HOURS)
            for first, last in _chunks(max(first_day, _PREVIOUS_RUNS_FROM), last_day):
                asked.previous_runs(config.previous_runs_url, first, last)
            for day in sorted({today - timedelta(days=1), today}):
                if first_day <= day <= last_day:
                    asked.newest(config.forecast_url, day, now)
        rows = stack_weather(frames)
    finally:
        client.close()
    keys = ["centre_id", "day", "vintage", "target_day"]
    # While a day is open both sources reach leads 1 to 7: the newest forecast, appended last, wins.
    rows = rows.drop_duplicates(keys, keep="last").reset_index(drop=True)
    silent = [
        centre.centre_id
        for centre in placed
        if first_day <= last_day and not np.any(rows["centre_id"] == centre.centre_id)
    ]
    if silent and not client.warnings:
        client.warnings.append(
            f"Open-Meteo has no weather from {first_day} to {last_day} for centre"
            f" {', '.join(silent)}."
        )
    return rows, client.warnings
