"""Models of records that predict the square root of an outcome: its middle and an 80 % band.

Outcomes that are twice as large are that much more uncertain; of square roots the errors of all are
about as large. What the columns of a frame are is each engine's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from flow_platform.models.boosters import Booster
from flow_platform.models.records import Floats
from flow_platform.models.sampling import evenly_placed

PARTS = ("middle", "lower", "upper")
QUANTILES = {"lower": 0.1, "upper": 0.9}
# Beyond so many rows the sides of a band take minutes and gain nothing.
_MOST_ROWS_SIDE = 200_000

BOOSTING: dict[str, Any] = {
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
# Trees and leaves. Twice the trees at half the rate gain 0.2 % on trips and take twice as long to
# answer. A band needs fewer: its sides are corrected by what was seen out of sample.
SIZES = {"middle": (150, 63), "lower": (80, 31), "upper": (80, 31)}


class Fitted(ABC):
    """A candidate after fitting."""

    @abstractmethod
    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        """Shape (3, n): square roots, middle, lower and upper side, not yet in order."""

    @abstractmethod
    def artefacts(self) -> dict[str, bytes]:
        """The files from which the engine loads it again."""


class LightGBM(Fitted):
    """Gradient-boosted trees: one model for the middle, one for each side of the band."""

    def __init__(self, texts: Mapping[str, bytes], width: int) -> None:
        """`texts` by part; `width`: columns of the frame. Raises ModelError for broken texts."""
        self._texts = {part: texts[part] for part in PARTS}
        self.boosters = {part: Booster(text, width) for part, text in self._texts.items()}

    @classmethod
    def fit(
        cls, frame: Floats, root: Floats, seed: int, categories: Sequence[int] = ()
    ) -> LightGBM:
        """The model of these rows; `categories` are places of columns that hold codes."""
        texts = {part: _fit_booster(part, frame, root, seed, categories) for part in PARTS}
        return cls(texts, frame.shape[1])

    @classmethod
    def load(cls, artefacts: Mapping[str, bytes], width: int) -> LightGBM:
        """The model of these artefacts. Raises KeyError for a missing one."""
        return cls({part: artefacts[f"{part}.txt"] for part in PARTS}, width)

    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        return np.stack([self.boosters[part].predict(frame, threads) for part in PARTS])

    def artefacts(self) -> dict[str, bytes]:
        return {f"{part}.txt": text for part, text in self._texts.items()}


class UsualValue(Fitted):
    """Multiples of the usual value of each record: its mean, and the spread of all around it."""

    def __init__(self, spread: Sequence[float]) -> None:
        self._spread = tuple(spread)

    @classmethod
    def fit(cls, usual: Floats, outcome: Floats) -> UsualValue:
        """The multiples of past records; `usual` is above zero."""
        ratio = outcome / usual
        low, high = np.quantile(ratio, list(QUANTILES.values()))
        return cls((float(ratio.mean()), float(low), float(high)))

    @classmethod
    def load(cls, artefacts: Mapping[str, bytes]) -> UsualValue:
        """The candidate of these artefacts. Raises KeyError or ValueError where they are broken."""
        middle, low, high = (float(value) for value in artefacts["spread.txt"].split())
        return cls((middle, low, high))

    def predict(self, frame: Floats, threads: int = 1) -> Floats:
        return self.multiples(frame[:, 0])

    def multiples(self, usual: Floats) -> Floats:
        """Shape (3, n): square roots of the multiples of `usual`, shape (n,)."""
        return np.sqrt(np.outer(self._spread, usual))

    def artefacts(self) -> dict[str, bytes]:
        return {"spread.txt": " ".join(repr(float(f"{v:.12g}")) for v in self._spread).encode()}


def _fit_booster(
    part: str, frame: Floats, root: Floats, seed: int, categories: Sequence[int]
) -> bytes:
    import lightgbm

    trees, leaves = SIZES[part]
    goal: dict[str, Any] = {"objective": "regression"}
    if part in QUANTILES:
        rows = evenly_placed(len(frame), _MOST_ROWS_SIDE)
        frame, root = frame[rows], root[rows]
        goal = {"objective": "quantile", "alpha": QUANTILES[part]}
    codes: list[Any] | Literal["auto"] = list(categories) or "auto"
    booster = lightgbm.train(
        {**BOOSTING, **goal, "num_leaves": leaves, "seed": seed},
        lightgbm.Dataset(frame, root, free_raw_data=True, categorical_feature=codes),
        num_boost_round=trees,
    )
    return booster.model_to_string().encode()


def banded(roots: Floats, widening: float, least: float) -> Floats:
    """The outcome and its 80 % band, shape (n, 3), of square roots, shape (3, n).

    `widening` moves both sides out by that share of the band's width (inwards where negative).
    Nothing is below `least`, and sides never cross the middle.
    """
    middle, lower, upper = roots
    reach = np.maximum(upper - lower, 0.0) * widening
    floor = np.sqrt(least)
    middle = np.maximum(middle, floor)
    lower = np.clip(lower - reach, floor, middle)
    upper = np.maximum(upper + reach, middle)
    return np.column_stack([middle, lower, upper]) ** 2


def widening_of(roots: Floats, outcome: Floats) -> float:
    """By what share of its width each side must move out for the band to hold 80 % of `outcome`.

    Conformalized quantile regression (Romano, Patterson and Candes 2019).
    """
    _, lower, upper = roots
    root, width = np.sqrt(outcome), np.maximum(upper - lower, 1e-9)
    strays = np.maximum((lower - root) / width, (root - upper) / width)
    return float(np.quantile(strays, min(1.0, 0.8 * (1 + 1 / len(strays)))))
