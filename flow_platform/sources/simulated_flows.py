"""Plain simulated counts and records, for flows that have no simulator of their own yet.

Any slice (centres x days) can be made alone, in any order, and is always the same. Parcels, retail,
traffic, trips and deliveries have simulators that know what is typical of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from flow_platform.ground.local_time import local_midnight_after
from flow_platform.ground.record_columns import RecordColumns
from flow_platform.sources.centres import Centre
from flow_platform.sources.simulated_world import EPOCH_FIRST, EPOCH_LAST

Simulated = Callable[[Sequence[str], date, date], pd.DataFrame]

_DAY = pd.Timedelta(days=1)
_KINDS = ("plain", "fragile", "heavy", "urgent")


def simulated_counts(flow: str, measure: str, centres: Sequence[Centre], seed: int) -> Simulated:
    """Counts per centre and local day: a level, a week, a year and noise of 8 %.

    Rows have centre_id, day, `measure` and available_at (UTC), the local midnight after the day.
    """

    def made(centre_ids: Sequence[str], first_day: date, last_day: date) -> pd.DataFrame:
        known = {centre.centre_id: centre for centre in centres}
        parts = [
            _counts(flow, measure, known[one], seed, first_day, last_day)
            for one in centre_ids
            if one in known
        ]
        columns = ["centre_id", "day", measure, "available_at"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    return made


def simulated_records(
    flow: str, columns: RecordColumns, centres: Sequence[Centre], seed: int
) -> Simulated:
    """Records per centre and UTC day, about 8 a day, with an outcome that takes days to be known.

    Numbers are around 1, categories one of four; the outcome follows from them, from the centre and
    from noise of 30 %. Rows have `columns.all`.
    """

    def made(centre_ids: Sequence[str], first_day: date, last_day: date) -> pd.DataFrame:
        known = [centre.centre_id for centre in centres if centre.centre_id in set(centre_ids)]
        days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
        parts = [_records(flow, columns, one, seed, day) for one in known for day in days]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns.all)

    return made


def _random(seed: int, *names: object) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32("/".join(map(str, names)).encode())])


def _counts(
    flow: str, measure: str, centre: Centre, seed: int, first_day: date, last_day: date
) -> pd.DataFrame:
    draw = _random(seed, flow, centre.centre_id)
    level, phase = np.exp(draw.normal(5.0, 0.5)), draw.uniform(0, 2 * np.pi)
    week = np.append(np.exp(draw.normal(0, 0.15, 5)), np.exp(draw.normal(-0.8, 0.2, 2)))
    every = pd.date_range(EPOCH_FIRST, EPOCH_LAST, unit="us")
    year = 1 + 0.15 * np.sin(2 * np.pi * every.dayofyear / 365.25 + phase)
    noise = np.exp(draw.normal(0, 0.08, len(every)))
    counts = np.round(level * week[every.weekday] * year * noise)
    chosen = slice(*every.searchsorted([pd.Timestamp(first_day), pd.Timestamp(last_day) + _DAY]))
    days = every[chosen]
    return pd.DataFrame(
        {
            "centre_id": centre.centre_id,
            "day": days,
            measure: counts[chosen],
            "available_at": local_midnight_after(days, centre.timezone),
        }
    )


def _records(
    flow: str, columns: RecordColumns, centre_id: str, seed: int, day: date
) -> pd.DataFrame:
    level = np.exp(_random(seed, flow, centre_id).normal(2.0, 0.3))
    draw = _random(seed, flow, centre_id, day)
    size = draw.poisson(4.0 if day.weekday() > 4 else 9.0)
    began = pd.Timestamp(day, tz="UTC") + pd.to_timedelta(
        np.sort(draw.integers(0, 86_400, size)), unit="s"
    )
    numbers = {name: np.round(np.exp(draw.normal(0, 0.5, size)), 3) for name in columns.numbers}
    codes = {name: draw.integers(0, len(_KINDS), size) for name in columns.categories}
    effect = level * np.exp(draw.normal(0, 0.3, size))
    for number in numbers.values():
        effect = effect * np.sqrt(number)
    for code in codes.values():
        effect = effect * (1 + 0.4 * code)
    return pd.DataFrame(
        {
            columns.key: [f"{centre_id}-{day:%Y%m%d}-{number}" for number in range(size)],
            "centre_id": centre_id,
            "day": pd.Timestamp(day),
            columns.began_at: began,
            "available_at": began + pd.to_timedelta(draw.gamma(3.0, 24.0, size).round(2), "h"),
            columns.outcome: np.round(effect, 2),
            **numbers,
            **{name: np.array(_KINDS)[code] for name, code in codes.items()},
        }
    )
