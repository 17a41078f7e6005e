"""Training a vintage of trips at a cut-off: backtest, band, and the final fit on all.

The same functions as in `forecasting/daily/training.py`. How a vintage scores is in `model.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import artefact
from flow_platform.models.metrics import summarise
from flow_platform.models.moments import utc
from flow_platform.models.preparation import Newest
from flow_platform.models.promotion import score
from flow_platform.models.sampling import evenly_placed
from flow_platform.models.vintage import TrainedModel
from flow_platform.scoring.trips.candidates import CANDIDATES, Fitted, fit
from flow_platform.scoring.trips.data import (
    Floats,
    Integers,
    TripData,
    TripSpec,
    fingerprint,
)
from flow_platform.scoring.trips.history import Expanding, Table, columns, features, usual_minutes
from flow_platform.scoring.trips.model import (
    SHORTEST_MINUTES,
    TripModel,
    banded,
    inputs_as_json,
)

# The first days tell little of zones; the last part of the trips is kept for the backtest.
WARM_UP_DAYS = 3
BACKTEST_SHARE, MOST_BACKTEST_DAYS = 1 / 5, 28
MOST_BACKTEST_ROWS = 150_000
_GOLDEN_ROWS = 5

__all__ = ["CANDIDATES", "fallback_scores", "fingerprint", "has_enough_history", "train"]


def has_enough_history(data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> bool:
    """Whether `train` at `cutoff` would find trips enough."""
    return _gap(data.before(cutoff), spec) is None


def _gap(known: TripData, spec: TripSpec) -> str | None:
    if len(known) < spec.least_trips:
        return f"{len(known)} trips are known, {spec.least_trips} are needed"
    days = int(known.day.max() - known.day.min()) + 1
    if days < spec.least_days:
        return f"trips of {days} days are known, {spec.least_days} are needed"
    return None


@dataclass(frozen=True)
class _Fold:
    """Rows to fit and rows to hold the fit against, all later than those."""

    frame: Floats
    minutes: Floats
    tested: TripData
    tested_frame: Floats


class _Prepared:
    """What all candidates share at one cut-off: the backtest's rows, the final ones, the table."""

    def __init__(self, data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> None:
        self.known = known = data.before(cutoff)
        if gap := _gap(known, spec):
            raise ModelError(
                f"Cannot train {spec.measure} at {cutoff}: {gap}. Use the fallback until more is"
                " known."
            )
        self.fold = _fold(known, spec)
        chosen = np.flatnonzero(known.day >= int(known.day.min()) + WARM_UP_DAYS)
        self.own = known.take(chosen[evenly_placed(len(chosen), spec.most_rows)])
        self.frame = features(self.own.inputs, Expanding(known, self.own.day), spec.has_distance)
        self.table = Table.of(known)


_latest = Newest[_Prepared]()


def _prepare(data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> _Prepared:
    """The shared work at a cut-off."""
    return _latest.of(fingerprint(data, cutoff, spec), lambda: _Prepared(data, cutoff, spec))


def train(candidate: str, data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> TrainedModel:
    """One vintage of `candidate` from the trips that were over before `cutoff` (UTC).

    The backtest is the last days before the cut-off: a fit that ended before them says their trips,
    with what was known of zones when they began. From its errors come the figures, and how far the
    band has to be widened to hold 8 of 10 (conformalized quantile regression, Romano, Patterson
    and Candes 2019). Then all is fitted. Raises ModelError where too little is known.
    """
    cutoff = utc(cutoff)
    prepared = _prepare(data, cutoff, spec)
    fold, known, own = prepared.fold, prepared.known, prepared.own
    roots = fit(candidate, fold.frame, fold.minutes, spec).predict(fold.tested_frame)
    widening = _widening(roots, fold.tested.minutes)
    tested = _tested(fold, roots, widening, spec)
    fitted = fit(candidate, prepared.frame, own.minutes, spec)
    artefacts = _artefacts(candidate, fitted, prepared, widening, tested, cutoff, spec)
    days = [pd.Timestamp(day, unit="D") for day in (known.day.min(), known.day.max())]
    return TrainedModel(
        candidate=candidate,
        cutoff=cutoff,
        artefacts=artefacts,
        metrics=_metrics(tested),
        backtest=tested[["unique_id", "issue", "horizon", "ds", "prediction", "y"]],
        train_first=days[0],
        train_last=days[1],
        trained_rows=len(own),
    )


def fallback_scores(known: TripData, asked: TripData, spec: TripSpec) -> Floats:
    """Minutes and a band, shape (n, 3), before any vintage: the zone pair's usual minutes.

    What is known are the trips of `known` that were over when the day of the asking trip began.
    The band is 0.5 to 1.7 times that, about what trips of a city stray.
    """
    frame = features(asked.inputs, Expanding(known, asked.day), spec.has_distance)
    usual = usual_minutes(frame, spec.has_distance)
    minutes = np.maximum(usual, SHORTEST_MINUTES)
    return np.column_stack([minutes, np.maximum(0.5 * usual, SHORTEST_MINUTES), 1.7 * minutes])


def _fold(known: TripData, spec: TripSpec) -> _Fold:
    days = int(known.day.max() - known.day.min()) + 1
    length = min(MOST_BACKTEST_DAYS, int(days * BACKTEST_SHARE))
    start = int(known.day.max()) + 1 - length
    # What was not over yet when the backtest began was not known either.
    earlier = known.take((known.day < start) & (known.known_day < start))
    chosen = np.flatnonzero(earlier.day >= int(known.day.min()) + WARM_UP_DAYS)
    own = earlier.take(chosen[evenly_placed(len(chosen), spec.most_rows)])
    later = np.flatnonzero(known.day >= start)
    tested = known.take(later[evenly_placed(len(later), MOST_BACKTEST_ROWS)])
    return _Fold(
        frame=features(own.inputs, Expanding(earlier, own.day), spec.has_distance),
        minutes=own.minutes,
        tested=tested,
        # As a vintage of that day would have: with what was known at its cut-off.
        tested_frame=features(tested.inputs, Table.of(earlier), spec.has_distance),
    )


def _widening(roots: Floats, minutes: Floats) -> float:
    """By what share of its width each side must move out for the band to hold 80 %."""
    _, lower, upper = roots
    root, width = np.sqrt(minutes), np.maximum(upper - lower, 1e-9)
    strays = np.maximum((lower - root) / width, (root - upper) / width)
    return float(np.quantile(strays, min(1.0, 0.8 * (1 + 1 / len(strays)))))


def _tested(fold: _Fold, roots: Floats, widening: float, spec: TripSpec) -> pd.DataFrame:
    said = banded(roots, widening)
    usual = usual_minutes(fold.tested_frame, spec.has_distance)
    day = pd.DatetimeIndex(fold.tested.pickup_at).normalize()
    return pd.DataFrame(
        {
            "unique_id": [f"{number}" for number in range(len(fold.tested))],
            "issue": day,
            "horizon": 1,
            "ds": day,
            "prediction": said[:, 0],
            "lower_80": said[:, 1],
            "upper_80": said[:, 2],
            "y": fold.tested.minutes,
            # MASE is against the zone pair's usual minutes, over the same trips.
            "scale": float(np.abs(fold.tested.minutes - usual).mean()),
        }
    )


def _metrics(tested: pd.DataFrame) -> dict[str, float]:
    figures = summarise(tested).iloc[0].to_dict()
    return {
        str(name): float(value)
        for name, value in figures.items()
        if name != "n" and np.isfinite(value)
    }


def _artefacts(
    candidate: str,
    fitted: Fitted,
    prepared: _Prepared,
    widening: float,
    tested: pd.DataFrame,
    cutoff: pd.Timestamp,
    spec: TripSpec,
) -> dict[str, bytes]:
    own = prepared.own
    kept = {
        **fitted.artefacts(),
        "history.npz": prepared.table.as_bytes(),
        "training.json": artefact(
            {
                "candidate": candidate,
                "measure": spec.measure,
                "cutoff": str(cutoff),
                "train_last": str(own.pickup_at.max().astype("datetime64[s]")),
                "columns": list(columns(spec.has_distance)),
                "typical": [float(f"{v:.9g}") for v in _typical(prepared.frame)],
            }
        ),
        "calibration.json": artefact(
            {
                "widening": widening,
                # Until when the rows were known that the band and the figures rest on.
                "recent": {"known_at": []},
                "errors": {"known_at": [str(own.available_at.max().astype("datetime64[s]"))]},
            }
        ),
        "backtest.json": artefact(score(tested).as_json()),
    }
    chosen = evenly_placed(len(own), _GOLDEN_ROWS)
    model = TripModel.load({**kept, "golden.json": b"{}"})
    golden = own.inputs.take(chosen)
    kept["golden.json"] = artefact(
        {"inputs": inputs_as_json(golden), "scores": model.score(golden).tolist()}
    )
    return kept


def _typical(frame: Floats) -> Floats:
    """A row in the middle of all: medians, 0 where a column is unknown throughout."""
    known: Integers = np.flatnonzero(~np.isnan(frame).all(axis=0))
    made = np.zeros(frame.shape[1])
    made[known] = np.nanmedian(frame[:, known], axis=0)
    return made
