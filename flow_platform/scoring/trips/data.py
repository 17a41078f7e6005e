"""The inputs of a trip's model, and the trips that it learns from.

Arrays, one element a trip, so that a single request and millions of trips take the same path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.models.moments import naive

# Raised whenever equal data would train other models: vintages are then trained again.
CODE_VERSION = "3"
WEATHER = ("temperature_mean", "precipitation_mm", "snowfall_cm", "wind_max_kmh")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class TripInputs:
    """What is known when trips are asked for; arrays of one length.

    Zones are the source's numbers; `local_minute` (0 to 1439) and `weekday` (0 is Monday) are of
    the city's clock at pickup; holidays 0 or 1; the weather is the newest vintage known at the
    begin of the day, NaN where there is none; `planned_distance_km` is NaN where no route was
    planned.
    """

    pickup_zone: Integers
    dropoff_zone: Integers
    local_minute: Integers
    weekday: Integers
    is_public_holiday: Floats
    is_school_holiday: Floats
    temperature_mean: Floats
    precipitation_mm: Floats
    snowfall_cm: Floats
    wind_max_kmh: Floats
    planned_distance_km: Floats

    def __len__(self) -> int:
        return len(self.pickup_zone)

    def take(self, chosen: NDArray[np.bool_] | Integers) -> Self:
        """The trips at these places."""
        return replace(
            self, **{one.name: getattr(self, one.name)[chosen] for one in fields(TripInputs)}
        )


@dataclass(frozen=True)
class TripSpec:
    """The fixed choices of a model.

    `measure` is "default" or "planned_distance"; the latter also uses the distance. Fewer than
    `least_trips` before a cut-off train nothing; of more than `most_rows` an even part is fitted.
    """

    measure: str
    seed: int
    least_trips: int = 1_000
    least_days: int = 14
    most_rows: int = 600_000
    training_days: int = 365

    @property
    def has_distance(self) -> bool:
        return self.measure == "planned_distance"


@dataclass(frozen=True)
class TripData:
    """Trips that are over, in the order of their pickups.

    `pickup_at` and `available_at` (the drop-off) are datetime64[us] in UTC; `minutes` and
    `distance_km` are those it took. `zones` are the places of zones: rows of zone, latitude,
    longitude (degrees, NaN where unknown), in the order of the zones' numbers.
    """

    inputs: TripInputs
    pickup_at: NDArray[np.datetime64]
    available_at: NDArray[np.datetime64]
    minutes: Floats
    distance_km: Floats
    zones: Floats

    def __len__(self) -> int:
        return len(self.minutes)

    @property
    def day(self) -> Integers:
        """UTC day of the pickup, in days since 1970."""
        return self.pickup_at.astype("datetime64[D]").astype(np.int64)

    @property
    def known_day(self) -> Integers:
        """UTC day of the drop-off: from the next day on the trip is known."""
        return self.available_at.astype("datetime64[D]").astype(np.int64)

    def take(self, chosen: NDArray[np.bool_] | Integers) -> TripData:
        return TripData(
            self.inputs.take(chosen),
            self.pickup_at[chosen],
            self.available_at[chosen],
            self.minutes[chosen],
            self.distance_km[chosen],
            self.zones,
        )

    def before(self, moment: pd.Timestamp) -> TripData:
        """The trips that were over before `moment` (UTC)."""
        return self.take(self.available_at < naive(moment))


def trips_of(frame: pd.DataFrame, zones: pd.DataFrame) -> TripData:
    """The trips of a frame with the columns of merged.trips, in the order of their pickups.

    The recorded distance is taken for the planned one: a dispatcher's router would have planned
    about as much. `zones` has zone_id, latitude, longitude.
    """
    frame = frame.sort_values(["pickup_at", "trip_id"], kind="stable")
    return TripData(
        inputs=inputs_of(frame),
        pickup_at=_moments(frame["pickup_at"]),
        available_at=_moments(frame["available_at"]),
        minutes=frame["minutes"].to_numpy("float64"),
        distance_km=frame["distance_km"].to_numpy("float64"),
        # In order once, so that no single prediction has to sort them to find its own two.
        zones=zones.sort_values("zone_id")[["zone_id", "latitude", "longitude"]].to_numpy(
            "float64"
        ),
    )


def inputs_of(frame: pd.DataFrame) -> TripInputs:
    """The inputs of the models, of a frame with the columns of merged.trips."""
    return TripInputs(
        pickup_zone=frame["pickup_zone"].to_numpy("int64"),
        dropoff_zone=frame["dropoff_zone"].to_numpy("int64"),
        local_minute=frame["local_minute"].to_numpy("int64"),
        weekday=frame["weekday"].to_numpy("int64"),
        is_public_holiday=frame["is_public_holiday"].to_numpy("float64"),
        is_school_holiday=frame["is_school_holiday"].to_numpy("float64"),
        planned_distance_km=frame["distance_km"].to_numpy("float64"),
        **{name: frame[name].to_numpy("float64", na_value=np.nan) for name in WEATHER},
    )


def joined(parts: Sequence[TripData]) -> TripData:
    """Several blocks of trips, each later than those before, as one."""
    return TripData(
        inputs=TripInputs(
            **{
                one.name: np.concatenate([getattr(part.inputs, one.name) for part in parts])
                for one in fields(TripInputs)
            }
        ),
        pickup_at=np.concatenate([part.pickup_at for part in parts]),
        available_at=np.concatenate([part.available_at for part in parts]),
        minutes=np.concatenate([part.minutes for part in parts]),
        distance_km=np.concatenate([part.distance_km for part in parts]),
        zones=parts[-1].zones,
    )


def fingerprint(data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> str:
    """sha256 over all that training at `cutoff` may see, and over the fixed choices."""
    seen = data.before(cutoff)
    digest = hashlib.sha256(f"{CODE_VERSION} {cutoff} {spec}".encode())
    arrays = [getattr(seen.inputs, one.name) for one in fields(TripInputs)]
    arrays += [seen.pickup_at, seen.available_at, seen.minutes, seen.distance_km, seen.zones]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _moments(column: pd.Series) -> NDArray[np.datetime64]:
    moments = pd.DatetimeIndex(column).tz_convert("UTC").tz_localize(None)
    return moments.to_numpy().astype("datetime64[us]")
