"""Training at a cut-off, choosing the champion, and forecasting from stored artefacts.

Features come from `frame` alone. Which vintage serves which day is the registry's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import (
    candidates,
    correction,
    explanation,
    intervals,
    lstm,
    sarima,
)
from flow_platform.forecasting.daily.data import CODE_VERSION, SeriesData, SeriesSpec, fingerprint
from flow_platform.forecasting.daily.explanation import EXPLANATION_COLUMNS
from flow_platform.forecasting.daily.frame import build_frame, feature_names
from flow_platform.forecasting.daily.panel import Panel, build_panel, places
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import compact_artefact
from flow_platform.models.champions import TIE
from flow_platform.models.metrics import seasonal_scale, summarise
from flow_platform.models.moments import day_numbers, nanoseconds, utc
from flow_platform.models.preparation import Newest
from flow_platform.models.promotion import score
from flow_platform.models.vintage import DECIMALS, TrainedModel

# Simplest first: a tie goes to the earlier one.
CANDIDATES: tuple[str, ...] = (
    "seasonal_naive",
    "sarima",
    "effects",
    "lightgbm",
    "blend",
    "lstm",
)
# Those that LightGBM has a part in: what `SeriesSpec.boosting` changes.
BOOSTED: tuple[str, ...] = ("lightgbm", "blend")
# Those that SARIMA has a part in.
WITH_SARIMA: tuple[str, ...] = ("sarima", "blend")
# Those that look back on the panel itself, beside the frame.
ON_PANEL: tuple[str, ...] = (*WITH_SARIMA, "lstm")
# What the blend averages, and the weights that the backtest chooses from. Freely fitted weights
# lose to fixed ones (Smith and Wallis 2009), so they are few, and the first, which has a part of
# each, stays unless beaten by more than a tie.
PARTS_OF_BLEND: tuple[str, ...] = ("lightgbm", "effects", "sarima")
BLEND_WEIGHTS: tuple[tuple[float, float, float], ...] = (
    (0.5, 0.25, 0.25),
    (0.25, 0.75, 0.0),
    (0.5, 0.5, 0.0),
    (0.75, 0.25, 0.0),
)
# Log errors that the fallback takes for usual, at the most. By coverage and interval score on the
# first 200 days of 5 and 20 real sites and 38 countries; 1.0 covers too little, 1.5 scores worse.
LARGEST_FALLBACK_SIZE = 1.25
FORECAST_COLUMNS = (
    "unique_id",
    "issue",
    "issued_at",
    "horizon",
    "ds",
    "prediction",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
)


def has_enough_history(data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> bool:
    """Whether `train` at `cutoff` would find a series with `spec.min_history_days` known days."""
    return _history_gap(data.before(cutoff, spec), spec) is None


def _history_gap(visible: SeriesData, spec: SeriesSpec) -> str | None:
    known = visible.actuals[visible.actuals["y"].notna()]
    longest = int(known.groupby("unique_id").size().max()) if len(known) else 0
    if longest < spec.min_history_days:
        return f"the longest series has {longest} known days, {spec.min_history_days} are needed"
    span = (known["ds"].max() - known["ds"].min()).days + 1
    if span < spec.min_history_days:
        return f"known days span {span} days, {spec.min_history_days} are needed"
    if visible.issues.empty:
        return "no issue lies before the cut-off"
    return None


class _Prepared:
    """What all candidates share at one cut-off: the frame, folds and LightGBM fits."""

    def __init__(self, data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> None:
        self.spec = spec
        self.cutoff = cutoff
        self.data = data.before(cutoff, spec)
        gap = _history_gap(self.data, spec)
        if gap:
            raise ModelError(
                f"Cannot train at {cutoff}: {gap}. Use the fallback forecast until more days "
                "are known, or lower SeriesSpec.min_history_days."
            )
        known = self.data.actuals[self.data.actuals["y"].notna()]
        self.first, self.last = known["ds"].min(), known["ds"].max()
        self.known_days = len(known)
        self.scales = _scales(known, spec.season)
        # Issues before a series' first known day teach nothing and would only cost time.
        starts = self.data.issues["unique_id"].map(known.groupby("unique_id")["ds"].min())
        issues = self.data.issues[(self.data.issues["issue"] >= starts).to_numpy()]
        if issues.empty:
            raise ModelError(
                f"Cannot train at {cutoff}: no issue of SeriesData.issues falls on or after a "
                "series' first known day. Give one issue per series and day over the history."
            )
        self.folds = self._folds()
        self.issues, learned, tested = self._worth_their_time(issues)
        self.frame = build_frame(self.data, self.issues, spec.horizons, spec)
        self.learned, self.tested = (np.repeat(x, len(spec.horizons)) for x in (learned, tested))
        self.features = feature_names(self.frame)

    def _folds(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        spec, cutoff = self.spec, self.cutoff
        span = (self.last - self.first).days + 1
        length = max(min(spec.backtest_days, (span - 28) // 2), max(spec.horizons))
        parts = spec.backtest_folds if length >= 28 * spec.backtest_folds else 1
        edges = [cutoff - pd.Timedelta(days=length * (parts - n) / parts) for n in range(parts)]
        return [
            (start.floor("D"), end.floor("D"))
            for start, end in zip(edges, [*edges[1:], cutoff + pd.Timedelta(days=1)], strict=True)
        ]

    def _worth_their_time(
        self, issues: pd.DataFrame
    ) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Issues in the frame's order, and which (bool) to learn from and which to test on.

        More of them would hardly say more. More series have more to say, though not in proportion.
        """
        steps = len(self.spec.horizons)
        rows = int(np.clip(self.known_days // 15, *candidates.TRAINING_ROWS))
        issues = issues.sort_values(["unique_id", "issue"])
        recent = (issues["issued_at"] >= self.folds[0][0]).to_numpy()
        learned = candidates.spread(issues, rows // steps)
        tested = np.zeros(len(issues), dtype=bool)
        tested[recent] = candidates.spread(issues[recent], candidates.BACKTEST_ROWS // steps)
        kept = learned | tested
        return issues[kept], learned[kept], tested[kept]

    @property
    def is_young(self) -> bool:
        """Whether less than a year and a month lies behind."""
        return (self.last - self.first).days < candidates.WHOLE_YEAR

    def past(self, moment: pd.Timestamp) -> pd.DataFrame:
        """Rows to learn from whose issue and target were both known before `moment`."""
        frame = self.frame
        known = (frame["issued_at"] < moment) & (frame["y_available_at"] < moment)
        return frame[known & self.learned]

    def origins(self, fold: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
        """Rows to test on of the issues of a fold."""
        frame = self.frame
        inside = (frame["issued_at"] >= fold[0]) & (frame["issued_at"] < fold[1])
        return frame[inside & self.tested & frame["y"].notna() & np.isfinite(frame["naive"])]

    @cached_property
    def panel(self) -> Panel:
        return build_panel(self.data, self.issues, self.spec)

    @cached_property
    def memories(self) -> list[candidates.Memory]:
        return [candidates.choose_memory(self.past(m)) for m in self._moments()]

    @cached_property
    def boosters(self) -> list[str]:
        """LightGBM texts, one per fold and the final one."""
        return [
            candidates.fit_lightgbm(
                self.training_rows(moment, memory), self.features, memory, self.spec
            )
            for moment, memory in zip(self._moments(), self.memories, strict=True)
        ]

    @cached_property
    def sarimas(self) -> list[dict[str, sarima.SeriesSarima]]:
        """Parameters as of the first origin, and at the cut-off climbed on from those."""
        early = sarima.fit_panel(self.panel, self.folds[0][0].value, self.spec)
        late = sarima.fit_panel(self.panel, self.cutoff.value, self.spec, early)
        return [*[early] * len(self.folds), late]

    @cached_property
    def networks(self) -> list[lstm.Network]:
        """LSTMs, one per fold and the final one."""
        return [lstm.fit_frame(self.panel, self.past(m), self.spec) for m in self._moments()]

    def training_rows(self, moment: pd.Timestamp, memory: candidates.Memory) -> pd.DataFrame:
        past = self.past(moment)
        rows = past[candidates.learnable(past, memory)]
        if rows.empty:
            raise ModelError(
                f"Cannot train at {self.cutoff}: no row before {moment} has both a known target "
                f"and {candidates.LEAST_KNOWN} known days behind its issue. Give more history."
            )
        return rows

    def _moments(self) -> list[pd.Timestamp]:
        return [*[fold[0] for fold in self.folds], self.cutoff]


def _scales(known: pd.DataFrame, season: int) -> dict[str, float]:
    """The MASE scale of each series from its known days."""
    code, names = pd.factorize(known["unique_id"].astype(str))
    day = day_numbers(known["ds"])
    table = np.full((len(names), int(day.max() - day.min()) + 1), np.nan)
    table[code, day - day.min()] = known["y"].to_numpy(dtype=float)
    return {str(name): seasonal_scale(row, season) for name, row in zip(names, table, strict=True)}


_latest = Newest[_Prepared]()


def _prepare(data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> _Prepared:
    """The shared work at a cut-off."""
    return _latest.of(fingerprint(data, cutoff, spec), lambda: _Prepared(data, cutoff, spec))


@dataclass(frozen=True)
class BeforeBacktest:
    """What is known before `moment` (UTC), the first origin of a cut-off's backtest.

    rows   of the feature frame, their targets known; `memory` is that of the level they correct
    """

    moment: pd.Timestamp
    rows: pd.DataFrame
    features: list[str]
    memory: candidates.Memory


def before_backtest(data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> BeforeBacktest:
    """What choices may rest on that leave the backtest at `cutoff` (UTC) out of sample.

    Raises ModelError for too little history, as `train` does.
    """
    prepared = _prepare(data, utc(cutoff), spec)
    moment = prepared.folds[0][0]
    memory, past = prepared.memories[0], prepared.past(moment)
    rows = past[candidates.learnable(past, memory)]
    return BeforeBacktest(moment, rows, prepared.features, memory)


@dataclass(frozen=True)
class _Recipe:
    """All a candidate needs to turn a frame into log forecasts."""

    candidate: str
    features: list[str] = field(default_factory=list)
    memory: candidates.Memory = field(default_factory=candidates.Memory)
    booster: str = ""
    weights: tuple[float, ...] = BLEND_WEIGHTS[0]
    sarimas: dict[str, sarima.SeriesSarima] = field(default_factory=dict)
    network: lstm.Network = field(default_factory=lstm.Network)

    def predict(self, frame: pd.DataFrame, panel: Panel | None) -> np.ndarray:
        """Log forecasts (rows,); what a candidate cannot forecast falls to the seasonal naive."""
        naive = frame["naive"].to_numpy()
        if self.candidate == "seasonal_naive":
            return naive
        if self.candidate == "blend":
            forecast = blended(self.parts(frame, panel), self.weights)
        else:
            forecast = self._part(self.candidate, frame, panel)
        return np.where(np.isfinite(forecast), forecast, naive)

    def parts(self, frame: pd.DataFrame, panel: Panel | None) -> list[np.ndarray]:
        """Log forecasts (rows,) of each of `PARTS_OF_BLEND`, NaN where there is none."""
        return [self._part(name, frame, panel) for name in PARTS_OF_BLEND]

    def _part(self, name: str, frame: pd.DataFrame, panel: Panel | None) -> np.ndarray:
        if name == "sarima":
            assert panel is not None
            return self._sarima(frame, panel)
        if name == "lstm":
            assert panel is not None
            return lstm.forecast_frame(panel, frame, self.network)
        if name == "effects":
            return candidates.structural(frame, self.memory)
        return candidates.predict_lightgbm(self.booster, frame, self.features, self.memory)

    def corrections(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """What LightGBM adds to the log forecasts, by feature; empty for other candidates."""
        if self.candidate not in BOOSTED:
            return {}
        share = self.weights[0] if self.candidate == "blend" else 1.0
        table = candidates.contributions(self.booster, frame, self.features)
        return {name: share * table[:, n] for n, name in enumerate(self.features)}

    def _sarima(self, frame: pd.DataFrame, panel: Panel) -> np.ndarray:
        heads = frame.drop_duplicates(["unique_id", "issue"])
        series = places(panel.ids, heads["unique_id"])
        day = day_numbers(heads["issue"]) - panel.first_day
        steps = np.arange(1, int(frame["horizon"].max()) + 1)
        table = sarima.forecast_panel(
            panel, series, day, nanoseconds(heads["issued_at"]), steps, self.sarimas
        )
        row = np.full(panel.y.shape, -1)
        row[series, day] = np.arange(len(heads))
        own = places(panel.ids, frame["unique_id"])
        at = row[own, day_numbers(frame["issue"]) - panel.first_day]
        return table[at, frame["horizon"].to_numpy() - 1]


def blended(parts: list[np.ndarray], weights: tuple[float, ...]) -> np.ndarray:
    """The weighted mean of `parts` (each (rows,)), over those that are known in a row."""
    values = np.stack(parts)
    mass = np.where(np.isfinite(values), np.array(weights)[:, None], 0.0)
    total = (mass * np.nan_to_num(values)).sum(axis=0)
    return np.where(mass.sum(axis=0) > 0, total / np.maximum(mass.sum(axis=0), 1e-9), np.nan)


def _special(frame: pd.DataFrame) -> np.ndarray:
    """Days on which errors are of another size: campaigns, holidays, large named effects."""
    return (
        (frame["is_event"].to_numpy() > 0)
        | (frame["is_holiday"].to_numpy() > 0)
        | (np.abs(frame["named_effect"].to_numpy()) > 0.25)
    )


def _check_candidate(candidate: str) -> None:
    if candidate not in CANDIDATES:
        raise ModelError(f"Unknown candidate {candidate!r}; choose one of {', '.join(CANDIDATES)}.")


def lacks(candidate: str) -> str | None:
    """What must be installed before `candidate` can be trained or forecast here; None if nothing.

    A candidate that lacks something is left out of a month; `train` refuses it.
    """
    return lstm.ABSENT if candidate == "lstm" and not lstm.is_installed() else None


def trainable(names: Sequence[str] = CANDIDATES) -> tuple[str, ...]:
    """Those of `names` that can be trained here, in their order."""
    return tuple(name for name in names if lacks(name) is None)


def train(candidate: str, data: SeriesData, cutoff: pd.Timestamp, spec: SeriesSpec) -> TrainedModel:
    """Fit `candidate` on what was known before `cutoff` (UTC), backtest and calibrate it.

    The last `spec.backtest_days` before the cut-off are forecast by models fitted before them;
    those errors give the metrics and the bands; then everything is refitted. Equal data give
    equal bytes. Raises ModelError for an unknown candidate, one whose extra is not installed, or
    too little history.
    """
    _check_candidate(candidate)
    lacking = lacks(candidate)
    if lacking:
        raise ModelError(lacking)
    moment = utc(cutoff)
    prepared = _prepare(data, moment, spec)
    if candidate == "sarima" and not prepared.sarimas[-1]:
        raise ModelError(
            f"SARIMA fits no series at {moment}: each needs {sarima.MIN_DAYS} known days, and a"
            f" panel may have {sarima.MOST_SERIES} series. Leave it to the other candidates."
        )
    needs_booster = candidate in BOOSTED
    recipes = [
        _Recipe(
            candidate=candidate,
            features=prepared.features if needs_booster else [],
            memory=memory,
            booster=prepared.boosters[n] if needs_booster else "",
            sarimas=prepared.sarimas[n] if candidate in WITH_SARIMA else {},
            network=prepared.networks[n] if candidate == "lstm" else lstm.Network(),
        )
        for n, memory in enumerate(prepared.memories)
    ]
    panel = prepared.panel if candidate in ON_PANEL else None
    if candidate == "blend":
        weights = _choose_weights(recipes, prepared)
        recipes = [replace(recipe, weights=weights) for recipe in recipes]

    pieces = []
    for recipe, fold in zip(recipes, prepared.folds, strict=False):
        rows = prepared.origins(fold)
        if len(rows):
            pieces.append(rows.assign(log_prediction=recipe.predict(rows, panel), fold=fold[0]))
    if not pieces:
        raise ModelError(
            f"Cannot backtest at {moment}: no day with a count in the last "
            f"{spec.backtest_days} days before the cut-off. Check that counts still arrive."
        )
    tested = pd.concat(pieces)
    # All-or-nothing errors tell nothing of the next one, nor of how far to follow others'.
    steady = ~intervals.often_zero(tested["unique_id"], tested["y"])
    recent = _usual_errors(tested[steady])
    bias = _bias(tested, recent, steady)
    gain = _choose_gain(tested[steady], bias[steady], young=prepared.is_young)
    tested["log_prediction"] += correction.correction(
        gain, bias, tested["horizon"].to_numpy(dtype=float)
    )
    tested["error"] = np.log1p(tested["y"]) - tested["log_prediction"]
    calibration = _calibrate(tested)
    scored = _scored(tested, prepared)
    metrics = _backtest_metrics(scored)

    offsets = calibration.bounds(_band_rows(tested))
    known_at = nanoseconds(tested["y_available_at"])
    newest = known_at > moment.value - intervals.RECENT_DAYS * 86_400_000_000_000
    # All-or-nothing errors say nothing of how wide the bands of the others must be.
    newest = newest & ~calibration.is_sparse(tested)
    places = intervals.position(tested["error"].to_numpy(), offsets)[newest]

    window = correction.WINDOW_DAYS * 86_400_000_000_000
    last = recent[recent["known_at"] > moment.value - window]
    final = recipes[-1]
    trained_rows = (
        len(prepared.training_rows(moment, final.memory)) if needs_booster else prepared.known_days
    )
    artefacts: dict[str, bytes] = {
        "training.json": compact_artefact(
            {
                "candidate": candidate,
                "cutoff": moment.isoformat(),
                "train_first": str(prepared.first.date()),
                "train_last": str(prepared.last.date()),
                "trained_rows": trained_rows,
                "horizons": list(spec.horizons),
                "code_version": CODE_VERSION,
            }
        ),
        "features.json": compact_artefact(final.features),
        "parameters.json": compact_artefact(
            {
                "memory": asdict(final.memory),
                "gain": gain,
                "weights": list(final.weights),
                "lightgbm": asdict(spec.boosting) if needs_booster else {},
                "sarima": {
                    name: {
                        "order": list(own.order),
                        "seasonal_order": list(own.seasonal_order),
                        "params": list(own.params),
                    }
                    for name, own in sorted(final.sarimas.items())
                },
            }
        ),
        "calibration.json": compact_artefact(
            calibration.as_json()
            | {
                "recent": {
                    "known_at": known_at[newest].tolist(),
                    "position": [float(f"{p:.5g}") for p in places],
                },
                "errors": {
                    "unique_id": last["unique_id"].tolist(),
                    "known_at": last["known_at"].tolist(),
                    "error": [float(f"{e:.5g}") for e in last["error"]],
                },
            }
        ),
        "metrics.json": compact_artefact(metrics),
        "backtest.json": compact_artefact(score(scored).as_json()),
    }
    if needs_booster:
        artefacts["model.txt"] = final.booster.encode()
    if candidate == "lstm":
        artefacts["network.json"] = compact_artefact(asdict(final.network))
    backtest = tested[["unique_id", "issue", "horizon", "ds", "y"]].copy()
    backtest["prediction"] = np.round(np.maximum(np.expm1(tested["log_prediction"]), 0), DECIMALS)
    return TrainedModel(
        candidate=candidate,
        cutoff=moment,
        artefacts=artefacts,
        metrics=metrics,
        backtest=backtest[["unique_id", "issue", "horizon", "ds", "prediction", "y"]].reset_index(
            drop=True
        ),
        train_first=prepared.first,
        train_last=prepared.last,
        trained_rows=trained_rows,
    )


def _usual_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """One-step log errors on usual days, with the moment each became known: for `correction`."""
    rows = frame[(frame["horizon"] == frame["horizon"].min()) & frame["y"].notna()]
    rows = rows[~_special(rows)]
    return pd.DataFrame(
        {
            "unique_id": rows["unique_id"].to_numpy(dtype=object).astype(str),
            "known_at": nanoseconds(rows["y_available_at"]),
            "error": np.log1p(rows["y"].to_numpy()) - rows["log_prediction"].to_numpy(),
        }
    )


def _bias(frame: pd.DataFrame, errors: pd.DataFrame, steady: np.ndarray) -> np.ndarray:
    """Recent log error (rows,) of each series as known at each issue; 0 where not `steady`."""
    names, moments = frame["unique_id"].to_numpy(dtype=object), nanoseconds(frame["issued_at"])
    return np.where(steady, correction.bias_known_at(names, moments, errors), 0.0)


def _choose_weights(recipes: list[_Recipe], prepared: _Prepared) -> tuple[float, ...]:
    """The weights of the blend that would have served best over the origins."""
    rows = [prepared.origins(fold) for fold in prepared.folds]
    made = [recipe.parts(part, prepared.panel) for recipe, part in zip(recipes, rows, strict=False)]
    tested = pd.concat([part[["unique_id", "y"]] for part in rows])
    parts = [np.concatenate(of_folds) for of_folds in zip(*made, strict=True)]
    known = np.flatnonzero(np.isfinite(parts[0]) & np.isfinite(parts[1]))
    losses = [
        _scaled_loss(tested.iloc[known], blended([part[known] for part in parts], weights))
        for weights in BLEND_WEIGHTS
    ]
    best = int(np.argmin(losses))
    return BLEND_WEIGHTS[0 if losses[0] <= losses[best] * (1 + TIE) else best]


def scaled_errors(tested: pd.DataFrame, log_prediction: np.ndarray) -> np.ndarray:
    """Absolute errors (rows,) over the mean of each series, so that small centres count as well."""
    scale = tested["unique_id"].map(tested.groupby("unique_id")["y"].mean()).to_numpy(dtype=float)
    miss = np.abs(np.expm1(log_prediction) - tested["y"].to_numpy())
    return miss / np.maximum(scale, 1.0)


def _scaled_loss(tested: pd.DataFrame, log_prediction: np.ndarray) -> float:
    return float(np.mean(scaled_errors(tested, log_prediction)))


def _choose_gain(tested: pd.DataFrame, bias: np.ndarray, young: bool) -> float:
    """The share of the recent error that would have served best over the backtest's origins.

    Where no backtest has met all turns of a year, the largest of the shares that are about as good.
    """
    if tested.empty:
        return 0.0
    horizon = tested["horizon"].to_numpy(dtype=float)

    def loss(gain: float) -> float:
        moved = correction.correction(gain, bias, horizon)
        return _scaled_loss(tested, tested["log_prediction"].to_numpy() + moved)

    losses = {gain: loss(gain) for gain in correction.GAINS}
    least = min(losses.values()) * (1 + (correction.ALIKE if young else 0.0))
    near = [gain for gain in losses if losses[gain] <= least]
    return max(near) if young else min(near)


def _calibrate(tested: pd.DataFrame) -> intervals.Calibration:
    return intervals.calibrate(tested["error"].to_numpy(), _band_rows(tested))


def _band_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """What a band's width depends on, for `intervals`."""
    return pd.DataFrame(
        {
            "unique_id": frame["unique_id"].to_numpy(dtype=object),
            "horizon": frame["horizon"].to_numpy(),
            "spread": frame["spread"].to_numpy(dtype=float),
            "special": _special(frame),
            "day": day_numbers(frame["ds"]),
            "log_prediction": frame["log_prediction"].to_numpy(dtype=float),
        }
    )


def _scored(tested: pd.DataFrame, prepared: _Prepared) -> pd.DataFrame:
    """All origins with bands and scale; bands of a half are calibrated on the other half only."""
    half = tested["issue"] >= tested["issue"].quantile(0.5)
    scored = []
    for own, other in ((tested[half], tested[~half]), (tested[~half], tested[half])):
        if own.empty or other.empty:
            continue
        scored.append(_with_bands(own, _calibrate(other), np.ones(len(own)), True))
    if not scored:
        scored.append(_with_bands(tested, _calibrate(tested), np.ones(len(tested)), True))
    frame = pd.concat(scored)
    frame["scale"] = frame["unique_id"].map(prepared.scales).to_numpy(dtype=float)
    return frame


def _backtest_metrics(scored: pd.DataFrame) -> dict[str, float]:
    row = summarise(scored).iloc[0]
    names = ("mae", "rmse", "mape", "wape", "mase", "bias", "r2", "coverage_80", "coverage_95")
    return {name: float(f"{row[name]:.10g}") for name in names} | {"n": float(row["n"])}


def _with_bands(
    frame: pd.DataFrame, calibration: intervals.Calibration, factor: np.ndarray, floor: bool
) -> pd.DataFrame:
    """`frame` with prediction and bands on the scale of counts, ordered and rounded."""
    log = frame["log_prediction"].to_numpy()
    rows = _band_rows(frame)
    edges = log[:, None] + calibration.bounds(rows, factor)
    values = np.expm1(np.column_stack([calibration.point(rows), edges]).clip(-30.0, 30.0))
    if floor:
        values = np.maximum(values, 0.0)
    values = np.round(values, DECIMALS)
    point = values[:, 0]
    result = frame.copy()
    result["prediction"] = point
    result["lower_95"] = np.minimum.reduce([values[:, 1], values[:, 2], point])
    result["lower_80"] = np.minimum(values[:, 2], point)
    result["upper_80"] = np.maximum(values[:, 3], point)
    result["upper_95"] = np.maximum.reduce([values[:, 4], values[:, 3], point])
    return result


def forecast(
    artefacts: Mapping[str, bytes],
    data: SeriesData,
    issues: pd.DataFrame,
    spec: SeriesSpec,
    *,
    explained: bool = True,
) -> pd.DataFrame:
    """Forecasts with bands for `issues` (unique_id, issue, issued_at UTC) from one vintage.

    Returns `FORECAST_COLUMNS` and `EXPLANATION_COLUMNS` ordered by unique_id, issue, horizon,
    counts, never negative, bands that do not cross; usual and drivers add up to the prediction, and
    are NaN unless `explained`, which takes most of the time.
    Bands follow the errors of this vintage's own earlier forecasts, as far as their actuals were
    known at the issue time. A series of which nothing is known at an issue gets no row. Raises
    ModelError for incomplete artefacts.
    """
    stored = _read(artefacts)
    recipe: _Recipe = stored["recipe"]
    calibration: intervals.Calibration = stored["calibration"]
    cutoff: pd.Timestamp = stored["cutoff"]
    wanted = _keyed(issues)
    if wanted.empty:
        return _empty()
    # Earlier forecasts of this vintage, which were out of its sample, tell how its bands fare.
    span = pd.Timedelta(days=intervals.RECENT_DAYS + max(spec.horizons) + 2)
    history = data.issues
    near = (history["issued_at"] >= max(cutoff, wanted["issued_at"].min() - span)) & (
        history["issued_at"] < wanted["issued_at"].max()
    )
    both = pd.concat([wanted.assign(wanted=True), _keyed(history[near]).assign(wanted=False)])
    both = both.drop_duplicates(["unique_id", "issue"], keep="first")
    frame = build_frame(data, both[["unique_id", "issue", "issued_at"]], spec.horizons, spec)
    panel = build_panel(data, both, spec) if recipe.candidate in ON_PANEL else None
    frame["log_prediction"] = recipe.predict(frame, panel)
    frame = frame[np.isfinite(frame["log_prediction"])]
    steady = ~calibration.is_sparse(frame)
    later = _usual_errors(frame[(frame["issued_at"] >= cutoff) & steady])
    errors = pd.concat([stored["errors"], later], ignore_index=True)
    frame["log_prediction"] += correction.correction(
        stored["gain"], _bias(frame, errors, steady), frame["horizon"].to_numpy(dtype=float)
    )

    learned = frame[frame["y"].notna() & (frame["issued_at"] >= cutoff)]
    learned = learned[~calibration.is_sparse(learned)]
    offsets = calibration.bounds(_band_rows(learned))
    error = np.log1p(learned["y"].to_numpy()) - learned["log_prediction"].to_numpy()
    known_at = np.concatenate([stored["known_at"], nanoseconds(learned["y_available_at"])])
    positions = np.concatenate([stored["position"], intervals.position(error, offsets)])

    frame = frame.merge(both[["unique_id", "issue", "wanted"]], on=["unique_id", "issue"])
    frame = frame[frame["wanted"]]
    if frame.empty:
        return _empty()
    factor = intervals.recent_factors(nanoseconds(frame["issued_at"]), known_at, positions)
    factor = np.where(calibration.is_sparse(frame), 1.0, factor)
    banded = _with_bands(frame, calibration, factor, spec.non_negative)
    if not explained:
        return _finish(banded)
    trend = recipe.memory.season * np.nan_to_num(banded[f"growth_{recipe.memory.half_life}"])
    drivers = explanation.explain(banded, recipe.corrections(banded), trend, spec.weather)
    return _finish(pd.concat([banded, drivers], axis=1))


def fallback_forecast(data: SeriesData, issues: pd.DataFrame, spec: SeriesSpec) -> pd.DataFrame:
    """As-of seasonal naive (mean of what is known where no season is) with wide bands.

    Needs no model and serves until there is history enough for one. Same columns as `forecast`,
    unexplained; a series of which nothing is known at an issue gets no row.
    """
    wanted = _keyed(issues)
    if wanted.empty or data.actuals["y"].notna().sum() == 0:
        return _empty()
    frame = build_frame(data, wanted, spec.horizons, spec)
    frame["log_prediction"] = frame["naive"]
    frame = frame[np.isfinite(frame["log_prediction"])]
    if frame.empty:
        return _empty()
    # The naive errs by the noise of two days; a short series by more than it shows. Each row's size
    # is its own: what is forecast beside it, or later, must not move its bands. Beyond the largest,
    # a band would say less than none.
    spread = frame["spread"].fillna(0.0).to_numpy()
    short = 1.0 + 4.0 / np.maximum(np.expm1(frame["mass"].to_numpy()), 1.0)
    size = np.minimum(np.maximum(spread * 1.6, 0.1) * short, LARGEST_FALLBACK_SIZE)
    normal = np.array([[-2.4, -1.4, 1.4, 2.4]] * len(spec.horizons))
    horizons = tuple(sorted(spec.horizons))
    calibration = intervals.Calibration(horizons, normal, 1.4, {"": (1.0, 1.0)})
    banded = _with_bands(frame.assign(spread=1.0), calibration, size, spec.non_negative)
    return _finish(banded)


def _keyed(issues: pd.DataFrame) -> pd.DataFrame:
    return issues[["unique_id", "issue", "issued_at"]].reset_index(drop=True)


def _finish(frame: pd.DataFrame) -> pd.DataFrame:
    ordered = frame.sort_values(["unique_id", "issue", "horizon"], kind="stable")
    # What serves without a model explains nothing.
    return ordered.reindex(columns=[*FORECAST_COLUMNS, *EXPLANATION_COLUMNS]).reset_index(drop=True)


def _empty() -> pd.DataFrame:
    types = {
        "unique_id": "str",
        "issue": "datetime64[ns]",
        "issued_at": "datetime64[ns, UTC]",
        "horizon": "int64",
        "ds": "datetime64[ns]",
    }
    columns = (*FORECAST_COLUMNS, *EXPLANATION_COLUMNS)
    return pd.DataFrame({c: pd.Series(dtype=types.get(c, "float64")) for c in columns})


def _read(artefacts: Mapping[str, bytes]) -> dict[str, Any]:
    wanted = ("training.json", "features.json", "parameters.json", "calibration.json")
    missing = [name for name in wanted if name not in artefacts]
    if missing:
        raise ModelError(
            f"The vintage lacks {', '.join(missing)}; restore its artefacts or train it again."
        )
    try:
        training, features, parameters, calibration = (json.loads(artefacts[n]) for n in wanted)
        candidate = training["candidate"]
        _check_candidate(candidate)
        recipe = _Recipe(
            candidate=candidate,
            features=list(features),
            memory=candidates.Memory(**parameters["memory"]),
            weights=tuple(parameters["weights"]),
            booster=artefacts["model.txt"].decode() if "model.txt" in artefacts else "",
            sarimas={
                name: sarima.SeriesSarima(
                    tuple(own["order"]), tuple(own["seasonal_order"]), tuple(own["params"])
                )
                for name, own in parameters["sarima"].items()
            },
            network=lstm.Network(**json.loads(artefacts["network.json"]))
            if candidate == "lstm"
            else lstm.Network(),
        )
        return {
            "recipe": recipe,
            "cutoff": utc(pd.Timestamp(training["cutoff"])),
            "calibration": intervals.Calibration.from_json(calibration),
            "known_at": np.array(calibration["recent"]["known_at"], dtype=np.int64),
            "position": np.array(calibration["recent"]["position"], dtype=float),
            "gain": float(parameters["gain"]),
            "errors": pd.DataFrame(calibration["errors"]),
        }
    except (KeyError, ValueError, TypeError) as broken:
        raise ModelError(
            f"The vintage's artefacts cannot be read ({broken}); restore them or train it again."
        ) from broken
