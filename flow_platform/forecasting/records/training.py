"""Fits one candidate on the prepared work of a cut-off, backtests and calibrates it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.records.data import RecordSpec
from flow_platform.forecasting.records.preparation import Prepared
from flow_platform.models.artefacts import artefact
from flow_platform.models.promotion import score
from flow_platform.models.records import (
    BACKTEST_COLUMNS,
    figures,
    finite,
    learned_until,
    second,
    tested_rows,
)
from flow_platform.models.roots import Fitted, LightGBM, UsualValue, banded, widening_of
from flow_platform.models.vintage import TrainedModel


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on the records whose outcome was known before the cut-off.

    The backtest is the last days before the cut-off: their records are predicted by a fit that
    ended before them. Its errors give the figures, and how far the band has to be widened to hold
    8 of 10. Then all is fitted. Equal data give equal bytes.
    """
    fold, known, spec = prepared.fold, prepared.known, prepared.spec
    roots = _fit(candidate, fold.frame, fold.own.outcome, spec).predict(fold.tested_frame)
    widening = widening_of(roots, fold.tested.outcome)
    tested = tested_rows(
        fold.tested.began_at,
        banded(roots, widening, least=0.0),
        fold.tested.outcome,
        fold.tested_frame[:, 0],
    )
    fitted = _fit(candidate, prepared.frame, prepared.own.outcome, spec)
    days = [pd.Timestamp(day, unit="D") for day in (known.day.min(), known.day.max())]
    return TrainedModel(
        candidate=candidate,
        cutoff=prepared.cutoff,
        artefacts=_artefacts(candidate, fitted, prepared, widening, tested),
        metrics=finite(figures(tested)),
        backtest=tested[BACKTEST_COLUMNS],
        train_first=days[0],
        train_last=days[1],
        trained_rows=len(prepared.own),
    )


def _fit(candidate: str, frame: np.ndarray, outcome: np.ndarray, spec: RecordSpec) -> Fitted:
    if candidate == "centre_mean":
        return UsualValue.fit(frame[:, 0], outcome)
    first = 1 + len(spec.columns.numbers)
    return LightGBM.fit(frame, np.sqrt(outcome), spec.seed, range(first, frame.shape[1]))


def _artefacts(
    candidate: str, fitted: Fitted, prepared: Prepared, widening: float, tested: pd.DataFrame
) -> dict[str, bytes]:
    columns = prepared.spec.columns
    return {
        **fitted.artefacts(),
        "training.json": artefact(
            {
                "candidate": candidate,
                "measure": prepared.spec.measure,
                "cutoff": str(prepared.cutoff),
                "train_last": second(prepared.own.began_at.max()),
                "columns": [*columns.numbers, *columns.categories],
                "known": [[name, *sums] for name, sums in prepared.usual.sums.items()],
                "codes": prepared.codes.values,
            }
        ),
        "calibration.json": artefact(
            {"widening": widening, **learned_until(prepared.own.available_at.max())}
        ),
        "backtest.json": artefact(score(tested).as_json()),
    }
