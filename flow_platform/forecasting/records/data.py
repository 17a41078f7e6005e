"""Records in memory: what was known when each began, and its outcome with the moment it was known.

What models make of them is in `frame.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.ground.record_columns import RecordColumns
from flow_platform.models.moments import naive
from flow_platform.models.records import Floats

# Raised whenever equal data would train other models: vintages are then trained again.
CODE_VERSION = "1"

Integers = NDArray[np.int64]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True)
class RecordSpec:
    """The fixed choices of a model.

    Fewer than `least_records` before a cut-off, or records of fewer than `least_days`, train
    nothing; of more than `most_rows` an even part is fitted.
    """

    measure: str
    seed: int
    columns: RecordColumns
    least_records: int = 300
    least_days: int = 14
    most_rows: int = 600_000
    training_days: int = 365


@dataclass(frozen=True)
class RecordData:
    """Records in the order in which they began; arrays with an element (a row) for each.

    `began_at` and `available_at` are datetime64[us] in UTC, NaT where the outcome is not known;
    `numbers` has a column for each of `RecordColumns.numbers`, `categories` likewise.
    """

    centre: NDArray[np.object_]
    began_at: Moments
    available_at: Moments
    outcome: Floats
    numbers: Floats
    categories: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def day(self) -> Integers:
        """UTC day on which each record began, in days since 1970."""
        return self.began_at.astype("datetime64[D]").astype(np.int64)

    @property
    def known_day(self) -> Integers:
        """UTC day of the outcome: from the next day on it is known."""
        return self.available_at.astype("datetime64[D]").astype(np.int64)

    def take(self, chosen: NDArray[np.bool_] | Integers) -> RecordData:
        """The records at these places."""
        return RecordData(
            self.centre[chosen],
            self.began_at[chosen],
            self.available_at[chosen],
            self.outcome[chosen],
            self.numbers[chosen],
            self.categories[chosen],
        )

    def before(self, moment: pd.Timestamp) -> RecordData:
        """The records whose outcome was known before `moment` (UTC)."""
        return self.take((self.available_at < naive(moment)) & ~np.isnan(self.outcome))


def records_of(frame: pd.DataFrame, columns: RecordColumns) -> RecordData:
    """The records of a frame with `columns.all`, in the order of its rows."""
    texts = [frame[name].astype(object).to_numpy() for name in columns.categories]
    numbers = [frame[name].to_numpy("float64", na_value=np.nan) for name in columns.numbers]
    return RecordData(
        centre=frame["centre_id"].astype(object).to_numpy(),
        began_at=_moments(frame[columns.began_at]),
        available_at=_moments(frame["available_at"]),
        outcome=frame[columns.outcome].to_numpy("float64", na_value=np.nan),
        numbers=np.column_stack(numbers) if numbers else np.empty((len(frame), 0)),
        categories=np.column_stack(texts) if texts else np.empty((len(frame), 0), dtype=object),
    )


def joined(parts: Sequence[RecordData]) -> RecordData:
    """Several blocks of records, each later than those before, as one."""
    return RecordData(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("centre", "began_at", "available_at", "outcome", "numbers", "categories")
        )
    )


def fingerprint(data: RecordData, cutoff: pd.Timestamp, spec: RecordSpec) -> str:
    """sha256 over all that training at `cutoff` may see, and over the fixed choices."""
    seen = data.before(cutoff)
    digest = hashlib.sha256(f"{CODE_VERSION} {cutoff} {spec}".encode())
    for array in (seen.began_at, seen.available_at, seen.outcome, seen.numbers):
        digest.update(np.ascontiguousarray(array).tobytes())
    for text in (*seen.centre, *seen.categories.ravel()):
        digest.update(f"{'' if pd.isna(text) else text}\0".encode())
    return digest.hexdigest()


def _moments(column: pd.Series) -> Moments:
    moments = pd.DatetimeIndex(column).tz_convert("UTC").tz_localize(None)
    return moments.to_numpy().astype("datetime64[us]")
