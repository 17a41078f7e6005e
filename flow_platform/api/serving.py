"""The models in use: found by the published views, checked, and swapped whole.

A request takes one `Serving` at its beginning and keeps it to its end, so that what it answers is
of one version. How a trip is scored is in `scoring/trips/`; who serves is told by `lineup.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from flow_platform.api.config import ApiConfig
from flow_platform.api.lineup import Standing, standings
from flow_platform.api.logs import log
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.ground.errors import FlowError, ModelError
from flow_platform.registry.vintages import Vintage, checksum_of

if TYPE_CHECKING:
    from flow_platform.api.database import Database
    from flow_platform.api.metrics import Metrics
    from flow_platform.scoring.trips.model import TripModel

POLL_SECONDS = 2.0
CITY_SECONDS = 60.0
# A broken vintage is tried again: its files may have been put right.
RETRY_SECONDS = 30.0
# Days whose calendar and weather are kept at hand: five years.
FURTHEST_BACK_DAYS = 5 * 365

NAN = float("nan")


@dataclass(frozen=True)
class Serving:
    """A vintage in use: loaded, its sha256 and golden row checked. Never changed."""

    measure: str
    version: str
    candidate: str
    sha256: str
    model: TripModel
    loaded_at: datetime


@dataclass(frozen=True)
class Broken:
    """A vintage that should serve and cannot; `reason` is for people."""

    version: str
    sha256: str
    reason: str
    since: datetime
    tried: float


@dataclass(frozen=True)
class Zone:
    """A zone of the city; `centre_id` is its borough."""

    zone_id: int
    name: str
    centre_id: str


@dataclass(frozen=True)
class Conditions:
    """What a local day is like: flags 0 or 1; weather is nan where it is unknown."""

    is_public_holiday: float = 0.0
    is_school_holiday: float = 0.0
    temperature_mean: float = NAN
    precipitation_mm: float = NAN
    snowfall_cm: float = NAN
    wind_max_kmh: float = NAN

    @cached_property
    def as_row(self) -> tuple[float, ...]:
        """In the order in which TripInputs has them."""
        return (
            self.is_public_holiday,
            self.is_school_holiday,
            self.temperature_mean,
            self.precipitation_mm,
            self.snowfall_cm,
            self.wind_max_kmh,
        )


@dataclass(frozen=True)
class City:
    """Zones by id, the clock, and the conditions by local day. Never changed."""

    timezone: ZoneInfo
    zones: Mapping[int, Zone]
    conditions: Mapping[date, Conditions]

    def on(self, day: date) -> Conditions:
        """The conditions of a local day; one that is not published is an ordinary day."""
        return self.conditions.get(day, _ORDINARY)


_ORDINARY = Conditions()


class ModelStore:
    """The trips' models in use, one for each measure, and the city they are asked about.

    `home` is FLOW_HOME. `load` makes a model of artefacts; like reading the files, in a thread.
    """

    def __init__(
        self,
        database: Database,
        home: Path,
        metrics: Metrics,
        load: Callable[[Mapping[str, bytes]], TripModel] | None = None,
    ) -> None:
        self._database = database
        self._home = home
        self._load = load or _trip_model
        self._swaps = metrics.model_swaps.labels(TRIPS.name)
        self._broken = metrics.model_broken
        self._task: asyncio.Task[None] | None = None
        self._city_read = -CITY_SECONDS
        self._is_stale = False
        # Replaced as a whole, never changed in place: a reader sees one state or the next.
        self.serving: Mapping[str, Serving] = MappingProxyType({})
        self.broken: Mapping[str, Broken] = MappingProxyType({})
        self.city: City | None = None

    async def start(self) -> None:
        """Load what serves now, then look for changes every two seconds until `stop`."""
        await self._look()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def probe(self) -> None:
        """For /health: raises ModelError while a vintage that should serve cannot."""
        for measure, one in self.broken.items():
            raise ModelError(f"{measure}: {one.reason}")

    async def refresh(self) -> None:
        """Look once: take over what changed. Raises what the database raises."""
        now = time.monotonic()
        if self.city is None or now - self._city_read >= CITY_SECONDS:
            self.city = await self._read_city()
            self._city_read = now
        found = await standings(self._database, (TRIPS.name,))
        for measure in TRIPS.measures:
            standing = found.get((TRIPS.name, measure))
            # A champion that vanished (its month is being trained) leaves the one in use in place.
            if standing is not None:
                await self._take_over(measure, standing)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            await self.refresh()
            self._is_stale = False
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Said once: the database may be away for hours, and readiness tells of it meanwhile.
            if not self._is_stale:
                log("models cannot be looked up", reason=_told(error))
            self._is_stale = True

    async def _take_over(self, measure: str, standing: Standing) -> None:
        vintage = standing.serving
        current, broken = self.serving.get(measure), self.broken.get(measure)
        if current is not None and _is(current, vintage):
            self._note(measure, None)
            return
        known = broken is not None and _is(broken, vintage)
        if broken is not None and known and time.monotonic() - broken.tried < RETRY_SECONDS:
            return
        try:
            loaded = await asyncio.to_thread(self._checked, measure, vintage)
        except Exception as error:
            reason = _told(error)
            since = broken.since if broken is not None and known else datetime.now(UTC)
            self._note(
                measure,
                Broken(vintage.model_version, vintage.sha256, reason, since, time.monotonic()),
            )
            if not known:
                log("model broken", flow=TRIPS.name, version=vintage.model_version, reason=reason)
            if current is None and standing.before is not None:
                await self._stand_in(measure, standing.before)
            return
        self._put(loaded)
        self._note(measure, None)

    async def _stand_in(self, measure: str, before: Vintage) -> None:
        """After a start there is no old model to keep: the champion before serves instead."""
        try:
            self._put(await asyncio.to_thread(self._checked, measure, before))
        except Exception as error:
            log("model broken", flow=TRIPS.name, version=before.model_version, reason=_told(error))

    def _put(self, loaded: Serving) -> None:
        self.serving = MappingProxyType({**self.serving, loaded.measure: loaded})
        self._swaps.inc()
        log("model serves", flow=TRIPS.name, measure=loaded.measure, version=loaded.version)

    def _note(self, measure: str, broken: Broken | None) -> None:
        others = {name: one for name, one in self.broken.items() if name != measure}
        self.broken = MappingProxyType(others if broken is None else {**others, measure: broken})
        self._broken.labels(TRIPS.name, measure).set(0 if broken is None else 1)

    def _checked(self, measure: str, vintage: Vintage) -> Serving:
        model = self._load(read_artefacts(self._home, vintage))
        if model.measure != measure:
            raise ModelError(
                f"The files of {vintage.model_version} hold a model for {model.measure}, not for"
                f" {measure}. {_remedy(vintage)}"
            )
        model.check_golden()
        return Serving(
            measure=measure,
            version=vintage.model_version,
            candidate=vintage.candidate,
            sha256=vintage.sha256,
            model=model,
            loaded_at=datetime.now(UTC),
        )

    async def _read_city(self) -> City | None:
        zones = await self._database.rows(
            "select zone_id, zone, centre_id from published.trip_zones", {}
        )
        days = await self._database.rows(
            "select timezone, date, is_public_holiday, is_school_holiday, temperature_mean,"
            " precipitation_mm, snowfall_cm, wind_max_kmh from published.trip_conditions"
            " where date > current_date - %(days)s::integer - 2",
            {"days": FURTHEST_BACK_DAYS},
        )
        if not zones or not days:
            return None
        return City(
            ZoneInfo(days[0]["timezone"]),
            MappingProxyType(
                {
                    row["zone_id"]: Zone(row["zone_id"], row["zone"], row["centre_id"])
                    for row in zones
                }
            ),
            MappingProxyType({row["date"]: _conditions(row) for row in days}),
        )


@asynccontextmanager
async def open_models(app: FastAPI, config: ApiConfig) -> AsyncIterator[None]:
    """The models in use, `app.state.models`, looked up as long as the app is open."""
    store = app.state.models = ModelStore(app.state.database, config.home, app.state.metrics)
    # The service answers what else it can without a model: it is ready all the same.
    app.state.readiness.add("champions", store.probe, needed=False)
    await store.start()
    try:
        yield
    finally:
        await store.stop()


def read_artefacts(home: Path, vintage: Vintage) -> dict[str, bytes]:
    """The files of a vintage by name. Raises ModelError unless they are what was registered."""
    remedy = _remedy(vintage)
    folder = (home / vintage.artefact_path).resolve()
    # What a view says is not trusted with a path: only files of this home are read.
    if not vintage.artefact_path or not folder.is_relative_to(home.resolve()):
        raise ModelError(f"Vintage {vintage.model_version} names no folder of this home. {remedy}")
    try:
        artefacts = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    except OSError as error:
        raise ModelError(
            f"The files of vintage {vintage.model_version} cannot be read: {error.strerror}."
            f" {remedy}"
        ) from error
    if checksum_of(artefacts) != vintage.sha256:
        raise ModelError(
            f"The files of vintage {vintage.model_version} are not what was registered: their"
            f" sha256 differs. {remedy}"
        )
    return artefacts


def _remedy(vintage: Vintage) -> str:
    return f"Train it again: flow train {vintage.flow} --from {vintage.month:%Y-%m}."


def _is(one: Serving | Broken, vintage: Vintage) -> bool:
    return (one.version, one.sha256) == (vintage.model_version, vintage.sha256)


def _told(error: Exception) -> str:
    """What may be said of an error: what was written for people, of others their kind."""
    return str(error) if isinstance(error, FlowError) else type(error).__name__


def _trip_model(artefacts: Mapping[str, bytes]) -> TripModel:
    from flow_platform.scoring.trips.model import TripModel

    return TripModel.load(artefacts)


def _conditions(row: Mapping[str, Any]) -> Conditions:
    def number(name: str) -> float:
        return NAN if row[name] is None else float(row[name])

    return Conditions(
        is_public_holiday=float(bool(row["is_public_holiday"])),
        is_school_holiday=float(bool(row["is_school_holiday"])),
        temperature_mean=number("temperature_mean"),
        precipitation_mm=number("precipitation_mm"),
        snowfall_cm=number("snowfall_cm"),
        wind_max_kmh=number("wind_max_kmh"),
    )
