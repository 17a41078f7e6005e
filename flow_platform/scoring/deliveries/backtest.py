"""Scores of the folds of a cut-off, each by a fit and a calibration that had not seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.models.records import figures
from flow_platform.scoring.deliveries.calibration import Platt, banded, fit_platt, widenings
from flow_platform.scoring.deliveries.candidates import base_log_odds, fit_candidate, log_odds
from flow_platform.scoring.deliveries.data import DeliverySpec, Flags, Floats, Integers
from flow_platform.scoring.deliveries.features import columns, leg, legs
from flow_platform.scoring.deliveries.judging import judged_rows, risk_figures
from flow_platform.scoring.deliveries.model import risk
from flow_platform.scoring.deliveries.preparation import Prepared


@dataclass(frozen=True)
class Backtest:
    """The rows of all folds, oldest first.

    place, fold   of each row among those that were asked about, and the number of its fold
    y             its outcome
    served        its scores, by the calibration of the folds before its own
    widening      calibration of a delay's bands, one for each leg of the way, on all folds
    platt         calibration of a late risk, on all folds
    """

    place: Integers
    fold: Integers
    y: Floats
    served: Floats
    widening: Floats
    platt: Platt

    def judged(self, candidate: str, prepared: Prepared) -> tuple[pd.DataFrame, dict[str, float]]:
        """The rows with their outcomes as `judged_rows` has them, and their figures."""
        rows, spec, place = prepared.rows, prepared.spec, self.place
        late = self.y if spec.is_late_risk else None
        tested = judged_rows(
            spec, prepared.frame, rows.asked, rows.outcomes, self.served, place, late
        )
        if late is None:
            return tested, figures(tested)
        asked, frame = rows.asked.take(place), prepared.frame[place]
        found = risk_figures(candidate, frame, asked, self.served[:, 0], late, self.fold, spec)
        if found["has_skill"]:
            found["mase"] = float((tested["prediction"] / tested["scale"]).mean())
        return tested, found


def backtest(candidate: str, prepared: Prepared) -> Backtest:
    """Fit `candidate` before each fold, score the fold, and calibrate on the folds before it."""
    frame, folds, spec = prepared.frame, prepared.rows.folds, prepared.spec
    scores = []
    for fold in folds:
        own = fit_candidate(candidate, frame[fold.fitted], fold.y, spec).predict(frame[fold.tested])
        # Log-odds of several fits: each less what its own rows were usually.
        scores.append(own - centre(fold.y) if spec.is_late_risk else own)
    place = np.concatenate([fold.tested for fold in folds])
    y = np.concatenate([fold.y_tested for fold in folds])
    number = np.repeat(np.arange(len(folds)), [len(fold.tested) for fold in folds])
    every = np.concatenate(scores, axis=-1)
    own = frame[place]
    served = np.zeros((len(place), 1 if spec.is_late_risk else 3))
    for turn in range(len(folds)):
        # The first is not calibrated: nothing is known of its candidate's errors yet.
        _, served[number == turn] = _calibrated(
            candidate, own, every, y, number < turn, number == turn, spec
        )
    whole, _ = _calibrated(candidate, own, every, y, number >= 0, number >= 0, spec)
    return Backtest(
        place=place,
        fold=number,
        y=y,
        served=served,
        widening=np.zeros(1) if isinstance(whole, Platt) else whole,
        platt=whole if isinstance(whole, Platt) else Platt(0.0),
    )


def centre(late: Floats) -> float:
    """Log-odds of the share of late rows that a fit was made of."""
    return float(f"{log_odds(np.array([late.mean()]))[0]:.9g}")


def _calibrated(
    candidate: str,
    frame: Floats,
    scores: Floats,
    y: Floats,
    learned: Flags,
    shown: Flags,
    spec: DeliverySpec,
) -> tuple[Platt | Floats, Floats]:
    """The calibration that rows `learned` give, and the scores of rows `shown` served with it."""
    names = columns(spec.in_transit)
    if not spec.is_late_risk:
        part = leg(frame, spec.in_transit)
        wider = widenings(scores[:, learned], y[learned], part[learned], legs(spec.in_transit))
        elapsed = frame[shown, names.index("elapsed_days")]
        return wider, banded(scores[:, shown], elapsed, wider[part[shown]])
    if candidate == "usual":
        platt = Platt(0.0)
    else:
        # An order whose promise has passed is late for certain, whatever a candidate predicts.
        over = frame[:, names.index("promise_left_days")] <= 0
        own = learned & ~over
        base = base_log_odds(frame[own], spec.in_transit)
        platt = fit_platt(scores[own], base, y[own], 0.0)
    return platt, risk(frame[shown], scores[shown], platt, spec.in_transit)[:, None]
