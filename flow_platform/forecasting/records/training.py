"""Fits one candidate on the prepared work of a cut-off, backtests and calibrates it."""

from __future__ import annotations

import numpy as np

from flow_platform.forecasting.records.data import RecordSpec
from flow_platform.forecasting.records.preparation import Prepared
from flow_platform.models.artefacts import artefact
from flow_platform.models.promotion import score
from flow_platform.models.record_training import Calibrated, train_banded
from flow_platform.models.records import learned_until, second
from flow_platform.models.roots import Fitted, LightGBM, UsualValue
from flow_platform.models.vintage import TrainedModel


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on the records whose outcome was known before the cut-off.

    See `train_banded`.
    """
    return train_banded(
        candidate,
        prepared.cutoff,
        prepared.fold,
        prepared.frame,
        prepared.own.outcome,
        prepared.known.day,
        fit=lambda frame, outcome: _fit(candidate, frame, outcome, prepared.spec),
        least=0.0,
        artefacts=lambda made: _artefacts(candidate, made, prepared),
    )


def _fit(candidate: str, frame: np.ndarray, outcome: np.ndarray, spec: RecordSpec) -> Fitted:
    if candidate == "centre_mean":
        return UsualValue.fit(frame[:, 0], outcome)
    first = 1 + len(spec.columns.numbers)
    return LightGBM.fit(frame, np.sqrt(outcome), spec.seed, range(first, frame.shape[1]))


def _artefacts(candidate: str, made: Calibrated, prepared: Prepared) -> dict[str, bytes]:
    columns = prepared.spec.columns
    return {
        **made.fitted.artefacts(),
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
            {"widening": made.widening, **learned_until(prepared.own.available_at.max())}
        ),
        "backtest.json": artefact(score(made.tested).as_json()),
    }
