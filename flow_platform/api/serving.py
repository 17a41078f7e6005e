"""The models of a flow that are in use: found by the published views, checked, exchanged whole.

A request takes one `LoadedModel` at its beginning and keeps it to its end, so that its answer is of
one version. Which vintage is in service is read by `in_service.py`; what a model predicts, and from
what, is the flow's own (`flows/<flow>/api`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from flow_platform.api.in_service import InService, read_vintages_in_service
from flow_platform.api.logs import log
from flow_platform.ground.errors import FlowError, ModelError
from flow_platform.registry.vintages import Vintage, checksum_of

if TYPE_CHECKING:
    from flow_platform.api.database import Database
    from flow_platform.api.metrics import Metrics
    from flow_platform.flows.kinds import Flow

POLL_SECONDS = 2.0
# A broken vintage is tried again: its files may have been repaired.
RETRY_SECONDS = 30.0


class ServedModel(Protocol):
    """What the store needs of a model."""

    @property
    def measure(self) -> str: ...

    def check_golden(self) -> None:
        """Raise ModelError unless it predicts for its golden rows what it predicted in training."""
        ...


Model = TypeVar("Model", bound=ServedModel)


@dataclass(frozen=True)
class LoadedModel(Generic[Model]):
    """A vintage in use: loaded, its sha256 and golden rows checked. Never changed."""

    measure: str
    version: str
    candidate: str
    sha256: str
    model: Model
    loaded_at: datetime


@dataclass(frozen=True)
class BrokenModel:
    """A vintage that should be in use and cannot; `reason` may be shown to people.

    `tried` is the monotonic clock at the last attempt, in seconds.
    """

    version: str
    sha256: str
    reason: str
    since: datetime
    tried: float


class ModelStore(Generic[Model]):
    """The models of a flow in use, one for each measure.

    `home` is FLOW_HOME. `load` makes a model from its artefacts by file name; it runs in a thread.

    >>> store = ModelStore(TRIPS, database, config.home, metrics, TripModel.load)
    >>> await store.refresh()
    >>> store.serving["default"].version
    'lightgbm-2026-11-8caad29e'
    """

    def __init__(
        self,
        flow: Flow,
        database: Database,
        home: Path,
        metrics: Metrics,
        load: Callable[[Mapping[str, bytes]], Model],
    ) -> None:
        self._flow = flow
        self._database = database
        self._home = home
        self._load = load
        self._swaps = metrics.model_swaps.labels(flow.name)
        self._broken = metrics.model_broken
        # Replaced as a whole, never changed in place: a reader sees one state or the next.
        self.serving: Mapping[str, LoadedModel[Model]] = MappingProxyType({})
        self.broken: Mapping[str, BrokenModel] = MappingProxyType({})

    async def probe(self) -> None:
        """For /health: raises ModelError while a vintage that should be in use cannot be."""
        for measure, one in self.broken.items():
            raise ModelError(f"{measure}: {one.reason}")

    async def refresh(self) -> None:
        """Take the vintages into use that are in service now. Raises DatabaseDown."""
        found = await read_vintages_in_service(self._database, (self._flow.name,))
        for measure in self._flow.measures:
            in_service = found.get((self._flow.name, measure))
            # While a month is trained again it has no champion: the model in use stays.
            if in_service is not None:
                await self._take_over(measure, in_service)

    async def _take_over(self, measure: str, in_service: InService) -> None:
        vintage = in_service.vintage
        current, broken = self.serving.get(measure), self.broken.get(measure)
        if current is not None and _is_of(current, vintage):
            self._note(measure, None)
            return
        known = broken is not None and _is_of(broken, vintage)
        if broken is not None and known and time.monotonic() - broken.tried < RETRY_SECONDS:
            return
        try:
            loaded = await asyncio.to_thread(self._checked, measure, vintage)
        except Exception as error:
            reason = error_reason(error)
            since = broken.since if broken is not None and known else datetime.now(UTC)
            self._note(
                measure,
                BrokenModel(vintage.model_version, vintage.sha256, reason, since, time.monotonic()),
            )
            if not known:
                self._log_broken(vintage, reason)
            if current is None and in_service.previous is not None:
                await self._fall_back(measure, in_service.previous)
            return
        self._put(loaded)
        self._note(measure, None)

    async def _fall_back(self, measure: str, previous: Vintage) -> None:
        """After a start no older model is in use: the previous champion serves instead."""
        try:
            self._put(await asyncio.to_thread(self._checked, measure, previous))
        except Exception as error:
            self._log_broken(previous, error_reason(error))

    def _put(self, loaded: LoadedModel[Model]) -> None:
        self.serving = MappingProxyType({**self.serving, loaded.measure: loaded})
        self._swaps.inc()
        log("model serves", flow=self._flow.name, measure=loaded.measure, version=loaded.version)

    def _note(self, measure: str, broken: BrokenModel | None) -> None:
        others = {name: one for name, one in self.broken.items() if name != measure}
        self.broken = MappingProxyType(others if broken is None else {**others, measure: broken})
        self._broken.labels(self._flow.name, measure).set(0 if broken is None else 1)

    def _log_broken(self, vintage: Vintage, reason: str) -> None:
        log("model broken", flow=self._flow.name, version=vintage.model_version, reason=reason)

    def _checked(self, measure: str, vintage: Vintage) -> LoadedModel[Model]:
        model = self._load(read_artefacts(self._home, vintage))
        if model.measure != measure:
            raise ModelError(
                f"The files of {vintage.model_version} hold a model for {model.measure}, not for"
                f" {measure}. {_remedy(vintage)}"
            )
        model.check_golden()
        return LoadedModel(
            measure=measure,
            version=vintage.model_version,
            candidate=vintage.candidate,
            sha256=vintage.sha256,
            model=model,
            loaded_at=datetime.now(UTC),
        )


@asynccontextmanager
async def kept_fresh(*refresh: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Await each of `refresh` now, and again every two seconds until the context ends.

    An exception ends that round only. The first of a series of failures is logged: the database may
    be down for hours, which /health shows meanwhile.
    """
    is_failing = False

    async def once() -> None:
        nonlocal is_failing
        try:
            for one in refresh:
                await one()
            is_failing = False
        except Exception as error:
            if not is_failing:
                log("models cannot be looked up", reason=error_reason(error))
            is_failing = True

    async def forever() -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await once()

    await once()
    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def read_artefacts(home: Path, vintage: Vintage) -> dict[str, bytes]:
    """The files of a vintage by name. Raises ModelError unless they are those registered."""
    remedy = _remedy(vintage)
    folder = (home / vintage.artefact_path).resolve()
    # A view is not trusted with a path: only files of this home are read.
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
            f"The files of vintage {vintage.model_version} are not those that were registered:"
            f" their sha256 differs. {remedy}"
        )
    return artefacts


def error_reason(error: Exception) -> str:
    """What a log or an answer may show of an error: our own texts, of any other only its type."""
    return str(error) if isinstance(error, FlowError) else type(error).__name__


def _remedy(vintage: Vintage) -> str:
    return f"Train it again: flow train {vintage.flow} --from {vintage.month:%Y-%m}."


def _is_of(one: LoadedModel[Model] | BrokenModel, vintage: Vintage) -> bool:
    return (one.version, one.sha256) == (vintage.model_version, vintage.sha256)
