"""The candidates: each is fitted on rows of the frame and predicts others.

For delays they predict the log of the days that remain, middle and both sides of an 80 % band; for
late risk log-odds. Neither is calibrated yet: `calibration.py` does that, alike for all.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flow_platform.flows.deliveries.models.data import DeliverySpec, Floats, Integers
from flow_platform.flows.deliveries.models.features import LATE_PRIOR, columns, shown
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import artefact
from flow_platform.models.boosters import Booster
from flow_platform.models.sampling import evenly_placed

# The simplest first.
CANDIDATES = ("usual", "lightgbm", "mlp")
PARTS = ("middle", "lower", "upper")
QUANTILES = {"lower": 0.1, "middle": 0.5, "upper": 0.9}
# An hour: no order is predicted to arrive sooner than this from now. Logs of shorter times would
# weigh too much; a longer floor would leave no differences once a parcel is out for delivery.
SHORTEST_DAYS = 1 / 24
# Where nothing is known at all.
_ANY_DAYS = 10.0
# Beyond so many rows the sides of a band, and a network, take minutes and gain little.
_MOST_ROWS_SIDE, _MOST_ROWS_NETWORK = 30_000, 12_000
# With a few hundred late orders one network depends on its seed, and the mean of several less so.
NETWORKS = 3

_BOOSTING: dict[str, Any] = {
    "learning_rate": 0.05,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "min_data_in_leaf": 40,
    "lambda_l2": 10.0,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}


class Fitted(ABC):
    """A candidate after fitting."""

    @abstractmethod
    def predict(self, frame: Floats) -> Floats:
        """Shape (3, n): logs of remaining days, not yet in order; or shape (n,): log-odds."""

    @abstractmethod
    def artefacts(self) -> dict[str, bytes]:
        """What `load` needs."""

    def contributions(self, frame: Floats, typical: Floats) -> Floats:
        """Shape (n, columns): what each column adds to the log-odds: without it, a typical value.

        One column after the other is set to what is typical (occlusion).
        """
        predicted, made = self.predict(frame), np.zeros(frame.shape)
        for column in range(frame.shape[1]):
            other = frame.copy()
            other[:, column] = typical[column]
            made[:, column] = predicted - self.predict(other)
        return made


def reference(frame: Floats, in_transit: bool) -> Floats:
    """Shape (n,): the log of the days that usually remain, by what is known of the region.

    Before hand-over the region's mean of log days less those that went by, after it the same of its
    days from hand-over.
    """
    names = columns(in_transit)
    elapsed = frame[:, names.index("elapsed_days")]
    days = np.exp(frame[:, names.index("usual_log_days")]) - elapsed
    if in_transit:
        carried = frame[:, names.index("carrying_left_days")]
        days = np.where(np.isnan(carried), days, carried)
    return np.log(np.maximum(np.where(np.isnan(days), _ANY_DAYS, days), 1.0))


def base_log_odds(frame: Floats, in_transit: bool) -> Floats:
    """Shape (n,): log-odds of the share of late orders that was known at each row's moment."""
    rate = frame[:, columns(in_transit).index("network_late")]
    return log_odds(np.where(np.isnan(rate), LATE_PRIOR, rate))


def log_odds(probability: Floats) -> Floats:
    held = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(held / (1 - held))


class UsualDelay(Fitted):
    """The days that usually remain, with a band from the errors of past orders."""

    def __init__(self, in_transit: bool, spread: tuple[float, float, float]) -> None:
        self._in_transit, self._spread = in_transit, spread

    def predict(self, frame: Floats) -> Floats:
        return np.add.outer(np.array(self._spread), reference(frame, self._in_transit))

    def artefacts(self) -> dict[str, bytes]:
        return {"usual.json": artefact({"spread": list(self._spread)})}


class UsualRisk(Fitted):
    """The share of late orders that was known at the moment."""

    def __init__(self, in_transit: bool) -> None:
        self._in_transit = in_transit

    def predict(self, frame: Floats) -> Floats:
        return base_log_odds(frame, self._in_transit)

    def artefacts(self) -> dict[str, bytes]:
        return {"usual.json": artefact({"spread": []})}


class BoostedDelay(Fitted):
    def __init__(self, in_transit: bool, texts: Mapping[str, bytes]) -> None:
        self._in_transit, self._texts = in_transit, dict(texts)
        width = len(shown(in_transit))
        self.boosters = {part: Booster(texts[part], width) for part in PARTS}

    def predict(self, frame: Floats) -> Floats:
        usual, own = reference(frame, self._in_transit), frame[:, shown(self._in_transit)]
        return np.stack([self.boosters[part].predict(own) for part in PARTS]) + usual

    def artefacts(self) -> dict[str, bytes]:
        return {f"{part}.txt": text for part, text in self._texts.items()}


class BoostedRisk(Fitted):
    def __init__(self, in_transit: bool, text: bytes) -> None:
        self._shown = shown(in_transit)
        self._text, self.booster = text, Booster(text, len(self._shown))

    def predict(self, frame: Floats) -> Floats:
        # A boosting of log loss predicts probabilities.
        return log_odds(self.booster.predict(frame[:, self._shown]))

    def artefacts(self) -> dict[str, bytes]:
        return {"risk.txt": self._text}

    def contributions(self, frame: Floats, typical: Floats) -> Floats:
        """LightGBM's own (SHAP), in log-odds."""
        made = np.zeros(frame.shape)
        made[:, self._shown] = self.booster.contributions(frame[:, self._shown])[:, :-1]
        return made


class Networks(Fitted):
    """The mean of scikit-learn's dense networks of several seeds, on columns of one scale: of
    log-odds, or of logs of days with a band of constant width."""

    def __init__(self, in_transit: bool, models: Sequence[Any], scaling: Mapping[str, Any]) -> None:
        self._in_transit, self._models, self._scaling = in_transit, list(models), dict(scaling)
        self._centre, self._width = (np.array(scaling[one]) for one in ("centre", "width"))
        if len(self._centre) != len(shown(in_transit)):
            raise ValueError("the networks were fitted on other columns")

    def predict(self, frame: Floats) -> Floats:
        own = scaled(frame[:, shown(self._in_transit)], self._centre, self._width)
        mean = _mean_of(self._models, own)
        if not self._scaling["spread"]:
            return mean
        middle = mean * self._scaling["unit"] + reference(frame, self._in_transit)
        return np.add.outer(np.array(self._scaling["spread"]), middle)

    def artefacts(self) -> dict[str, bytes]:
        from flow_platform.models.sklearn_models import as_bytes

        kept = {_network_file(place): as_bytes(model) for place, model in enumerate(self._models)}
        return {**kept, "scaling.json": artefact(self._scaling)}


def fit_candidate(candidate: str, frame: Floats, y: Floats, spec: DeliverySpec) -> Fitted:
    """Fit a candidate on rows of `features` and their outcomes.

    `y` is the days that remained, or 1 for a late order. Raises ModelError for a candidate that
    does not exist.
    """
    if candidate not in CANDIDATES:
        raise ModelError(_unknown(candidate))
    usual = reference(frame, spec.in_transit)
    frame = frame[:, shown(spec.in_transit)]
    if spec.is_late_risk:
        if candidate == "usual":
            return UsualRisk(spec.in_transit)
        if candidate == "lightgbm":
            text = _boost(frame, y, {"objective": "binary"}, spec, share=0.7)
            return BoostedRisk(spec.in_transit, text)
        return _networks(frame, y, spec)
    strays = np.log(np.maximum(y, SHORTEST_DAYS)) - usual
    if candidate == "usual":
        return UsualDelay(spec.in_transit, _spread(strays))
    if candidate == "lightgbm":
        texts = {"middle": _boost(frame, strays, {"objective": "regression_l1"}, spec)}
        rows = evenly_placed(len(frame), _MOST_ROWS_SIDE)
        for part in ("lower", "upper"):
            goal = {"objective": "quantile", "alpha": QUANTILES[part]}
            texts[part] = _boost(frame[rows], strays[rows], goal, spec, share=0.6)
        return BoostedDelay(spec.in_transit, texts)
    return _networks(frame, strays, spec)


def load(
    candidate: str, artefacts: Mapping[str, bytes], in_transit: bool, is_late_risk: bool
) -> Fitted:
    """A fitted candidate from its artefacts. Raises ModelError where they cannot be used."""
    try:
        if candidate == "usual":
            spread = json.loads(artefacts["usual.json"])["spread"]
            if is_late_risk:
                return UsualRisk(in_transit)
            lower, middle, upper = (float(one) for one in spread)
            return UsualDelay(in_transit, (lower, middle, upper))
        if candidate == "lightgbm":
            if is_late_risk:
                return BoostedRisk(in_transit, artefacts["risk.txt"])
            return BoostedDelay(in_transit, {part: artefacts[f"{part}.txt"] for part in PARTS})
        if candidate == "mlp":
            from flow_platform.models.sklearn_models import from_bytes

            scaling = json.loads(artefacts["scaling.json"])
            models = [from_bytes(artefacts[_network_file(place)]) for place in range(NETWORKS)]
            return Networks(in_transit, models, scaling)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"The artefacts of {candidate} are not whole ({error}). Train the vintage again."
        ) from error
    raise ModelError(_unknown(candidate))


def scaled(frame: Floats, centre: Floats, width: Floats) -> Floats:
    """Columns as a network wants them: long tails in logs, the middle at 0, the unknown there too.

    Beyond five widths everything looks alike.
    """
    made = (_bent(frame) - centre) / width
    return np.clip(np.nan_to_num(made, nan=0.0), -5.0, 5.0)


def _bent(frame: Floats) -> Floats:
    return np.sign(frame) * np.log1p(np.abs(frame))


def _spread(strays: Floats) -> tuple[float, float, float]:
    middle, lower, upper = (float(f"{np.quantile(strays, QUANTILES[part]):.12g}") for part in PARTS)
    return middle, lower, upper


def _boost(
    frame: Floats, y: Floats, goal: dict[str, Any], spec: DeliverySpec, share: float = 1.0
) -> bytes:
    import lightgbm

    # Thousands of orders carry small trees; more would learn single sellers by heart.
    leaves, trees = (7, 150) if len(frame) < 10_000 else (15, 250)
    booster = lightgbm.train(
        {**_BOOSTING, **goal, "num_leaves": leaves, "seed": spec.seed % 2**31},
        lightgbm.Dataset(frame, y, free_raw_data=True),
        num_boost_round=int(trees * share),
    )
    # Other than the trees it keeps the least and largest values, which are those of single orders:
    # a vintage outlives their erasure.
    lines = booster.model_to_string().split("\n")
    width = frame.shape[1]
    return "\n".join(
        "feature_infos=" + " ".join(["none"] * width) if line.startswith("feature_infos=") else line
        for line in lines
    ).encode()


def _networks(frame: Floats, y: Floats, spec: DeliverySpec) -> Networks:
    from threadpoolctl import threadpool_limits

    bent = _bent(frame)
    known = ~np.isnan(bent).all(axis=0)
    centre, width = np.zeros(frame.shape[1]), np.ones(frame.shape[1])
    centre[known] = np.nanmean(bent[:, known], axis=0)
    width[known] = np.maximum(np.nanstd(bent[:, known], axis=0), 1e-3)
    centre, width = (np.array([float(f"{one:.9g}") for one in own]) for own in (centre, width))
    own = scaled(frame, centre, width)
    unit = 1.0 if spec.is_late_risk else float(f"{max(y.std(), 1e-3):.9g}")
    target = y.astype(np.int64) if spec.is_late_risk else y / unit
    seeds = np.random.SeedSequence(spec.seed).generate_state(NETWORKS) % 2**31
    # Threads add up in another order each time.
    with threadpool_limits(1), _without_warnings():
        models = [
            _network(own[rows], target[rows], spec, int(seed))
            for rows, seed in ((_share(len(own), place), seeds[place]) for place in range(NETWORKS))
        ]
        spread = [] if spec.is_late_risk else list(_spread(y - _mean_of(models, own) * unit))
    scaling = {"centre": centre.tolist(), "width": width.tolist(), "unit": unit, "spread": spread}
    return Networks(spec.in_transit, models, scaling)


def _network(own: Floats, target: Floats | Integers, spec: DeliverySpec, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    model = (MLPClassifier if spec.is_late_risk else MLPRegressor)(
        hidden_layer_sizes=(32, 16),
        # Divided by the rows of a batch; ten times as much, and a known risk is not found any more.
        alpha=3.0,
        learning_rate_init=1e-3,
        batch_size=64 if len(own) < 10_000 else 256,
        # No early stopping: on a few late orders its part for validation decides by luck.
        max_iter=20,
        random_state=seed,
    )
    model.fit(own, target)
    # What only training needs, with the state of its random numbers.
    for name in ("_optimizer", "_random_state"):
        vars(model).pop(name, None)
    return model


def _share(rows: int, place: int) -> Integers:
    """The rows that a network learns from: beyond what it may take each has others, evenly."""
    if rows <= _MOST_ROWS_NETWORK:
        return np.arange(rows)
    return evenly_placed(rows - NETWORKS, _MOST_ROWS_NETWORK) + place


def _mean_of(models: Sequence[Any], own: Floats) -> Floats:
    """The mean prediction of networks for scaled rows: log-odds, or their target."""
    predicted = [
        log_odds(model.predict_proba(own)[:, 1])
        if hasattr(model, "classes_")
        else model.predict(own)
        for model in models
    ]
    return np.asarray(np.mean(predicted, axis=0))


def _network_file(place: int) -> str:
    return f"network-{place + 1}.skops"


def _without_warnings() -> Any:
    import warnings

    # That it stops before it converges follows from `max_iter`.
    return warnings.catch_warnings(action="ignore")


def _unknown(candidate: str) -> str:
    return f"There is no candidate {candidate!r}. Use one of: {', '.join(CANDIDATES)}."
