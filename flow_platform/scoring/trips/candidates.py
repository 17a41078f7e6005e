"""The candidates: each is fitted on a frame and predicts the middle and an 80 % band of each row.

All predict the square root of the minutes: trips that take twice as long are that much more
uncertain, and on this scale errors of all hours are about as large.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from flow_platform.ground.errors import ModelError
from flow_platform.models.boosters import Booster
from flow_platform.models.sampling import evenly_placed
from flow_platform.scoring.trips.data import Floats, TripSpec
from flow_platform.scoring.trips.history import columns, usual_minutes

# The simplest first; LightGBM comes before its equal of scikit-learn, which takes a hundred times
# as long to answer a single request.
CANDIDATES = ("zone_pair_mean", "lightgbm", "gradient_boosting")
PARTS = ("middle", "lower", "upper")
QUANTILES = {"lower": 0.1, "upper": 0.9}
# Beyond so many rows the sides of a band, and scikit-learn, take minutes and gain nothing.
_MOST_ROWS_SIDE, _MOST_ROWS_SKLEARN = 200_000, 100_000

_BOOSTING: dict[str, Any] = {
    "learning_rate": 0.1,
    "min_data_in_leaf": 80,
    "bagging_fraction": 0.9,
    "bagging_freq": 1,
    "feature_fraction": 0.8,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}
# Twice the trees at half the rate gain 0.2 % and take twice as long to answer. A band needs fewer:
# its sides are corrected by what was seen out of sample.
_SIZES = {"middle": (150, 63), "lower": (80, 31), "upper": (80, 31)}


class Fitted(ABC):
    """A candidate after fitting."""

    @abstractmethod
    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        """Shape (3, n): square roots of minutes, middle, lower and upper side, not yet in order."""

    @abstractmethod
    def artefacts(self) -> dict[str, bytes]:
        """What `load` needs."""


class ZonePairMean(Fitted):
    """The usual minutes of the zone pair; its band is the spread of all past trips around it."""

    def __init__(self, has_distance: bool, spread: tuple[float, float, float]) -> None:
        self._has_distance = has_distance
        self._spread = spread

    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        return np.sqrt(np.outer(self._spread, usual_minutes(frame, self._has_distance)))

    def artefacts(self) -> dict[str, bytes]:
        return {"spread.txt": " ".join(repr(float(f"{v:.12g}")) for v in self._spread).encode()}


class LightGBM(Fitted):
    def __init__(self, texts: Mapping[str, bytes], width: int) -> None:
        self._texts = dict(texts)
        self.boosters = {part: Booster(texts[part], width) for part in PARTS}

    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        return np.stack([self.boosters[part].predict(frame, threads) for part in PARTS])

    def artefacts(self) -> dict[str, bytes]:
        return {f"{part}.txt": text for part, text in self._texts.items()}


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
        ratio = minutes / usual_minutes(frame, spec.has_distance)
        low, high = np.quantile(ratio, list(QUANTILES.values()))
        return ZonePairMean(spec.has_distance, (float(ratio.mean()), float(low), float(high)))
    root = np.sqrt(minutes)
    if candidate == "lightgbm":
        width = frame.shape[1]
        texts = {part: _fit_booster(part, frame, root, spec.seed) for part in PARTS}
        return LightGBM(texts, width)
    if candidate == "gradient_boosting":
        rows = evenly_placed(len(frame), _MOST_ROWS_SKLEARN)
        fitted = {part: _fit_sklearn(part, frame[rows], root[rows], spec.seed) for part in PARTS}
        return GradientBoosting(fitted)
    raise ModelError(f"There is no candidate {candidate!r}. Use one of: {', '.join(CANDIDATES)}.")


def load(candidate: str, artefacts: Mapping[str, bytes], has_distance: bool) -> Fitted:
    """A fitted candidate from its artefacts. Raises ModelError where they cannot be used."""
    try:
        if candidate == "zone_pair_mean":
            mean, low, high = (float(v) for v in artefacts["spread.txt"].split())
            return ZonePairMean(has_distance, (mean, low, high))
        if candidate == "lightgbm":
            texts = {part: artefacts[f"{part}.txt"] for part in PARTS}
            return LightGBM(texts, len(columns(has_distance)))
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


def _fit_booster(part: str, frame: Floats, root: Floats, seed: int) -> bytes:
    import lightgbm

    trees, leaves = _SIZES[part]
    goal: dict[str, Any] = {"objective": "regression"}
    if part in QUANTILES:
        rows = evenly_placed(len(frame), _MOST_ROWS_SIDE)
        frame, root = frame[rows], root[rows]
        goal = {"objective": "quantile", "alpha": QUANTILES[part]}
    booster = lightgbm.train(
        {**_BOOSTING, **goal, "num_leaves": leaves, "seed": seed},
        lightgbm.Dataset(frame, root, free_raw_data=True),
        num_boost_round=trees,
    )
    return booster.model_to_string().encode()


def _fit_sklearn(part: str, frame: Floats, root: Floats, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    loss = {"loss": "quantile", "quantile": QUANTILES[part]} if part in QUANTILES else {}
    model = HistGradientBoostingRegressor(
        max_iter=_SIZES[part][0],
        max_leaf_nodes=_SIZES[part][1],
        learning_rate=_BOOSTING["learning_rate"],
        min_samples_leaf=_BOOSTING["min_data_in_leaf"],
        early_stopping=False,
        random_state=seed % 2**31,
        **loss,
    )
    # A column without any value, as the weather of a city that has none, cannot be binned.
    unknown = np.isnan(frame).all(axis=0)
    # Threads of OpenMP add up in another order each time.
    with threadpool_limits(1):
        return model.fit(np.where(unknown, 0.0, frame), root)
