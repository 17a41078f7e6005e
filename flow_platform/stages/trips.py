"""Scores trips: for each day the champion who serves it, for each block of days at once.

What a vintage says is in `scoring/trips/`; here trips are read, the vintage is chosen as of the
trip's own day, and scores are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Literal

import pandas as pd

from flow_platform.flows import RecordFlow
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.metrics import coverage, mae, r2, rmse
from flow_platform.models.promotion import Comparison, judge, score, trained_until
from flow_platform.models.vintage import FALLBACK_VERSION
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Reign, vintage_for
from flow_platform.registry.vintages import Vintage
from flow_platform.scoring.trips.data import (
    WEATHER,
    Floats,
    TripData,
    TripSpec,
    inputs_of,
    joined,
    trips_of,
)
from flow_platform.scoring.trips.fallback import fallback_scores
from flow_platform.scoring.trips.model import TripModel
from flow_platform.stages.forecasting import days_by_vintage
from flow_platform.stages.history import spec_of
from flow_platform.stages.training import Progress, Trained, ensure_vintages, logger

# Trips that are in memory at once while days are scored, and that a vintage may learn from.
_TRIPS_A_BLOCK = 250_000
MOST_TRIPS = 2_500_000
# Days that a comparison looks at: a season's change.
COMPARED_DAYS = 120
_SAID = ("predicted_minutes", "lower_80", "upper_80")
_COLUMNS = (
    "trip_id",
    "centre_id",
    "day",
    "pickup_at",
    "available_at",
    "pickup_zone",
    "dropoff_zone",
    "local_minute",
    "weekday",
    "minutes",
    "distance_km",
    "is_public_holiday",
    "is_school_holiday",
    *WEATHER,
)


@dataclass(frozen=True)
class Scored:
    """What was said of one rectangle's trips by one model, as it stands in `ml.trips_scores`.

    `trips` is how many the merged table has, `rows` how many have a score. The figures are over
    all of them, NaN where there are none. `shown` has predicted and actual minutes of some.
    """

    trips: int
    rows: int
    vintages: list[Trained]
    trips_by_version: dict[str, int]
    rmse: float
    mae: float
    r2: float
    coverage_80: float
    shown: pd.DataFrame


def score_trips(
    platform: Platform,
    flow: RecordFlow,
    rectangle: Rectangle,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> dict[str, Scored]:
    """Score every trip by a vintage trained before its day, and replace the partitions.

    Returns what each measure said: they read the same trips, so a block is read for all of them.
    Vintages that the days need are trained first. Days before any vintage get the fallback.
    """
    trained = _ensure_vintages(platform, flow, rectangle, refresh, progress)
    speakers = _speakers(platform, flow, rectangle)
    store = platform.store(ML_ROLE)
    outcomes: dict[str, list[pd.DataFrame]] = {measure: [] for measure in speakers}
    trips = 0
    for block in _blocks(platform, flow, rectangle):
        frame = _read(platform, flow, block.first_day, block.last_day, block.centres)
        trips += len(frame)
        for measure, speaker in speakers.items():
            rows = frame[["trip_id", "centre_id", "day", "pickup_at"]]
            if len(frame):
                said = speaker.of(frame)
                rows = rows.join(said)
                outcomes[measure].append(said.assign(minutes=frame["minutes"]))
            store.replace(flow.scores, rows, block, equal={"model": measure})
            if len(rectangle) > len(block):
                progress(f"{flow.name} {measure}: scored until {block.last_day}")
    return {
        measure: _scored(trips, trained[measure], outcomes[measure]) for measure in flow.measures
    }


def _ensure_vintages(
    platform: Platform,
    flow: RecordFlow,
    rectangle: Rectangle,
    refresh: Literal["missing", "stale"],
    progress: Progress,
) -> dict[str, list[Trained]]:
    """The vintages that these days need, of each measure; what they learn from is read once."""
    months = months_between(rectangle.first_day, rectangle.last_day)
    read = cache(lambda: read_for_months(platform, flow, months[0], months[-1]))
    return {
        measure: ensure_vintages(
            platform,
            flow,
            measure,
            months,
            read,
            spec_of(platform, flow, measure),
            refresh=refresh,
            progress=progress,
        )
        for measure in flow.measures
    }


def _speakers(platform: Platform, flow: RecordFlow, rectangle: Rectangle) -> dict[str, _Speaker]:
    """The scorer of each measure. The fallback's past is read where needed."""
    lines = {measure: platform.registry.line(flow.name, measure) for measure in flow.measures}
    unserved = [
        day
        for day in (rectangle.first_day + timedelta(days=n) for n in range(rectangle.days))
        if any(vintage_for(line, day) is None for line in lines.values())
    ]
    specs = {measure: spec_of(platform, flow, measure) for measure in flow.measures}
    reach = timedelta(days=max(spec.training_days for spec in specs.values()))
    past = cache(lambda: read_trips(platform, flow, unserved[0] - reach, unserved[-1]))
    return {
        measure: _Speaker(platform, line, specs[measure], past) for measure, line in lines.items()
    }


class _Speaker:
    """What one measure says of a rectangle's trips, block after block, forward in time."""

    def __init__(
        self,
        platform: Platform,
        line: Sequence[Reign],
        spec: TripSpec,
        past: Callable[[], TripData],
    ) -> None:
        self._platform, self._line, self._spec, self._past = platform, line, spec, past
        # Of the vintages of a block only the last may serve in the next: one is kept in memory.
        self._loaded: tuple[str, TripModel] | None = None

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`_SAID` and model_version of each trip, by the index of `frame`."""
        parts = []
        for vintage, days in days_by_vintage(self._line, frame["day"]):
            own = frame[frame["day"].isin(days)]
            said = (
                self._fallback(own)
                if vintage is None
                else self._model(vintage).score(inputs_of(own))
            )
            parts.append(
                pd.DataFrame(said, columns=list(_SAID), index=own.index).assign(
                    model_version=vintage.model_version if vintage else FALLBACK_VERSION
                )
            )
        return pd.concat(parts)

    def _model(self, vintage: Vintage) -> TripModel:
        if self._loaded is None or self._loaded[0] != vintage.model_version:
            model = TripModel.load(self._platform.registry.load(vintage))
            self._loaded = (vintage.model_version, model)
        return self._loaded[1]

    def _fallback(self, asked: pd.DataFrame) -> Floats:
        """What is said before any vintage: the usual minutes of the zone pair, as of each day."""
        known, last = self._past(), asked["day"].max().to_datetime64().astype("datetime64[D]")
        until = int(last.astype("int64"))
        chosen = (known.day >= until - self._spec.training_days) & (known.day <= until)
        trips = trips_of(asked, platform_zones(self._platform))
        return fallback_scores(known.take(chosen), trips, self._spec)


def _scored(trips: int, trained: list[Trained], outcomes: Sequence[pd.DataFrame]) -> Scored:
    """What is told of one measure; `outcomes` have `_SAID`, model_version and the minutes."""
    every = (
        pd.concat(outcomes, ignore_index=True)
        if outcomes
        else pd.DataFrame(columns=["minutes", *_SAID], dtype="float64").assign(model_version="")
    )
    y, minutes = every["minutes"], every["predicted_minutes"]
    counts = every["model_version"].value_counts(sort=False)
    return Scored(
        trips=trips,
        rows=len(every),
        vintages=trained,
        trips_by_version={str(version): int(count) for version, count in counts.items()},
        rmse=rmse(y, minutes),
        mae=mae(y, minutes),
        r2=r2(y, minutes),
        coverage_80=coverage(y, every["lower_80"], every["upper_80"]),
        shown=every[["minutes", "predicted_minutes"]],
    )


def read_for_months(
    platform: Platform, flow: RecordFlow, first_month: date, last_month: date
) -> TripData:
    """What vintages of these months may see: a year of trips, or as many as memory allows.

    The newest `MOST_TRIPS` before the last month are enough, and those before the first one.
    """
    spec = spec_of(platform, flow, flow.measures[0])
    last = cutoff_of(last_month).date()
    per_day = platform.store(ML_ROLE).read(
        f"select day, count(*) as trips from {flow.merged}"
        " where day >= %(first)s and day < %(last)s group by day order by day desc",
        {
            "first": cutoff_of(first_month).date() - timedelta(days=spec.training_days),
            "last": last,
        },
    )
    kept = per_day[per_day["trips"].cumsum() <= MOST_TRIPS]
    first = kept["day"].min().date() if len(kept) else last
    return read_trips(platform, flow, first, last - timedelta(days=1))


def read_trips(platform: Platform, flow: RecordFlow, first_day: date, last_day: date) -> TripData:
    """The trips that began on these UTC days, of every borough, a part of the days at a time."""
    zones, centres = platform_zones(platform), platform.centre_ids_of(flow)
    blocks = list(_blocks(platform, flow, Rectangle(centres, first_day, last_day)))
    parts = [
        trips_of(_read(platform, flow, block.first_day, block.last_day, centres), zones)
        # No day at all is no trip.
        for block in blocks or [Rectangle(centres, first_day, last_day)]
    ]
    return joined(parts)


def platform_zones(platform: Platform) -> pd.DataFrame:
    """The zones of the city as models know them: zone_id, latitude, longitude."""
    rows = [(zone.zone_id, zone.latitude, zone.longitude) for zone in platform.trip_zones]
    return pd.DataFrame(rows, columns=["zone_id", "latitude", "longitude"], dtype="float64")


def _blocks(platform: Platform, flow: RecordFlow, rectangle: Rectangle) -> Iterator[Rectangle]:
    """The rectangle in blocks of whole days that hold a bounded number of trips."""
    if rectangle.last_day < rectangle.first_day:
        return
    counts = platform.store(ML_ROLE).read(
        f"select day, count(*) as trips from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s group by day",
        rectangle.window,
    )
    trips = dict(zip(counts["day"].dt.date, counts["trips"], strict=True))
    first, held = rectangle.first_day, 0
    for offset in range(rectangle.days):
        day = rectangle.first_day + timedelta(days=offset)
        if held and held + trips.get(day, 0) > _TRIPS_A_BLOCK:
            yield Rectangle(rectangle.centres, first, day - timedelta(days=1))
            first, held = day, 0
        held += trips.get(day, 0)
    yield Rectangle(rectangle.centres, first, rectangle.last_day)


def _read(
    platform: Platform, flow: RecordFlow, first_day: date, last_day: date, centres: tuple[str, ...]
) -> pd.DataFrame:
    return platform.store(ML_ROLE).read(
        f"select {', '.join(_COLUMNS)} from {flow.merged}"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s"
        " order by pickup_at, trip_id",
        {"centres": list(centres), "first": first_day, "last": last_day},
    )


def compare_scores(
    platform: Platform,
    flow: RecordFlow,
    champion: Vintage,
    challenger: Vintage,
    lines: Sequence[Sequence[Reign]],
    today: date,
) -> Comparison:
    """The verdict on two lines of vintages over the same trips, each after both cut-offs.

    Days before `today` (UTC) are compared, at most `COMPARED_DAYS` of them, newest first; on a day
    each line speaks by its newest vintage. Errors are scaled by that of the zone pair's usual
    minutes, and added up by day; the rest is `judge`.
    """
    spec = spec_of(platform, flow, champion.measure)
    first = today - timedelta(days=spec.training_days)
    last = today - timedelta(days=1)
    days = platform.store(ML_ROLE).read(
        f"select distinct day from {flow.merged} where day between %(first)s and %(last)s"
        " order by day desc",
        {"first": first, "last": last},
    )["day"]
    chosen = []
    for day in days:
        speaking = [vintage_for(line, day.date()) for line in lines]
        own, rival = speaking
        if own and rival and own.model_version != rival.model_version:
            chosen.append(day)
    chosen = sorted(chosen[:COMPARED_DAYS])
    if not chosen:
        return Comparison(
            champion.model_version,
            challenger.model_version,
            promoted=False,
            reason="not enough evidence: no day with trips lies after the cut-offs of both",
        )
    rows: list[list[pd.DataFrame]] = [[], []]
    loaded: dict[str, tuple[pd.Timestamp, TripModel]] = {}
    whole = Rectangle(platform.centre_ids_of(flow), chosen[0].date(), chosen[-1].date())
    for block in _blocks(platform, flow, whole):
        frame = _read(platform, flow, block.first_day, block.last_day, block.centres)
        for side, line in zip(rows, lines, strict=True):
            for vintage, own_days in days_by_vintage(line, frame["day"]):
                spoken = frame[frame["day"].isin(own_days) & frame["day"].isin(chosen)]
                if vintage is None or spoken.empty:
                    continue
                if vintage.model_version not in loaded:
                    artefacts = platform.registry.load(vintage)
                    loaded[vintage.model_version] = (
                        trained_until(artefacts),
                        TripModel.load(artefacts),
                    )
                until, model = loaded[vintage.model_version]
                if until > spoken["pickup_at"].min():
                    return Comparison(
                        champion.model_version,
                        challenger.model_version,
                        promoted=False,
                        reason=f"trained on test rows: {vintage.model_version} learned until"
                        f" {until:%Y-%m-%d %H:%M} UTC, after trips it is compared on",
                    )
                side.append(_replayed(model, spoken))
    own_rows, rival_rows = (pd.concat(side, ignore_index=True) for side in rows)
    scale = float((own_rows["y"] - own_rows["usual"]).abs().mean())
    return judge(
        champion.model_version,
        challenger.model_version,
        score(own_rows.assign(scale=scale)),
        score(rival_rows.assign(scale=scale)),
        seed=spec.seed,
    )


def _replayed(model: TripModel, spoken: pd.DataFrame) -> pd.DataFrame:
    said = model.score(inputs_of(spoken))
    return pd.DataFrame(
        {
            "issue": spoken["day"].to_numpy(),
            "ds": spoken["day"].to_numpy(),
            "y": spoken["minutes"].to_numpy(),
            "prediction": said[:, 0],
            "lower_80": said[:, 1],
            "upper_80": said[:, 2],
            "usual": model.usual_minutes(inputs_of(spoken)),
        }
    )
