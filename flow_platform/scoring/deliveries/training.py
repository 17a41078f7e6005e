"""Fits one candidate of deliveries on the prepared work of a cut-off, backtested and calibrated.

What candidates share is in `preparation`; how a vintage scores, in `model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from flow_platform.models.artefacts import artefact
from flow_platform.models.promotion import score
from flow_platform.models.records import (
    BACKTEST_COLUMNS,
    finite,
    learned_until,
    second,
    typical_row,
)
from flow_platform.models.vintage import TrainedModel
from flow_platform.scoring.deliveries.backtest import Backtest, backtest, centre
from flow_platform.scoring.deliveries.candidates import Fitted, fit_candidate
from flow_platform.scoring.deliveries.data import DeliverySpec, Floats
from flow_platform.scoring.deliveries.features import columns
from flow_platform.scoring.deliveries.model import DeliveryModel, frame_as_json
from flow_platform.scoring.deliveries.preparation import Prepared

_GOLDEN_ROWS = 5


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on what was known before the cut-off.

    The backtest is up to four folds of four weeks before the newest orders, most of which are
    still open; each is scored by a fit made of what was known when it began. Bands and log-odds are
    calibrated on all folds, and each fold is judged by the calibration of those before it. Late
    risk that is not better than the base rate beyond noise, or was not in the newest fold or in
    most folds, is served as the base rate, and has no MASE, so it cannot lead. Equal data give
    equal bytes.
    """
    rows, spec = prepared.rows, prepared.spec
    learned = np.flatnonzero(rows.learned)
    tested = backtest(candidate, prepared)
    fitted = fit_candidate(candidate, prepared.frame[learned], rows.y[learned], spec)
    judged, metrics = tested.judged(candidate, prepared)
    has_skill = bool(metrics.get("has_skill", 1.0))
    artefacts = _artefacts(candidate, fitted, prepared, tested, has_skill)
    artefacts["backtest.json"] = artefact(score(judged).as_json())
    artefacts["golden.json"] = _golden(artefacts, prepared.frame[learned], spec)
    days = [pd.Timestamp(one).normalize() for one in rows.asked.moment[learned][[0, -1]]]
    return TrainedModel(
        candidate=candidate,
        cutoff=prepared.cutoff,
        artefacts=artefacts,
        metrics=finite(metrics),
        backtest=judged[BACKTEST_COLUMNS],
        train_first=days[0],
        train_last=days[1],
        trained_rows=len(learned),
    )


def _artefacts(
    candidate: str, fitted: Fitted, prepared: Prepared, tested: Backtest, has_skill: bool
) -> dict[str, bytes]:
    rows, spec = prepared.rows, prepared.spec
    own = centre(rows.y[rows.learned]) if spec.is_late_risk else 0.0
    typical = typical_row(prepared.frame[rows.learned])
    return {
        **fitted.artefacts(),
        "training.json": artefact(
            {
                "candidate": candidate,
                "measure": spec.measure,
                "cutoff": str(prepared.cutoff),
                "train_last": second(rows.asked.moment[rows.learned].max()),
                "columns": list(columns(spec.in_transit)),
                "threshold": spec.threshold,
                "typical": [float(f"{v:.6g}") for v in typical],
            }
        ),
        "calibration.json": artefact(
            {
                "widening": tested.widening.tolist(),
                "platt": asdict(replace(tested.platt, centre=own)),
                "has_skill": has_skill,
                **learned_until(rows.outcomes.known_at(rows.at)),
            }
        ),
    }


def _golden(artefacts: Mapping[str, bytes], frame: Floats, spec: DeliverySpec) -> bytes:
    """Rows that nobody ordered: each value drawn by itself from between what is rare and frequent.

    A vintage outlives the erasure of the orders that it learned from, so it keeps none of them.
    """
    random = np.random.default_rng(spec.seed)
    known = ~np.isnan(frame).all(axis=0)
    rows = np.full((_GOLDEN_ROWS, frame.shape[1]), np.nan)
    low, high = np.nanquantile(frame[:, known], [0.1, 0.9], axis=0)
    drawn = low + random.random((_GOLDEN_ROWS, int(known.sum()))) * (high - low)
    rows[:, known] = [[float(f"{value:.3g}") for value in row] for row in drawn]
    model = DeliveryModel.load({**artefacts, "golden.json": b"{}"})
    return artefact({"frame": frame_as_json(rows), "scores": model.score(rows).tolist()})
