"""Fits one candidate of trips on the prepared work of a cut-off, backtests and calibrates it.

What candidates share is in `preparation`; how a vintage scores, in `model`.
"""

from __future__ import annotations

from flow_platform.flows.trips.models.candidates import fit_candidate
from flow_platform.flows.trips.models.history import columns
from flow_platform.flows.trips.models.model import SHORTEST_MINUTES, TripModel, inputs_as_json
from flow_platform.flows.trips.models.preparation import Prepared
from flow_platform.models.artefacts import artefact
from flow_platform.models.promotion import score
from flow_platform.models.record_training import Calibrated, train_banded
from flow_platform.models.records import learned_until, second, typical_row
from flow_platform.models.sampling import evenly_placed
from flow_platform.models.vintage import TrainedModel

_GOLDEN_ROWS = 5


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on the trips that were over before the cut-off, see `train_banded`."""
    return train_banded(
        candidate,
        prepared.cutoff,
        prepared.fold,
        prepared.frame,
        prepared.own.minutes,
        prepared.known.day,
        fit=lambda frame, minutes: fit_candidate(candidate, frame, minutes, prepared.spec),
        least=SHORTEST_MINUTES,
        artefacts=lambda made: _artefacts(candidate, made, prepared),
    )


def _artefacts(candidate: str, made: Calibrated, prepared: Prepared) -> dict[str, bytes]:
    own, spec = prepared.own, prepared.spec
    kept = {
        **made.fitted.artefacts(),
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
            {"widening": made.widening, **learned_until(own.available_at.max())}
        ),
        "backtest.json": artefact(score(made.tested).as_json()),
    }
    model = TripModel.load({**kept, "golden.json": b"{}"})
    golden = own.inputs.take(evenly_placed(len(own), _GOLDEN_ROWS))
    kept["golden.json"] = artefact(
        {"inputs": inputs_as_json(golden), "scores": model.score(golden).tolist()}
    )
    return kept
