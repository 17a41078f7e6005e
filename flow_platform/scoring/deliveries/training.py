"""Training a vintage of deliveries at a cut-off: rolling backtest, calibration, final fit.

The same functions as in `forecasting/daily/training.py`. How a vintage scores is in `model.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import artefact
from flow_platform.models.metrics import summarise
from flow_platform.models.moments import naive, utc
from flow_platform.models.preparation import Newest
from flow_platform.models.promotion import score
from flow_platform.models.sampling import evenly_placed
from flow_platform.models.vintage import TrainedModel
from flow_platform.scoring.deliveries.calibration import (
    Platt,
    banded,
    cost,
    expected_calibration_error,
    fit_platt,
    fold_skills,
    lasts,
    skill,
    widenings,
)
from flow_platform.scoring.deliveries.candidates import (
    CANDIDATES,
    base_log_odds,
    fit,
    log_odds,
    reference,
)
from flow_platform.scoring.deliveries.data import (
    DeliveryData,
    DeliverySpec,
    Flags,
    Floats,
    Integers,
    fingerprint,
    seen_by,
)
from flow_platform.scoring.deliveries.features import (
    Asked,
    asked_of,
    columns,
    features,
    leg,
    legs,
)
from flow_platform.scoring.deliveries.model import DeliveryModel, frame_as_json, risk
from flow_platform.scoring.deliveries.outcomes import Outcomes

# The backtest: each fold is tested by a fit made before it began.
FOLD_DAYS, MOST_FOLDS, LEAST_FOLD_DAYS = 28, 4, 14
# Of a backtest's fits, which only calibrate; the final one takes all.
MOST_BACKTEST_ROWS = 40_000
# With fewer orders late, or in time, there is nothing to tell apart.
LEAST_OF_BOTH = 10
_GOLDEN_ROWS = 5

__all__ = [
    "CANDIDATES",
    "fallback_scores",
    "fingerprint",
    "has_enough_history",
    "judged_rows",
    "train",
]


def has_enough_history(data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> bool:
    """Whether `train` at `cutoff` would find orders enough."""
    return _gap(_Rows(data, cutoff, spec), spec) is None


@dataclass(frozen=True)
class _Fold:
    """Places of rows to fit and what came of them, and of later rows to hold the fit against."""

    fitted: Integers
    y: Floats
    tested: Integers
    y_tested: Floats


class _Rows:
    """What may be asked and learned at one cut-off, before any feature is made."""

    def __init__(self, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> None:
        self.at = naive(utc(cutoff))
        self.spec = spec
        self.seen = seen_by(data, utc(cutoff), spec)
        asked = asked_of(self.seen, spec)
        first = self.at - np.timedelta64(spec.training_days, "D")
        asked = asked.take(asked.moment >= first)
        self.asked = asked.take(evenly_placed(len(asked), spec.most_rows))
        self.outcomes = Outcomes.of(self.seen, self.asked)
        self.settle = self.outcomes.settle_days(self.at)
        self.learned, self.y = self.known_at(self.at)
        self.folds = self._folds()

    def known_at(self, at: np.datetime64) -> tuple[Flags, Floats]:
        """Rows that may be learned from at a moment, and what came of all."""
        if self.spec.is_late_risk:
            return self.outcomes.lateness(at)
        settle = self.outcomes.settle_days(at)
        return self.outcomes.delays(at, settle), self.outcomes.remaining

    @property
    def days(self) -> float:
        """From the first row to the last that is old enough to be learned from."""
        if not self.learned.any():
            return 0.0
        end = self.at - np.timedelta64(int(self.settle * 24), "h")
        return float((end - self.asked.moment.min()) / np.timedelta64(1, "D"))

    def _folds(self) -> list[_Fold]:
        window = self.days / 2
        length = min(FOLD_DAYS, int(window))
        if length < LEAST_FOLD_DAYS:
            return []
        number = min(MOST_FOLDS, int(window / length))
        end = self.at - np.timedelta64(int(self.settle * 24), "h")
        made = []
        for fold in range(number, 0, -1):
            first = end - np.timedelta64(length * fold, "D")
            learned, y = self.known_at(first)
            fitted = np.flatnonzero(learned)
            moment = self.asked.moment
            inside = (moment >= first) & (moment < first + np.timedelta64(length, "D"))
            tested = np.flatnonzero(inside & self._told())
            if len(fitted) < self.spec.least_orders // 3 or not len(tested):
                continue
            fitted = fitted[evenly_placed(len(fitted), MOST_BACKTEST_ROWS)]
            if self.spec.is_late_risk and not _has_both(y[fitted]):
                continue
            made.append(_Fold(fitted, y[fitted], tested, self.y[tested]))
        return made

    def _told(self) -> Flags:
        """Rows of which the outcome is known at the cut-off, whatever their age."""
        if self.spec.is_late_risk:
            return self.learned
        return self.outcomes.delivered_known_at < self.at


class _Prepared:
    """What all candidates share at one cut-off: the rows and their frame."""

    def __init__(self, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> None:
        self.rows = rows = _Rows(data, cutoff, spec)
        if gap := _gap(rows, spec):
            raise ModelError(
                f"Cannot train {spec.measure} at {cutoff}: {gap}. Use the fallback until more is"
                " known."
            )
        self.frame = features(rows.seen, rows.asked, spec)


_latest = Newest[_Prepared]()


def _prepare(data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> _Prepared:
    """The shared work at a cut-off; the newest is kept: candidates train one after another."""
    return _latest.of(fingerprint(data, cutoff, spec), lambda: _Prepared(data, cutoff, spec))


@dataclass(frozen=True)
class _Backtest:
    """What was said of the folds' rows, each by a fit and a calibration that had not seen them."""

    place: Integers
    fold: Integers
    said: Floats
    y: Floats
    served: Floats
    widening: Floats
    platt: Platt


def train(
    candidate: str, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec
) -> TrainedModel:
    """One vintage of `candidate` from what was known before `cutoff` (UTC).

    The backtest is up to four folds of four weeks before the newest orders, most of which are
    still open; each is said by a fit made of what was known when it began. Bands and log-odds are
    calibrated on all folds, and each fold is judged by the calibration of those before it. Late
    risk that is not better than the base rate beyond noise, or was not in the newest fold or in
    most folds, is served as the base rate, and has no MASE, so it cannot lead. Raises ModelError
    where too little is known.
    """
    cutoff = utc(cutoff)
    if candidate not in CANDIDATES:
        raise ModelError(
            f"There is no candidate {candidate!r}. Use one of: {', '.join(CANDIDATES)}."
        )
    prepared = _prepare(data, cutoff, spec)
    rows = prepared.rows
    learned = np.flatnonzero(rows.learned)
    y = rows.y[learned]
    backtest = _backtest(candidate, prepared, spec)
    fitted = fit(candidate, prepared.frame[learned], y, spec)
    if spec.is_late_risk:
        tested, metrics = _risks(candidate, prepared, backtest, spec)
    else:
        tested = judged_rows(
            spec, prepared.frame, rows.asked, rows.outcomes, backtest.served, backtest.place
        )
        metrics = _figures(tested)
    has_skill = bool(metrics.get("has_skill", 1.0))
    platt = replace(backtest.platt, centre=_centre(y) if spec.is_late_risk else 0.0)
    artefacts = {
        **fitted.artefacts(),
        "training.json": artefact(
            {
                "candidate": candidate,
                "measure": spec.measure,
                "cutoff": str(cutoff),
                "train_last": _second(rows.asked.moment[learned].max()),
                "columns": list(columns(spec.in_transit)),
                "threshold": spec.threshold,
                "typical": [float(f"{v:.6g}") for v in _typical(prepared.frame[learned])],
            }
        ),
        "calibration.json": artefact(
            {
                "widening": backtest.widening.tolist(),
                "platt": asdict(platt),
                "has_skill": has_skill,
                # Until when the rows were known that calibration and figures rest on.
                "recent": {"known_at": []},
                "errors": {"known_at": [_second(rows.outcomes.known_at(rows.at))]},
            }
        ),
        "backtest.json": artefact(score(tested).as_json()),
    }
    artefacts["golden.json"] = _golden(artefacts, prepared.frame[learned], spec)
    days = [pd.Timestamp(one).normalize() for one in rows.asked.moment[learned][[0, -1]]]
    return TrainedModel(
        candidate=candidate,
        cutoff=cutoff,
        artefacts=artefacts,
        metrics={name: float(value) for name, value in metrics.items() if np.isfinite(value)},
        backtest=tested[["unique_id", "issue", "horizon", "ds", "prediction", "y"]],
        train_first=days[0],
        train_last=days[1],
        trained_rows=len(learned),
    )


def judged_rows(
    spec: DeliverySpec,
    frame: Floats,
    asked: Asked,
    outcomes: Outcomes,
    served: Floats,
    place: Integers,
    late: Floats | None = None,
) -> pd.DataFrame:
    """Scores beside what came, as `promotion.score` takes them; for backtests and replays alike.

    `served` is what was said of the rows at `place`. Delays are judged by absolute error, over that
    of the region's usual days. Late risk by the Brier score, which is proper: the row's error is
    the squared error of the probability, over the mean squared error of the base rate on the same
    rows; it has no band, so that of a row always holds. `late` is what came of these rows, if it is
    not simply whether they were delivered late.
    """
    day = pd.DatetimeIndex(asked.moment[place]).normalize()
    made = pd.DataFrame({"unique_id": [f"{row}" for row in range(len(place))], "issue": day})
    made["horizon"], made["ds"] = 1, day
    own = frame[place]
    if not spec.is_late_risk:
        y = outcomes.days[place]
        elapsed = own[:, columns(spec.in_transit).index("elapsed_days")]
        usual = elapsed + np.exp(reference(own, spec.in_transit))
        scale = float(np.abs(y - usual).mean())
        return made.assign(
            prediction=served[:, 0],
            lower_80=served[:, 1],
            upper_80=served[:, 2],
            y=y,
            scale=scale,
        )
    came = outcomes.delivered_late[place].astype(np.float64) if late is None else late
    base = risk(own, np.zeros(len(own)), Platt(0.0), spec.in_transit)
    return made.assign(
        prediction=(served[:, 0] - came) ** 2,
        lower_80=0.0,
        upper_80=1.0,
        y=0.0,
        scale=float(((base - came) ** 2).mean()),
    )


def fallback_scores(data: DeliveryData, asked: Asked, spec: DeliverySpec) -> Floats:
    """What is said before any vintage, of the form of `DeliveryModel.score`.

    Delays: the region's mean of log days as known at the moment, before the first delivery 0.8 of
    the days promised; with a band of half and 1.7 times what remains. Late risk: the share of late
    orders as known at the moment, with a Beta prior.
    """
    frame = features(data, asked, spec)
    names = columns(spec.in_transit)
    if spec.is_late_risk:
        return risk(frame, np.zeros(len(frame)), Platt(0.0), spec.in_transit)[:, None]
    elapsed = frame[:, names.index("elapsed_days")]
    promised = np.maximum(0.8 * frame[:, names.index("promise_days")] - elapsed, 1.0)
    unknown = np.isnan(frame[:, names.index("usual_log_days")])
    logs = np.where(unknown, np.log(promised), reference(frame, spec.in_transit))
    return banded(np.stack([logs, logs + np.log(0.5), logs + np.log(1.7)]), elapsed, 0.0)


def _gap(rows: _Rows, spec: DeliverySpec) -> str | None:
    learned = int(rows.learned.sum())
    if learned < spec.least_orders:
        return f"the outcome of {learned} orders is known, {spec.least_orders} are needed"
    if rows.days < spec.least_days:
        return f"outcomes of {rows.days:.0f} days are known, {spec.least_days} are needed"
    if spec.is_late_risk and not _has_both(rows.y[rows.learned]):
        late = int(rows.y[rows.learned].sum())
        return f"{late} of {learned} orders were late, {LEAST_OF_BOTH} of each kind are needed"
    if not rows.folds:
        return "no part of them is left to test a fit on"
    return None


def _has_both(late: Floats) -> bool:
    return bool(min(late.sum(), len(late) - late.sum()) >= LEAST_OF_BOTH)


def _backtest(candidate: str, prepared: _Prepared, spec: DeliverySpec) -> _Backtest:
    frame, folds = prepared.frame, prepared.rows.folds
    said = []
    for fold in folds:
        own = fit(candidate, frame[fold.fitted], fold.y, spec).predict(frame[fold.tested])
        # Log-odds of several fits: each less what its own rows were usually.
        said.append(own - _centre(fold.y) if spec.is_late_risk else own)
    place = np.concatenate([fold.tested for fold in folds])
    y = np.concatenate([fold.y_tested for fold in folds])
    number = np.repeat(np.arange(len(folds)), [len(fold.tested) for fold in folds])
    every = np.concatenate(said, axis=-1)
    own = frame[place]
    served = np.zeros((len(place), 1 if spec.is_late_risk else 3))
    for turn in range(len(folds)):
        # The first is taken as its candidate says it: nothing is known of its errors yet.
        _, served[number == turn] = _calibrated(
            candidate, own, every, y, number < turn, number == turn, spec
        )
    whole, _ = _calibrated(candidate, own, every, y, number >= 0, number >= 0, spec)
    return _Backtest(
        place=place,
        fold=number,
        said=every,
        y=y,
        served=served,
        widening=np.zeros(1) if isinstance(whole, Platt) else whole,
        platt=whole if isinstance(whole, Platt) else Platt(0.0),
    )


def _calibrated(
    candidate: str,
    frame: Floats,
    said: Floats,
    y: Floats,
    learned: Flags,
    shown: Flags,
    spec: DeliverySpec,
) -> tuple[Platt | Floats, Floats]:
    """The calibration that rows `learned` teach, and what is served of rows `shown` with it."""
    if not spec.is_late_risk:
        part = leg(frame, spec.in_transit)
        wider = widenings(said[:, learned], y[learned], part[learned], legs(spec.in_transit))
        elapsed = frame[shown, columns(spec.in_transit).index("elapsed_days")]
        return wider, banded(said[:, shown], elapsed, wider[part[shown]])
    if candidate == "usual":
        platt = Platt(0.0)
    else:
        # An order whose promise has passed is late for certain, whatever a candidate says.
        over = frame[:, columns(spec.in_transit).index("promise_left_days")] <= 0
        own = learned & ~over
        base = base_log_odds(frame[own], spec.in_transit)
        platt = fit_platt(said[own], base, y[own], 0.0)
    return platt, risk(frame[shown], said[shown], platt, spec.in_transit)[:, None]


def _risks(
    candidate: str, prepared: _Prepared, backtest: _Backtest, spec: DeliverySpec
) -> tuple[pd.DataFrame, dict[str, float]]:
    """A late risk's rows as they are judged, and its figures: `brier`, `skill` over the base rate
    with its 95 % interval and in the newest fold, the share of folds in which it is above 0
    (`skill_folds`), `has_skill`, `auc`, `average_precision`, `ece`, and what an order costs
    where the high risks are called, where none is and where all are."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    rows = prepared.rows
    late, p = backtest.y, backtest.served[:, 0]
    own = prepared.frame[backtest.place]
    base = risk(own, np.zeros(len(own)), Platt(0.0), spec.in_transit)
    tested = judged_rows(
        spec, prepared.frame, rows.asked, rows.outcomes, backtest.served, backtest.place, late
    )
    day = rows.asked.moment[backtest.place].astype("datetime64[D]").astype(np.float64)
    own_skill, between = skill(p, base, late, day, spec.seed)
    folds = fold_skills(p, base, late, backtest.fold)
    has_skill = candidate == "usual" or lasts(between, folds)
    told = bool(0 < late.sum() < len(late))
    costs = (spec.cost_late, spec.cost_call)
    figures = {
        "brier": float(((p - late) ** 2).mean()),
        "brier_base": float(((base - late) ** 2).mean()),
        "skill": own_skill,
        "skill_low": between.low,
        "skill_high": between.high,
        "skill_newest": float(folds[-1]),
        "skill_folds": float((folds > 0).mean()),
        "has_skill": float(has_skill),
        "auc": float(roc_auc_score(late, p)) if told else float("nan"),
        "average_precision": float(average_precision_score(late, p)) if told else float("nan"),
        "ece": expected_calibration_error(p, late),
        "late_share": float(late.mean()),
        "cost": cost(p, late, spec.threshold, *costs),
        "cost_call_none": cost(p, late, np.inf, *costs),
        "cost_call_all": cost(p, late, 0.0, *costs),
    }
    if has_skill:
        figures["mase"] = float((tested["prediction"] / tested["scale"]).mean())
    return tested, figures


def _figures(tested: pd.DataFrame) -> dict[str, float]:
    figures = summarise(tested).iloc[0].to_dict()
    return {str(name): float(value) for name, value in figures.items() if name != "n"}


def _centre(late: Floats) -> float:
    """Log-odds of the share of late rows that a fit was made of."""
    return float(f"{log_odds(np.array([late.mean()]))[0]:.9g}")


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


def _typical(frame: Floats) -> Floats:
    """A row in the middle of all: medians, 0 where a column is unknown throughout."""
    known = np.flatnonzero(~np.isnan(frame).all(axis=0))
    made = np.zeros(frame.shape[1])
    made[known] = np.nanmedian(frame[:, known], axis=0)
    return made


def _second(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[s]"))
