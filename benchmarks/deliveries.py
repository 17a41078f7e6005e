"""Delays and late risks of orders: Olist's against plain LightGBM, simulated against the truth.

Olist: vintages of 2018-05-01 (UTC), which know nothing later, predict every order placed since that
was delivered, at its own moment. Plain LightGBM (its defaults, squared error) learns the same rows
of the same columns; and once more from all orders that were delivered by then, an easy mistake that
leaves out the newest slow orders, still open. A variant has vintages for each month, as the
platform serves. All intervals are 95 %, by a bootstrap of blocks of seven days; those of ratios and
differences are paired. Simulated: vintages of the platform's own marketplace, whose true
probabilities are known. Real data: ../shared/data/deliveries or FLOW_REAL_DATA.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

import numpy as np
import pandas as pd
from olist_orders import TIMEZONE, read_orders
from real_data import real_data

from flow_platform.flows.deliveries.models.calibration import cost
from flow_platform.flows.deliveries.models.calibration import expected_calibration_error as ece
from flow_platform.flows.deliveries.models.candidates import CANDIDATES
from flow_platform.flows.deliveries.models.data import (
    TRACKED,
    DeliveryData,
    DeliverySpec,
    deliveries_of,
)
from flow_platform.flows.deliveries.models.engine import ENGINE
from flow_platform.flows.deliveries.models.features import (
    Asked,
    asked_of,
    columns,
    features,
    leg,
)
from flow_platform.flows.deliveries.models.model import DeliveryModel
from flow_platform.flows.deliveries.models.outcomes import Outcomes
from flow_platform.models.champions import choose_champion
from flow_platform.models.moments import naive
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel

CUTOFF = pd.Timestamp("2018-05-01", tz="UTC")
MONTHS = pd.date_range("2018-05-01", "2018-10-01", freq="MS", tz="UTC")
TARGET = 0.97
SEED, DRAWS, BLOCK = 11, 500, 7
SKILL = ("skill", "skill_low", "skill_high", "skill_newest", "skill_folds")


class Draws:
    """Rows of a bootstrap of blocks of days: `figure` of each draw, and the 95 % interval."""

    def __init__(self, moments: np.ndarray) -> None:
        days, place = np.unique(moments.astype("datetime64[D]"), return_inverse=True)
        rows = [np.flatnonzero(place == day) for day in range(len(days))]
        random = np.random.default_rng(SEED)
        self.draws = []
        for _ in range(DRAWS):
            starts = random.integers(0, len(days), -(-len(days) // BLOCK))
            chosen = (starts[:, None] + np.arange(BLOCK)).ravel()[: len(days)] % len(days)
            self.draws.append(np.concatenate([rows[day] for day in chosen]))

    def of(self, figure: Callable[[np.ndarray], float]) -> list[float]:
        """The figure of all rows, and the ends of its interval."""
        drawn = [figure(rows) for rows in self.draws]
        every = np.unique(np.concatenate(self.draws))
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        return [figure(np.arange(every.max() + 1)), float(low), float(high)]


def mean_of(errors: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda rows: float(errors[rows].mean())


def ratio_of(errors: np.ndarray, rival: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda rows: float(errors[rows].mean() / rival[rows].mean())


_trainer = Trainer(ENGINE)
_trained: dict[tuple[str, str, pd.Timestamp], TrainedModel] = {}


def vintage_of(
    candidate: str, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec
) -> TrainedModel:
    """The vintage of Olist's orders, trained once."""
    key = candidate, spec.measure, cutoff
    if key not in _trained:
        _trained[key] = _trainer.train(candidate, data, cutoff, spec)
    return _trained[key]


def spec_of(measure: str) -> DeliverySpec:
    return DeliverySpec(measure, SEED, timezone=TIMEZONE)


def tested(data: DeliveryData, spec: DeliverySpec) -> Asked:
    """The rows of the orders that were placed from the cut-off on and delivered."""
    asked = asked_of(data, spec)
    placed = data.moments["placed_at"][asked.order] >= naive(CUTOFF)
    return asked.take(placed & ~np.isnan(data.days[asked.order]))


def by_month(
    data: DeliveryData, spec: DeliverySpec, asked: Asked, shown: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """The predictions for each month's orders by its vintages' champion, and the champions."""
    predicted, leaders = np.zeros((len(asked), 1 if spec.is_late_risk else 3)), []
    for month, after in pairwise(MONTHS):
        inside = (asked.moment >= naive(month)) & (asked.moment < naive(after))
        if not inside.any():
            continue
        own = {one: vintage_of(one, data, month, spec) for one in CANDIDATES}
        leader = choose_champion({one: v.metrics for one, v in own.items()}, CANDIDATES)
        leaders.append(leader)
        predicted[inside] = DeliveryModel.load(own[leader].artefacts).score(shown[inside])
    return predicted, leaders


def delays(data: DeliveryData) -> dict[str, Any]:
    import lightgbm

    spec = spec_of("delay")
    asked = tested(data, spec)
    shown, y = features(data, asked, spec), data.days[asked.order]
    draws = Draws(asked.moment)
    known = data.before(CUTOFF)
    rows = asked_of(known, spec)
    learned, outcomes = features(known, rows, spec), Outcomes.of(known, rows)
    at = naive(CUTOFF)
    same = outcomes.delays(at, outcomes.settle_days(at))
    every = outcomes.delivered_known_at < at

    def plain(chosen: np.ndarray) -> np.ndarray:
        model = lightgbm.LGBMRegressor(n_jobs=1, verbose=-1)
        return np.asarray(model.fit(learned[chosen], outcomes.days[chosen]).predict(shown))

    rivals = {
        "plain LightGBM, same rows": plain(same),
        "plain LightGBM, all delivered": plain(every),
    }
    state, of = known.keys["region"][rows.order], data.keys["region"][asked.order]
    means = pd.Series(outcomes.days[every]).groupby(state[every]).mean()
    rivals["mean of the state"] = (
        pd.Series(of).map(means).fillna(outcomes.days[every].mean()).to_numpy()
    )
    names = columns(False)
    rivals["as-of mean of the state"] = np.exp(shown[:, names.index("usual_log_days")])
    result: dict[str, Any] = {"tested": len(y), "learned": int(same.sum())}
    predicted = {}
    metrics = {}
    for candidate in CANDIDATES:
        vintage = vintage_of(candidate, data, CUTOFF, spec)
        metrics[candidate] = vintage.metrics
        predicted[candidate] = DeliveryModel.load(vintage.artefacts).score(shown)
    result["champion"] = choose_champion(metrics, CANDIDATES)
    predicted["monthly vintages"], result["monthly champions"] = by_month(data, spec, asked, shown)
    for name, days in rivals.items():
        result[name] = {"mae": draws.of(mean_of(np.abs(days - y)))}
    for name, band in predicted.items():
        error = np.abs(band[:, 0] - y)
        hit = ((y >= band[:, 1]) & (y <= band[:, 2])).astype(float)
        result[name] = {
            "mae": draws.of(mean_of(error)),
            **{
                f"over {rival}": draws.of(ratio_of(error, np.abs(days - y)))
                for rival, days in rivals.items()
            },
            "coverage_80": draws.of(mean_of(hit)),
            "mean_width_80": float((band[:, 2] - band[:, 1]).mean()),
        }
    return result


def risks(data: DeliveryData, measure: str) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    spec = spec_of(measure)
    asked = tested(data, spec)
    shown = features(data, asked, spec)
    late = Outcomes.of(data, asked).delivered_late.astype(float)
    draws = Draws(asked.moment)
    result: dict[str, Any] = {"tested": len(late), "late_share": draws.of(mean_of(late))}
    metrics, predicted = {}, {}
    for candidate in CANDIDATES:
        vintage = vintage_of(candidate, data, CUTOFF, spec)
        metrics[candidate] = vintage.metrics
        model = DeliveryModel.load(vintage.artefacts)
        predicted[candidate] = model.score(shown)[:, 0]
        if not model.has_skill:
            free = dataclasses.replace(model, has_skill=True)
            predicted[f"{candidate}, unheld"] = free.score(shown)[:, 0]
    result["champion"] = choose_champion(metrics, CANDIDATES)
    result["backtest"] = {
        name: {one: row[one] for one in (*SKILL, "has_skill", "auc")}
        for name, row in metrics.items()
    }
    if measure == "late_risk":
        monthly, result["monthly champions"] = by_month(data, spec, asked, shown)
        predicted["monthly vintages"] = monthly[:, 0]
    base = (predicted["usual"] - late) ** 2
    for name, p in predicted.items():
        own = (p - late) ** 2

        def auc(rows: np.ndarray, p: np.ndarray = p) -> float:
            return float(roc_auc_score(late[rows], p[rows])) if late[rows].any() else np.nan

        def precision(rows: np.ndarray, p: np.ndarray = p) -> float:
            return float(average_precision_score(late[rows], p[rows]))

        parts = np.array_split(np.argsort(p, kind="stable"), 10)
        result[name] = {
            "auc": draws.of(auc),
            "average_precision": draws.of(precision),
            "brier": draws.of(mean_of(own)),
            "brier over base": draws.of(ratio_of(own, base)),
            "ece": ece(p, late),
            "cost": cost(p, late, spec.threshold, spec.cost_late, spec.cost_call),
            "cost, none called": spec.cost_late * float(late.mean()),
            "cost, all called": spec.cost_call,
            "calibration": [(float(p[one].mean()), float(late[one].mean())) for one in parts],
        }
    return result


def on_the_way(data: DeliveryData) -> dict[str, Any]:
    """What the hand-over adds: both stages' champions on the same orders."""
    result: dict[str, Any] = {}
    for kind in ("delay", "late_risk"):
        early, late = spec_of(kind), spec_of(f"{kind}_in_transit")
        predicted, order, y = [], [], []
        for spec in (early, late):
            asked = tested(data, spec)
            vintages = {one: vintage_of(one, data, CUTOFF, spec) for one in CANDIDATES}
            leader = choose_champion({one: v.metrics for one, v in vintages.items()}, CANDIDATES)
            model = DeliveryModel.load(vintages[leader].artefacts)
            predicted.append(model.score(features(data, asked, spec)))
            order.append(asked)
            y.append(Outcomes.of(data, asked))
            result[f"{spec.measure} champion"] = leader
        place = pd.Series(np.arange(len(order[0])), index=order[0].order)
        both = place.reindex(order[1].order).dropna().astype(int).to_numpy()
        kept = np.isin(order[1].order, order[0].order)
        own, before = predicted[1][kept], predicted[0][both]
        draws = Draws(order[1].moment[kept])
        outcome = y[1].take(kept)
        if kind == "delay":
            errors = [np.abs(one[:, 0] - outcome.days) for one in (before, own)]
            hit = ((outcome.days >= own[:, 1]) & (outcome.days <= own[:, 2])).astype(float)
            result["coverage_80 at hand-over"] = draws.of(mean_of(hit))
        else:
            actual = outcome.delivered_late.astype(float)
            errors = [(one[:, 0] - actual) ** 2 for one in (before, own)]
        name = "MAE" if kind == "delay" else "Brier"
        result[f"{name} at approval"] = draws.of(mean_of(errors[0]))
        result[f"{name} at hand-over"] = draws.of(mean_of(errors[1]))
        result[f"{name} at hand-over over at approval"] = draws.of(ratio_of(errors[1], errors[0]))
    return result


def market(days: int, a_day: float) -> tuple[Any, pd.DataFrame, DeliveryData, pd.Timestamp]:
    """The platform's simulated marketplace, its orders, what is known of them, and a cut-off."""
    from flow_platform.flows.deliveries.simulator import Marketplace
    from flow_platform.sources.centres import Centre
    from flow_platform.sources.public_holidays import public_holidays

    place = Centre("x", "x", None, None, "FR", None, None, "Europe/Paris", None)
    made = Marketplace(place, SEED, a_day)
    first = date(2024, 1, 1)
    orders = made.orders(first, first + timedelta(days=days))

    def known_at(name: str) -> pd.Series:
        return orders[f"{name}_at"] + pd.to_timedelta(orders[f"_lag_{name}"], "s")

    known = ("approved", "paid", "handed_over", "delivered", "cancelled")
    frame = orders.assign(
        **{f"{name}_known_at": known_at(name) for name in known},
        region=orders["centre_id"],
        postal_area=orders["postal_code"].str[:3],
        sellers=1,
        payment_method=orders["method"],
        paid_value=orders["price"] + orders["freight"],
    )
    scans = [
        pd.DataFrame(
            {
                "order_id": orders["order_id"],
                "type": kind,
                "occurred_at": orders[f"{name}_at"],
                "available_at": known_at(name),
            }
        ).dropna()
        for name, kind in (
            ("handed_over", "handed_over"),
            ("left", "in_transit"),
            ("passed", "in_transit"),
            ("out_for_delivery", "out_for_delivery"),
        )
    ]
    holidays = public_holidays(place.country, None, first.year, first.year + 2)
    data = deliveries_of(frame, pd.concat(scans, ignore_index=True), list(holidays))
    return made, orders, data, pd.Timestamp(first, tz="UTC") + pd.Timedelta(days=days - 75)


def placed_after(data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec) -> Asked:
    """The rows of the delivered orders of the 45 days from the cut-off on."""
    asked = asked_of(data, spec)
    placed = data.moments["placed_at"][asked.order]
    end = cutoff + pd.Timedelta(days=45)
    asked = asked.take((placed >= naive(cutoff)) & (placed < naive(end)))
    return asked.take(~np.isnan(data.days[asked.order]))


def simulated_way(data: DeliveryData, cutoff: pd.Timestamp) -> dict[str, Any]:
    """The mean error of predicted days on each leg of the way, and the coverage of the bands."""
    spec = DeliverySpec("delay_in_transit", SEED, timezone="Europe/Paris")
    asked = placed_after(data, cutoff, spec)
    shown, y = features(data, asked, spec), data.days[asked.order]
    on = leg(shown, spec.in_transit)
    result: dict[str, Any] = {"tested": len(y)}
    metrics = {}
    for candidate in CANDIDATES:
        vintage = _trainer.train(candidate, data, cutoff, spec)
        metrics[candidate] = vintage.metrics
        predicted = DeliveryModel.load(vintage.artefacts).score(shown)
        held = (y >= predicted[:, 1]) & (y <= predicted[:, 2])
        result[candidate] = {
            name: {
                "rows": int(own.sum()),
                "mae": float(np.abs(predicted[own, 0] - y[own]).mean()),
                "coverage_80": float(held[own].mean()),
                "mean_width_80": float((predicted[own, 2] - predicted[own, 1]).mean()),
            }
            for name, own in (
                ("all legs", np.full(len(y), True)),
                *((kind, on == place) for place, kind in enumerate(TRACKED)),
            )
        }
    result["champion"] = choose_champion(metrics, CANDIDATES)
    return result


def simulated(days: int, a_day: float) -> dict[str, Any]:
    """How near the predicted risks of simulated orders are to the true ones."""
    from sklearn.metrics import roc_auc_score

    made, orders, data, cutoff = market(days, a_day)
    spec = DeliverySpec("late_risk", SEED, timezone="Europe/Paris")
    asked = placed_after(data, cutoff, spec)
    late = Outcomes.of(data, asked).delivered_late.astype(float)
    scored = orders[orders["order_id"].isin(set(data.order_id[asked.order]))]
    truth = made.true_late_probability(scored).set_index("order_id")["true_probability"]
    true = truth.reindex(data.order_id[asked.order]).to_numpy()
    shown = features(data, asked, spec)
    best = float(roc_auc_score(late, true))
    result: dict[str, Any] = {
        "orders": len(orders),
        "tested": len(late),
        "late": float(late.mean()),
    }
    result["truth"] = {"auc": best, "ece": ece(true, late)}
    draws = Draws(asked.moment)
    metrics = {}
    for candidate in CANDIDATES:
        vintage = _trainer.train(candidate, data, cutoff, spec)
        metrics[candidate] = vintage.metrics
        p = DeliveryModel.load(vintage.artefacts).score(shown)[:, 0]

        def share(rows: np.ndarray, p: np.ndarray = p) -> float:
            return float(roc_auc_score(late[rows], p[rows]) / roc_auc_score(late[rows], true[rows]))

        result[candidate] = {
            "auc": float(roc_auc_score(late, p)),
            "auc over the truth's": draws.of(share),
            "ece": ece(p, late),
            "mean |p - truth|": float(np.abs(p - true).mean()),
            "mean p - truth": float((p - true).mean()),
            "skill": [vintage.metrics[one] for one in SKILL[:3]],
        }
    result["champion"] = choose_champion(metrics, CANDIDATES)
    result["on the way"] = simulated_way(data, cutoff)
    return result


def show(title: str, content: Any, depth: int = 0) -> None:
    if isinstance(content, dict):
        print(f"{'  ' * depth}{title}")
        for name, own in content.items():
            show(name, own, depth + 1)
    elif isinstance(content, list) and len(content) == 3 and isinstance(content[0], float):
        print(f"{'  ' * depth}{title}: {content[0]:.4f} ({content[1]:.4f} to {content[2]:.4f})")
    else:
        shown = f"{content:.4f}" if isinstance(content, float) else content
        print(f"{'  ' * depth}{title}: {shown}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=440, help="Simulated days.")
    parser.add_argument("--orders-a-day", type=float, default=20.0, help="Of an average region.")
    parser.add_argument("--only", choices=("olist", "simulated"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    folder = real_data("deliveries") if arguments.only != "simulated" else None
    if folder is not None:
        data = deliveries_of(*read_orders(folder))
        result["delay"] = delays(data)
        for measure in ("late_risk", "late_risk_in_transit"):
            result[measure] = risks(data, measure)
        result["on the way"] = on_the_way(data)
    if arguments.only != "olist":
        result["simulated"] = simulated(arguments.days, arguments.orders_a_day)
    if arguments.json:
        print(json.dumps(result))
        return
    for title, content in result.items():
        show(title, content)


if __name__ == "__main__":
    main()
