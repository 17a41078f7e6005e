"""Scores of orders against their outcomes: rows for a comparison, and the figures of a backtest.

Which scores are judged is decided elsewhere: by the backtest of a training, or by a promotion.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.scoring.deliveries.calibration import (
    Platt,
    cost,
    expected_calibration_error,
    fold_skills,
    lasts,
    skill,
)
from flow_platform.scoring.deliveries.candidates import reference
from flow_platform.scoring.deliveries.data import DeliverySpec, Floats, Integers
from flow_platform.scoring.deliveries.features import Asked, columns
from flow_platform.scoring.deliveries.model import risk
from flow_platform.scoring.deliveries.outcomes import Outcomes


def judged_rows(
    spec: DeliverySpec,
    frame: Floats,
    asked: Asked,
    outcomes: Outcomes,
    served: Floats,
    place: Integers,
    late: Floats | None = None,
) -> pd.DataFrame:
    """Scores with their outcomes, as `promotion.score` takes them, of backtests and replays alike.

    `served` are the scores of the rows at `place`. Delays are judged by absolute error, over that
    of the region's usual days. Late risk by the Brier score, which is proper: the row's error is
    the squared error of the probability, over the mean squared error of the base rate on the same
    rows; it has no band, so that of a row always holds. `late` is the outcome of these rows, if it
    is not simply whether they were delivered late.
    """
    day = pd.DatetimeIndex(asked.moment[place]).normalize()
    made = pd.DataFrame({"unique_id": [f"{row}" for row in range(len(place))], "issue": day})
    made["horizon"], made["ds"] = 1, day
    own = frame[place]
    if not spec.is_late_risk:
        y = outcomes.days[place]
        elapsed = own[:, columns(spec.in_transit).index("elapsed_days")]
        usual = elapsed + np.exp(reference(own, spec.in_transit))
        return made.assign(
            prediction=served[:, 0],
            lower_80=served[:, 1],
            upper_80=served[:, 2],
            y=y,
            scale=float(np.abs(y - usual).mean()),
        )
    outcome = outcomes.delivered_late[place].astype(np.float64) if late is None else late
    base = base_risk(own, spec)
    return made.assign(
        prediction=(served[:, 0] - outcome) ** 2,
        lower_80=0.0,
        upper_80=1.0,
        y=0.0,
        scale=float(((base - outcome) ** 2).mean()),
    )


def base_risk(frame: Floats, spec: DeliverySpec) -> Floats:
    """Shape (n,): the base rate of late orders as known at each row's moment."""
    return risk(frame, np.zeros(len(frame)), Platt(0.0), spec.in_transit)


def risk_figures(
    candidate: str,
    frame: Floats,
    asked: Asked,
    probability: Floats,
    late: Floats,
    fold: Integers,
    spec: DeliverySpec,
) -> dict[str, float]:
    """The figures of a late risk over the rows of a backtest, all of one length.

    `brier`, `skill` over the base rate with its 95 % interval and in the newest fold, the share of
    folds in which it is above 0 (`skill_folds`), `has_skill`, `auc`, `average_precision`, `ece`,
    and what an order costs where the high risks are called, where none is and where all are.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    p, base = probability, base_risk(frame, spec)
    day = asked.moment.astype("datetime64[D]").astype(np.float64)
    own_skill, between = skill(p, base, late, day, spec.seed)
    folds = fold_skills(p, base, late, fold)
    has_both = bool(0 < late.sum() < len(late))
    costs = (spec.cost_late, spec.cost_call)
    return {
        "brier": float(((p - late) ** 2).mean()),
        "brier_base": float(((base - late) ** 2).mean()),
        "skill": own_skill,
        "skill_low": between.low,
        "skill_high": between.high,
        "skill_newest": float(folds[-1]),
        "skill_folds": float((folds > 0).mean()),
        "has_skill": float(candidate == "usual" or lasts(between, folds)),
        "auc": float(roc_auc_score(late, p)) if has_both else float("nan"),
        "average_precision": float(average_precision_score(late, p)) if has_both else float("nan"),
        "ece": expected_calibration_error(p, late),
        "late_share": float(late.mean()),
        "cost": cost(p, late, spec.threshold, *costs),
        "cost_call_none": cost(p, late, np.inf, *costs),
        "cost_call_all": cost(p, late, 0.0, *costs),
    }
