"""Readings of a share of an hour: how long each is, and the hour that they make together.

An hour is stored whole: forecasts, and the readings of Paris, are of hours. Which readings are
shares is known from the key `values` of the source and the gaps between a counter's readings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.traffic.options import STEPS, TrafficSource
from flow_platform.flows.traffic.readings import STATES, STATES_OF_AN_HOUR
from flow_platform.sources.files import FileUnreadableError

HOUR = 60
_MINUTE = np.timedelta64(1, "m")
# With fewer gaps than this a counter has the step that its file has: some may be holes.
_ENOUGH_GAPS = 4


def whole_hours(size: int) -> np.ndarray:
    """The minutes of so many readings of whole hours."""
    return np.broadcast_to(np.int16(HOUR), size)


def hour_end(at: np.ndarray) -> np.ndarray:
    """The end of the UTC hour in which each moment (naive UTC) is; a full hour is its own."""
    begin = at.astype("datetime64[h]")
    return np.where(begin == at, begin, begin + np.timedelta64(1, "h")).astype("datetime64[us]")


def units_text(config: TrafficSource) -> str:
    """What readings of a source are of, and which moment each has."""
    stamp = f"a moment is the {config.stamp} of what was counted"
    if config.values == "count":
        return f"vehicles of each interval, added up to hours; {stamp}"
    if config.values == "rate":
        return f"vehicles an hour, averaged to hours; {stamp}"
    return f"vehicles of a whole hour; {stamp} (values = count or rate for shorter intervals)"


# -- several readings of an hour ------------------------------------------------------------------


def split_hours(centre: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The places of readings whose counter has another one in the same hour, at another moment."""
    hours = hour_end(at)
    if (hours == at).all():
        return np.array([], dtype="int64")
    stamps = pd.DataFrame({"centre": centre, "hour": hours, "at": at})
    distinct = stamps.drop_duplicates()
    several = distinct[distinct.duplicated(["centre", "hour"], keep=False)]
    if several.empty:
        return np.array([], dtype="int64")
    keys = pd.MultiIndex.from_frame(several[["centre", "hour"]]).unique()
    return np.flatnonzero(pd.MultiIndex.from_frame(stamps[["centre", "hour"]]).isin(keys))


def unclear_values(centre_id: str, at: np.ndarray) -> FileUnreadableError:
    """The error of a file with several readings of a counter (at, naive UTC) within an hour."""
    first, second = (f"{one.astype('datetime64[m]').item():%Y-%m-%d %H:%M}" for one in at[:2])
    return FileUnreadableError(
        f"has several readings of counter {centre_id} within an hour ({first} and {second} UTC) and"
        ' may mean counts or rates: set values = "count" in sources.toml, section [traffic], to add'
        ' them up, or values = "rate" (vehicles an hour) to average them.'
    )


# -- how long a reading is ----------------------------------------------------------------------


def minutes_of(centre: np.ndarray, at: np.ndarray, counters: int) -> np.ndarray:
    """The minutes that each reading is of (int64), by the gap that its counter has most often.

    Raises FileUnreadableError where no counter has two readings an hour or less apart.
    """
    order = np.lexsort((at, centre))
    gaps = np.diff(at[order])
    same = np.diff(centre[order]) == 0
    steps = np.array(STEPS) * _MINUTE
    place = np.minimum(np.searchsorted(steps, gaps), len(steps) - 1)
    fits = same & (steps[place] == gaps)
    found = np.zeros((counters, len(steps)), dtype="int64")
    np.add.at(found, (centre[order][1:][fits], place[fits]), 1)
    if not found.any():
        raise FileUnreadableError(
            "has no counter with two readings an hour or less apart, from which their length would"
            " be known: set step_minutes = 15, or how many minutes each reading is of, in"
            " sources.toml, section [traffic]."
        )
    # Of two gaps that are as frequent, the shorter: an hour is rather unknown than too small.
    own = np.where(
        found.sum(axis=1) >= _ENOUGH_GAPS, found.argmax(axis=1), found.sum(axis=0).argmax()
    )
    return np.asarray(np.array(STEPS)[own[centre]])


def off_step(end: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Whether a reading (its end, naive UTC) ends at no whole number of its steps in the hour."""
    within = end - end.astype("datetime64[h]")
    return np.asarray((minutes < HOUR) & (within % (minutes * _MINUTE) != np.timedelta64(0, "us")))


def minute_of(end: np.ndarray) -> np.ndarray:
    """The minute of its hour at which each reading ends (int16), 60 for the full hour."""
    left = (hour_end(end) - end) // _MINUTE
    return (HOUR - left).astype("int16")


# -- the hour that they make ----------------------------------------------------------------------


def hours_of(shares: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The hour that each share belongs to: vehicles, occupancy and state, by row.

    `shares` has centre, counted_at (the end of the hour), minutes, until (the minute at which the
    share ends), vehicles (of its minutes for the `unit` count, an hour for rate), occupancy and
    state, in the order of files and lines. Of two readings of a share the one with a volume counts,
    then the last. Counts are added up, rates averaged; with a share missing or without a volume the
    hour has none (NaN). Occupancy is the mean of the shares that have one.
    """
    keys = ["centre", "counted_at", "minutes"]
    hour = shares.groupby(keys, sort=False).ngroup()
    ranks = np.array([STATES_OF_AN_HOUR.index(one) for one in dict.fromkeys(STATES.values())])
    table = shares.assign(hour=hour, rank=ranks[shares["state"]], given=shares["vehicles"].notna())
    counted = table.sort_values("given", kind="stable").drop_duplicates(
        ["hour", "until"], keep="last"
    )
    by_hour: Any = counted.sort_values(["hour", "until"]).groupby("hour")
    shares_given = by_hour["vehicles"].count()
    vehicles = by_hour["vehicles"].sum()
    if unit == "rate":
        vehicles = vehicles / shares_given
    whole = shares_given * by_hour["minutes"].first() == HOUR
    made = pd.DataFrame(
        {
            "vehicles": vehicles.where(whole),
            "occupancy": by_hour["occupancy"].mean(),
            "state": np.argsort(ranks)[by_hour["rank"].max()].astype("int8"),
        }
    )
    return made.loc[hour].reset_index(drop=True)
