"""The candidates: each is fitted on a frame and predicts the middle and an 80 % band of each row.

All predict the square root of the minutes; see `models/roots.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flow_platform.flows.trips.models.data import Floats, TripSpec
from flow_platform.flows.trips.models.history import columns, usual_minutes
from flow_platform.ground.errors import ModelError
from flow_platform.models.roots import (
    BOOSTING,
    PARTS,
    QUANTILES,
    SIZES,
    Fitted,
    LightGBM,
    UsualValue,
)
from flow_platform.models.sampling import evenly_placed

# The simplest first; LightGBM comes before its equal of scikit-learn, which takes a hundred times
# as long to answer a single request.
CANDIDATES = ("zone_pair_mean", "lightgbm", "gradient_boosting")
# Beyond so many rows scikit-learn takes minutes and gains nothing.
_MOST_ROWS_SKLEARN = 100_000


class ZonePairMean(Fitted):
    """The usual minutes of the zone pair; its band is the spread of all past trips around it."""

    def __init__(self, has_distance: bool, multiples: UsualValue) -> None:
        self._has_distance = has_distance
        self._multiples = multiples

    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        return self._multiples.multiples(usual_minutes(frame, self._has_distance))

    def artefacts(self) -> dict[str, bytes]:
        return self._multiples.artefacts()


class GradientBoosting(Fitted):
    """scikit-learn's histogram gradient boosting."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        self._models = dict(models)

    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        return np.stack([self._models[part].predict(frame) for part in PARTS])

    def artefacts(self) -> dict[str, bytes]:
        from flow_platform.models.sklearn_models import as_bytes

        return {f"{part}.skops": as_bytes(model) for part, model in self._models.items()}


def fit_candidate(candidate: str, frame: Floats, minutes: Floats, spec: TripSpec) -> Fitted:
    """Fit a candidate on rows of `history.features` and the minutes that they took.

    Raises ModelError for a candidate that does not exist.
    """
    if candidate == "zone_pair_mean":
        usual = usual_minutes(frame, spec.has_distance)
        return ZonePairMean(spec.has_distance, UsualValue.fit(usual, minutes))
    root = np.sqrt(minutes)
    if candidate == "lightgbm":
        return LightGBM.fit(frame, root, spec.seed)
    if candidate == "gradient_boosting":
        rows = evenly_placed(len(frame), _MOST_ROWS_SKLEARN)
        fitted = {part: _fit_sklearn(part, frame[rows], root[rows], spec.seed) for part in PARTS}
        return GradientBoosting(fitted)
    raise ModelError(f"There is no candidate {candidate!r}. Use one of: {', '.join(CANDIDATES)}.")


def load(candidate: str, artefacts: Mapping[str, bytes], has_distance: bool) -> Fitted:
    """A fitted candidate from its artefacts. Raises ModelError where they cannot be used."""
    try:
        if candidate == "zone_pair_mean":
            return ZonePairMean(has_distance, UsualValue.load(artefacts))
        if candidate == "lightgbm":
            return LightGBM.load(artefacts, len(columns(has_distance)))
        if candidate == "gradient_boosting":
            from flow_platform.models.sklearn_models import from_bytes

            return GradientBoosting(
                {part: from_bytes(artefacts[f"{part}.skops"]) for part in PARTS}
            )
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"The artefacts of {candidate} are not whole ({error}). Train the vintage again."
        ) from error
    raise ModelError(f"There is no candidate {candidate!r}. Use one of: {', '.join(CANDIDATES)}.")


def _fit_sklearn(part: str, frame: Floats, root: Floats, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    loss = {"loss": "quantile", "quantile": QUANTILES[part]} if part in QUANTILES else {}
    model = HistGradientBoostingRegressor(
        max_iter=SIZES[part][0],
        max_leaf_nodes=SIZES[part][1],
        learning_rate=BOOSTING["learning_rate"],
        min_samples_leaf=BOOSTING["min_data_in_leaf"],
        early_stopping=False,
        random_state=seed % 2**31,
        **loss,
    )
    # A column without any value, as the weather of a city that has none, cannot be binned.
    unknown = np.isnan(frame).all(axis=0)
    # Threads of OpenMP add up in another order each time.
    with threadpool_limits(1):
        return model.fit(np.where(unknown, 0.0, frame), root)
