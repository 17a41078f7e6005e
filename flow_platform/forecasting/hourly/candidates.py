"""How each candidate turns a frame into readings, and how it is fitted.

Rows and folds are chosen by `training`; bands are made in `intervals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from flow_platform.forecasting.hourly.data import HourlySpec
from flow_platform.forecasting.hourly.frame import Frame
from flow_platform.ground.errors import ModelError
from flow_platform.models.boosters import lightgbm_settings, predictor

# Simplest first: a tie goes to the earlier one.
CANDIDATES = ("seasonal_naive", "profile_ar", "lightgbm")
# Those that `HourlySpec.boosting` changes.
BOOSTED = ("lightgbm",)
# Horizons that share a model. One hour ahead the last readings rule, later the profile does.
GROUPS = {"next": (1, 1), "later": (2, 24)}
# What LightGBM learns, and by which loss; their mean is forecast. A median of readings and a mean
# of residuals err differently: together they erred less than either, or than two of a kind
# (docs/benchmarks.md).
LEARNERS = {"reading": "l1", "residual": "l2"}
# A residual keeps this share from hour to hour where a series has too few readings to show it.
USUAL_PERSISTENCE = 0.7


@dataclass(frozen=True)
class Recipe:
    """All a candidate needs to forecast a frame.

    persistence   series -> share of its residual that is left after an hour; "" for others
    boosters      "<group>.<learner>" -> LightGBM's text
    """

    candidate: str
    names: list[str] = field(default_factory=list)
    persistence: Mapping[str, float] = field(default_factory=dict)
    boosters: Mapping[str, str] = field(default_factory=dict)

    def predict(self, frame: Frame, ids: np.ndarray) -> np.ndarray:
        """Readings (rows,), never negative; NaN where nothing is known of a series."""
        if self.candidate == "seasonal_naive":
            return seasonal_naive(frame)
        if self.candidate == "profile_ar":
            made = profile_ar(frame, ids, self.persistence)
        else:
            made = self._boosted(frame)
        return np.maximum(np.where(np.isfinite(made), made, seasonal_naive(frame)), 0.0)

    @cached_property
    def _predictors(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        return {name: predictor(text) for name, text in self.boosters.items()}

    def _boosted(self, frame: Frame) -> np.ndarray:
        if frame.names != self.names:
            raise ModelError(
                "The vintage's features are not those of this version; train it again."
            )
        made = np.full(len(frame), np.nan)
        for group, (first, last) in GROUPS.items():
            rows = np.flatnonzero((frame.horizon >= first) & (frame.horizon <= last))
            if len(rows):
                part = frame.where(rows)
                made[rows] = np.mean(
                    [
                        _base(part, learner)
                        + part.level * self._predictors[f"{group}.{learner}"](part.features)
                        for learner in LEARNERS
                    ],
                    axis=0,
                )
        return made


def seasonal_naive(frame: Frame) -> np.ndarray:
    """The reading of a week before; where it is absent the profile, then four weeks' mean."""
    made = np.where(np.isfinite(frame.week_before), frame.week_before, frame.usual)
    return np.where(np.isfinite(made), made, frame.level)


def profile_ar(frame: Frame, ids: np.ndarray, persistence: Mapping[str, float]) -> np.ndarray:
    """Hour-of-week profile plus an AR(1) of the residual at the issue, (rows,).

    A residual that is not known counts as none.
    """
    usual = np.where(np.isfinite(frame.usual), frame.usual, frame.level)
    share = np.array([persistence.get(str(name), persistence[""]) for name in ids])
    return usual + np.nan_to_num(frame.now) * share[frame.series] ** frame.horizon


def fit_persistence(frame: Frame, ids: np.ndarray) -> dict[str, float]:
    """Lag-1 autoregression of the residual of each series, least squares; "" for all together."""
    rows = frame.horizon == 1
    now, after = frame.now[rows], (frame.y - frame.usual)[rows]
    series, level = frame.series[rows], frame.level[rows]
    known = np.isfinite(now) & np.isfinite(after) & np.isfinite(level)
    scaled = 1 / np.maximum(level[known] ** 2, 1e-9)
    both, own = (now * after)[known], (now**2)[known]
    pooled = float((both * scaled).sum() / max((own * scaled).sum(), 1e-9))
    result = {"": float(np.clip(pooled, 0.0, 0.99)) if known.any() else USUAL_PERSISTENCE}
    for number in np.unique(series[known]):
        here = series[known] == number
        if here.sum() >= 168 and own[here].sum() > 0:
            share = float(both[here].sum() / own[here].sum())
            result[str(ids[number])] = round(float(np.clip(share, 0.0, 0.99)), 6)
    return result


def fit_boosters(frame: Frame, spec: HourlySpec) -> dict[str, str]:
    """LightGBM (text format) for each of `GROUPS` and `LEARNERS`; rows need y, level and target.

    Ke et al. 2017. One thread and fixed seeds: equal rows give equal bytes.
    """
    fitted: dict[str, str] = {}
    for group, (first, last) in GROUPS.items():
        rows = np.flatnonzero(
            (frame.horizon >= first)
            & (frame.horizon <= last)
            & np.isfinite(frame.y)
            & np.isfinite(frame.level)
        )
        if not len(rows):
            continue
        part = frame.where(rows)
        for learner, objective in LEARNERS.items():
            target = (part.y - _base(part, learner)) / part.level
            fitted[f"{group}.{learner}"] = _fit(part.features, target, objective, spec)
    return fitted


def _base(frame: Frame, learner: str) -> np.ndarray:
    return np.nan_to_num(frame.usual) if learner == "residual" else np.zeros(len(frame))


def _fit(features: np.ndarray, target: np.ndarray, objective: str, spec: HourlySpec) -> str:
    import lightgbm

    data = lightgbm.Dataset(features, target, free_raw_data=True)
    settings = lightgbm_settings(asdict(spec.boosting), objective, spec.seed)
    trained = lightgbm.train(settings, data, num_boost_round=spec.boosting.rounds)
    return str(trained.model_to_string())
