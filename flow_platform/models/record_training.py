"""How a candidate for single records is trained: what it is tested on, and its band.

Which candidates there are, and what a vintage keeps, is each engine's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.models.records import (
    BACKTEST_COLUMNS,
    Flags,
    Floats,
    Integers,
    figures,
    finite,
    tested_rows,
)
from flow_platform.models.roots import Fitted, banded, widening_of
from flow_platform.models.sampling import evenly_placed
from flow_platform.models.vintage import TrainedModel

# The first days of a history show little of what is usual; its last part is kept for the backtest.
WARM_UP_DAYS = 3
_BACKTEST_SHARE, _MOST_BACKTEST_DAYS = 1 / 5, 28
MOST_BACKTEST_ROWS = 150_000


def history_gap(days: Integers, least: int, least_days: int, what: str) -> str | None:
    """What is missing to train on records of these days (since 1970); None if nothing.

    `what` is what the records are called, such as "trips".
    """
    if len(days) < least:
        return f"{len(days)} {what} are known, {least} are needed"
    span = int(days.max() - days.min()) + 1
    if span < least_days:
        return f"{what} of {span} days are known, {least_days} are needed"
    return None


def places_of_fold(day: Integers, known_day: Integers) -> tuple[Flags, Integers]:
    """Which records (bool) were known when the backtest began, and places of those it tests.

    `day` is when each began and `known_day` when its outcome was known (since 1970). The backtest
    is the last fifth of the days, at most four weeks; of more than `MOST_BACKTEST_ROWS` records an
    even part is tested.
    """
    length = int(day.max() - day.min()) + 1
    start = int(day.max()) + 1 - min(_MOST_BACKTEST_DAYS, int(length * _BACKTEST_SHARE))
    # What was not known yet when the backtest began is not learned from.
    earlier = (day < start) & (known_day < start)
    later = np.flatnonzero(day >= start)
    return earlier, later[evenly_placed(len(later), MOST_BACKTEST_ROWS)]


def places_to_fit(day: Integers, usable: Flags, most: int) -> Integers:
    """Places of the records to fit: usable, after the first days; of more than `most` an even part.

    `day` is when each began (since 1970).
    """
    places = np.flatnonzero(usable & (day >= int(day.min()) + WARM_UP_DAYS))
    return places[evenly_placed(len(places), most)]


@dataclass(frozen=True)
class Fold:
    """Records to fit, and later ones to test the fit on.

    frame           shape (n, columns): what was known when each record to fit began
    outcome         shape (n,)
    tested_at       shape (m,): when each tested record began, naive UTC
    tested_frame    shape (m, columns)
    tested_outcome  shape (m,)
    tested_usual    shape (m,): the usual outcome of each, against which MASE is
    """

    frame: Floats
    outcome: Floats
    tested_at: NDArray[np.datetime64]
    tested_frame: Floats
    tested_outcome: Floats
    tested_usual: Floats


@dataclass(frozen=True)
class Calibrated:
    """A fitted candidate, by how much its band is widened, and the rows of its backtest."""

    fitted: Fitted
    widening: float
    tested: pd.DataFrame


def train_banded(
    candidate: str,
    cutoff: pd.Timestamp,
    fold: Fold,
    frame: Floats,
    outcome: Floats,
    days: Integers,
    *,
    fit: Callable[[Floats, Floats], Fitted],
    least: float,
    artefacts: Callable[[Calibrated], Mapping[str, bytes]],
) -> TrainedModel:
    """A candidate with an 80 % band, fitted on all records and tested on the last days.

    The records of the backtest are predicted by a fit that ended before them, with what was known
    when they began. Its errors give the figures, and how far the band has to be widened to hold 8
    of 10 (conformalized quantile regression, Romano, Patterson and Candes 2019). Then all is
    fitted: `frame` (n, columns) and `outcome` (n,). `days` are those of all records that were known
    (since 1970). No prediction is below `least`. Equal data give equal bytes.
    """
    roots = fit(fold.frame, fold.outcome).predict(fold.tested_frame)
    widening = widening_of(roots, fold.tested_outcome)
    tested = tested_rows(
        fold.tested_at, banded(roots, widening, least), fold.tested_outcome, fold.tested_usual
    )
    made = Calibrated(fit(frame, outcome), widening, tested)
    return TrainedModel(
        candidate=candidate,
        cutoff=cutoff,
        artefacts=dict(artefacts(made)),
        metrics=finite(figures(tested)),
        backtest=tested[BACKTEST_COLUMNS],
        train_first=pd.Timestamp(days.min(), unit="D"),
        train_last=pd.Timestamp(days.max(), unit="D"),
        trained_rows=len(frame),
    )
