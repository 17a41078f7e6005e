"""Fits one candidate of trips on the prepared work of a cut-off, backtests and calibrates it.

What candidates share is in `preparation`; how a vintage scores, in `model`.
"""

from __future__ import annotations

import pandas as pd

from flow_platform.flows.trips.models.candidates import fit_candidate
from flow_platform.flows.trips.models.data import Floats, TripSpec
from flow_platform.flows.trips.models.history import columns, usual_minutes
from flow_platform.flows.trips.models.model import SHORTEST_MINUTES, TripModel, inputs_as_json
from flow_platform.flows.trips.models.preparation import Fold, Prepared
from flow_platform.models.artefacts import artefact
from flow_platform.models.promotion import score
from flow_platform.models.records import (
    BACKTEST_COLUMNS,
    figures,
    finite,
    learned_until,
    second,
    tested_rows,
    typical_row,
)
from flow_platform.models.roots import Fitted, banded, widening_of
from flow_platform.models.sampling import evenly_placed
from flow_platform.models.vintage import TrainedModel

_GOLDEN_ROWS = 5


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on the trips that were over before the cut-off.

    The backtest is the last days before the cut-off: their trips are predicted by a fit that ended
    before them, with what was known of zones when they began. Its errors give the figures, and how
    far the band has to be widened to hold 8 of 10 (conformalized quantile regression, Romano,
    Patterson and Candes 2019). Then all is fitted. Equal data give equal bytes.
    """
    fold, known, spec = prepared.fold, prepared.known, prepared.spec
    roots = fit_candidate(candidate, fold.frame, fold.minutes, spec).predict(fold.tested_frame)
    widening = widening_of(roots, fold.tested.minutes)
    tested = _tested(fold, roots, widening, spec)
    fitted = fit_candidate(candidate, prepared.frame, prepared.own.minutes, spec)
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


def _tested(fold: Fold, roots: Floats, widening: float, spec: TripSpec) -> pd.DataFrame:
    return tested_rows(
        fold.tested.pickup_at,
        banded(roots, widening, SHORTEST_MINUTES),
        fold.tested.minutes,
        usual_minutes(fold.tested_frame, spec.has_distance),
    )


def _artefacts(
    candidate: str, fitted: Fitted, prepared: Prepared, widening: float, tested: pd.DataFrame
) -> dict[str, bytes]:
    own, spec = prepared.own, prepared.spec
    kept = {
        **fitted.artefacts(),
        "history.npz": prepared.table.as_bytes(),
        "training.json": artefact(
            {
                "candidate": candidate,
                "measure": spec.measure,
                "cutoff": str(prepared.cutoff),
                "train_last": second(own.pickup_at.max()),
                "columns": list(columns(spec.has_distance)),
                "typical": [float(f"{v:.9g}") for v in typical_row(prepared.frame)],
            }
        ),
        "calibration.json": artefact(
            {"widening": widening, **learned_until(own.available_at.max())}
        ),
        "backtest.json": artefact(score(tested).as_json()),
    }
    model = TripModel.load({**kept, "golden.json": b"{}"})
    golden = own.inputs.take(evenly_placed(len(own), _GOLDEN_ROWS))
    kept["golden.json"] = artefact(
        {"inputs": inputs_as_json(golden), "scores": model.score(golden).tolist()}
    )
    return kept
