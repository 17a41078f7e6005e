"""What a reading of a road counter may be, from any source: its columns, states and limits.

Files, the portal and messages are read in `traffic.py`, `portal.py` and `messages.py`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flow_platform.sources import values

READING_COLUMNS = (
    "centre_id",
    "day",
    "counted_at",
    "vehicles",
    "occupancy",
    "state",
    "available_at",
    "event_id",
    "source_file",
    "source_line",
)

# No road carries as many vehicles past one loop in an hour; a larger number is a broken field.
MOST_VEHICLES = 100_000.0
MOST_OCCUPANCY = 100.0
# A counter's clock may run ahead by so much; what it counts later has not happened yet.
CLOCK_TOLERANCE = timedelta(hours=1)

# How the city of Paris writes the state of an arc: numbers in the yearly files (`etat_barre`),
# words on the portal (`Etat arc`). Our own words are taken too.
STATES: dict[str, str] = {
    "0": "unknown",
    "1": "open",
    "2": "barred",
    "3": "invalid",
    "inconnu": "unknown",
    "ouvert": "open",
    "barré": "barred",
    "barre": "barred",
    "invalide": "invalid",
    "": "unknown",
    "unknown": "unknown",
    "open": "open",
    "barred": "barred",
    "closed": "barred",
    "works": "barred",
    "travaux": "barred",
    "invalid": "invalid",
}
# A state of a share is that of its hour; of several, the last of these.
STATES_OF_AN_HOUR = ("unknown", "open", "invalid", "barred")


def state_of(value: Any) -> tuple[str | None, str | None]:
    """One of raw.traffic's states, or None with the fault. A missing state is `unknown`."""
    written = values.text(value).casefold()
    if written in values.MISSING:
        return "unknown", None
    if written not in STATES:
        return None, f"unknown_state: state is {values.text(value)[:60]!r}"
    return STATES[written], None


def vehicles_of(value: Any, marks: str = ".") -> tuple[float, str | None]:
    """Vehicles an hour; NaN where none were given, as of a silent counter, or with the fault."""
    # A rate, which some counters give as the mean of shorter spans: it need not be whole.
    return _optional(value, "vehicles", marks, MOST_VEHICLES)


def occupancy_of(value: Any, marks: str = ".") -> tuple[float, str | None]:
    """Occupancy in percent, NaN where none was given, or NaN with the fault."""
    if isinstance(value, str):
        value = value.strip().removesuffix("%")
    return _optional(value, "occupancy", marks, MOST_OCCUPANCY)


def sound_vehicles(numbers: np.ndarray) -> np.ndarray:
    """Which numbers `vehicles_of` takes, NaN included, for a whole column at once."""
    return _sound(numbers, MOST_VEHICLES)


def sound_occupancy(numbers: np.ndarray) -> np.ndarray:
    """Which numbers `occupancy_of` takes, NaN included, for a whole column at once."""
    return _sound(numbers, MOST_OCCUPANCY)


def _sound(numbers: np.ndarray, largest: float) -> np.ndarray:
    return np.isnan(numbers) | ((numbers >= 0) & (numbers <= largest))


def _optional(value: Any, name: str, marks: str, largest: float) -> tuple[float, str | None]:
    if values.text(value).casefold() in values.MISSING:
        return math.nan, None
    found, fault = values.number(value, name, marks)
    if fault is not None:
        return math.nan, fault
    if found < 0:
        return math.nan, f"negative_count: {name} is {found:g}"
    if found > largest:
        return math.nan, f"too_large: {name} is {found:g}, above {largest:g}"
    return found + 0.0, None


def moment_fault(counted_at: datetime, now: datetime) -> str | None:
    """Why an aware moment cannot be one of a reading, or None: before 2005, or in the future."""
    if counted_at.astimezone(UTC).date() < values.EARLIEST_DAY:
        return f"before_2005: counted_at is {counted_at:%Y-%m-%d %H:%M}"
    if counted_at > now + CLOCK_TOLERANCE:
        return f"future_hour: counted_at is {counted_at:%Y-%m-%d %H:%M %z}, in the future"
    return None
