"""Vintages of deliveries: honest cut-offs, bands that hold, risks that come true, proven skill."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.flows.deliveries.models.calibration import (
    SHORTEST_DAYS,
    banded,
    cost,
    expected_calibration_error,
    fit_platt,
    fold_skills,
    lasts,
    probability,
    skill,
    widening,
    widenings,
)
from flow_platform.flows.deliveries.models.candidates import CANDIDATES, NETWORKS, base_log_odds
from flow_platform.flows.deliveries.models.data import (
    MEASURES,
    DeliveryData,
    DeliverySpec,
    deliveries_of,
    fingerprint,
)
from flow_platform.flows.deliveries.models.engine import ENGINE
from flow_platform.flows.deliveries.models.fallback import fallback_scores
from flow_platform.flows.deliveries.models.features import FEATURES, asked_of, columns, features
from flow_platform.flows.deliveries.models.model import DeliveryModel, frame_from
from flow_platform.flows.deliveries.models.outcomes import Outcomes
from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.models.boosters import Booster
from flow_platform.models.champions import choose_champion, succeed
from flow_platform.models.moments import naive
from flow_platform.models.promotion import Interval, backtest_scores, trained_until
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel
from tests.unit.flows.deliveries.models.marketplace import FIRST, Marketplace, marketplace

pytestmark = pytest.mark.slow

CUTOFF = FIRST + pd.Timedelta(days=180)
# Of the rows on the way, which are many, an even part is enough to show what is asked here.
SPECS = {measure: DeliverySpec(measure, seed=5, most_rows=6_000) for measure in MEASURES}
Vintages = dict[tuple[str, str], TrainedModel]


@pytest.fixture(scope="module")
def world() -> Marketplace:
    return marketplace(orders=5_000, days=260)


@pytest.fixture(scope="module")
def vintages(data: DeliveryData) -> Vintages:
    trainer = Trainer(ENGINE)
    return {
        (measure, candidate): trainer.train(candidate, data, CUTOFF, spec)
        for measure, spec in SPECS.items()
        for candidate in CANDIDATES
    }


@pytest.fixture(scope="module")
def later(data: DeliveryData) -> dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]:
    """Of each measure: frame, outcomes and order ids of the rows asked in the 50 days after."""
    made = {}
    for measure, spec in SPECS.items():
        asked = asked_of(data, spec)
        end = naive(CUTOFF + pd.Timedelta(days=50))
        asked = asked.take((asked.moment >= naive(CUTOFF)) & (asked.moment < end))
        asked = asked.take(~np.isnan(data.days[asked.order]))
        ids = data.order_id[asked.order]
        made[measure] = features(data, asked, spec), Outcomes.of(data, asked), ids
    return made


def _without_skill(world: Marketplace) -> DeliveryData:
    """The same orders, late by the toss of a coin that nothing foretells."""
    random, orders = np.random.default_rng(3), world.orders.copy()
    late = random.random(len(orders)) < 0.2
    share = np.where(late, 1.05 + 0.2 * random.random(len(orders)), 0.6)
    took = (orders["promised_at"] - orders["placed_at"]) * share
    arrived = orders["delivered_at"].notna()
    orders["delivered_at"] = (orders["placed_at"] + took).dt.round("us").where(arrived)
    orders["delivered_known_at"] = orders["delivered_at"]
    return deliveries_of(orders)


@pytest.mark.parametrize("measure", ["delay", "late_risk"])
def test_nothing_after_the_cutoff_touches_a_vintage(
    world: Marketplace, vintages: Vintages, measure: str
) -> None:
    orders = world.orders.copy()
    unknown = orders["delivered_known_at"] >= CUTOFF
    for name in ("delivered_at", "delivered_known_at"):
        orders[name] = orders[name].mask(unknown, CUTOFF + pd.Timedelta(days=99))
    orders.loc[orders["approved_known_at"] >= CUTOFF, "price"] = 1.0
    other, spec = deliveries_of(orders, world.tracking), SPECS[measure]
    assert unknown.any()
    assert fingerprint(other, CUTOFF, spec) == fingerprint(world.data, CUTOFF, spec)
    prepared = ENGINE.prepare(other, CUTOFF, spec)
    for candidate in CANDIDATES:
        again = ENGINE.train(candidate, prepared)
        assert again.artefacts == vintages[measure, candidate].artefacts, candidate


def test_facts_before_the_cutoff_and_costs_change_the_fingerprint(
    world: Marketplace, data: DeliveryData
) -> None:
    spec, seen = SPECS["late_risk"], fingerprint(data, CUTOFF, SPECS["late_risk"])
    orders = world.orders.copy()
    orders.loc[3, "seller"] = "another"
    assert fingerprint(deliveries_of(orders, world.tracking), CUTOFF, spec) != seen
    assert fingerprint(data, CUTOFF, replace(spec, cost_late=20.0)) != seen
    assert fingerprint(data, CUTOFF, SPECS["delay"]) != seen
    # Codes of keys say only who shares one.
    turned = world.orders.sort_values("seller", ascending=False, kind="stable")
    assert fingerprint(deliveries_of(turned, world.tracking), CUTOFF, spec) == seen


def test_a_vintage_has_the_time_until_which_it_learned(vintages: Vintages) -> None:
    for trained in vintages.values():
        assert trained_until(trained.artefacts) <= CUTOFF
        last_origin = backtest_scores(trained.artefacts).last_origin
        assert last_origin is not None and last_origin < CUTOFF.tz_localize(None)


def test_learned_delays_are_nearer_than_the_regions_usual_days(
    vintages: Vintages, later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]
) -> None:
    for measure in ("delay", "delay_in_transit"):
        frame, outcomes, _ = later[measure]
        error = {
            candidate: np.abs(
                DeliveryModel.load(vintages[measure, candidate].artefacts).score(frame)[:, 0]
                - outcomes.days
            ).mean()
            for candidate in CANDIDATES
        }
        assert error["lightgbm"] < 0.85 * error["usual"], measure
        assert error["mlp"] < 0.85 * error["usual"], measure
        assert vintages[measure, "usual"].metrics["mase"] > vintages[measure, "mlp"].metrics["mase"]


def test_bands_hold_eight_of_ten_out_of_sample(
    vintages: Vintages, later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]
) -> None:
    for measure in ("delay", "delay_in_transit"):
        frame, outcomes, _ = later[measure]
        for candidate in CANDIDATES:
            scores = DeliveryModel.load(vintages[measure, candidate].artefacts).score(frame)
            inside = (outcomes.days >= scores[:, 1]) & (outcomes.days <= scores[:, 2])
            assert 0.74 <= inside.mean() <= 0.86, (measure, candidate)


def test_risks_separate_orders_nearly_as_well_as_the_truth(
    world: Marketplace,
    vintages: Vintages,
    later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]],
) -> None:
    from sklearn.metrics import roc_auc_score

    frame, outcomes, ids = later["late_risk"]
    truth, late = world.truth[ids].to_numpy(), outcomes.delivered_late
    best = roc_auc_score(late, truth)
    for candidate in ("lightgbm", "mlp"):
        trained = vintages["late_risk", candidate]
        model = DeliveryModel.load(trained.artefacts)
        p = model.score(frame)[:, 0]
        assert model.has_skill and trained.metrics["skill_low"] > 0
        assert roc_auc_score(late, p) >= 0.95 * best, candidate
        # Of 5,000 orders; a tenth of a spread that reaches from 0 to 1.
        assert np.abs(p - truth).mean() < 0.08, candidate
        assert expected_calibration_error(p, late.astype(float)) < 0.05, candidate
        figures = trained.metrics
        assert figures["cost"] < min(figures["cost_call_none"], figures["cost_call_all"])


def test_without_skill_the_base_rate_leads_and_is_what_every_candidate_serves(
    world: Marketplace,
) -> None:
    data, spec = _without_skill(world), SPECS["late_risk"]
    prepared = ENGINE.prepare(data, CUTOFF, spec)
    made = {candidate: ENGINE.train(candidate, prepared) for candidate in CANDIDATES}
    metrics = {candidate: trained.metrics for candidate, trained in made.items()}
    asked = asked_of(data, spec)
    frame = features(data, asked.take(asked.moment >= naive(CUTOFF)), spec)
    for candidate in ("lightgbm", "mlp"):
        assert metrics[candidate]["has_skill"] == 0 and "mase" not in metrics[candidate]
        assert metrics[candidate]["skill_low"] <= 0
        model = DeliveryModel.load(made[candidate].artefacts)
        np.testing.assert_allclose(
            model.score(frame)[:, 0], probability(base_log_odds(frame, False)), atol=1e-6
        )
        assert not any(model.reasons(frame[:20]))
    assert choose_champion(metrics, CANDIDATES) == "usual"
    # Without skill not even the current candidate stays.
    after = succeed(
        "lightgbm",
        metrics,
        lambda name: backtest_scores(made[name].artefacts),
        seed=1,
        simplest_first=CANDIDATES,
    )
    assert after.champion == "usual" and "no backtest MASE" in after.reason


def test_reasons_are_what_raised_the_risk_most(
    vintages: Vintages, later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]
) -> None:
    for candidate in ("lightgbm", "mlp"):
        model = DeliveryModel.load(vintages["late_risk", candidate].artefacts)
        frame = later["late_risk"][0][:300]
        p, reasons = model.score(frame)[:, 0], model.reasons(frame)
        for own in reasons:
            effects = [one["effect"] for one in own]
            assert len(own) <= 3 and effects == sorted(effects, reverse=True)
            assert all(effect > 0 for effect in effects)
            assert {one["feature"] for one in own} <= set(FEATURES)
        sums = np.array([sum(one["effect"] for one in own) for own in reasons])
        assert sums[p > 0.3].mean() > sums[p < 0.05].mean()
    assert not any(DeliveryModel.load(vintages["late_risk", "usual"].artefacts).reasons(frame))
    json.dumps(reasons)


def test_an_order_past_its_promise_is_late_for_certain(
    vintages: Vintages, later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]
) -> None:
    frame = later["late_risk_in_transit"][0]
    over = frame[:, columns(True).index("promise_left_days")] <= 0
    assert over.any()
    for candidate in CANDIDATES:
        model = DeliveryModel.load(vintages["late_risk_in_transit", candidate].artefacts)
        assert (model.score(frame)[over] == 1).all()
        assert not any(model.reasons(frame[over]))


def test_one_order_alone_gets_the_bits_that_it_gets_among_others(
    vintages: Vintages, later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]
) -> None:
    for (measure, _), trained in vintages.items():
        model, frame = DeliveryModel.load(trained.artefacts), later[measure][0]
        together = model.score(frame)
        for place in (0, 77, len(frame) - 1):
            alone = model.score(frame[place : place + 1])
            np.testing.assert_array_equal(alone[0], together[place])
        assert model.score(frame[:0]).shape == (0, together.shape[1])


def test_golden_rows_are_reproduced_and_were_never_ordered(
    data: DeliveryData, vintages: Vintages
) -> None:
    for (measure, _), trained in vintages.items():
        DeliveryModel.load(trained.artefacts).check_golden()
        golden = frame_from(json.loads(trained.artefacts["golden.json"])["frame"])
        spec = SPECS[measure]
        known = features(data, asked_of(data, spec), spec)
        # No order shares more than what all share, and a rounded count or two.
        for row in golden:
            assert (known == row).sum(axis=1).max() < known.shape[1] / 4
    spoiled = dict(vintages["delay", "lightgbm"].artefacts)
    golden = json.loads(spoiled["golden.json"])
    golden["scores"][0][0] += 0.01
    spoiled["golden.json"] = json.dumps(golden).encode()
    with pytest.raises(ModelError, match="golden"):
        DeliveryModel.load(spoiled).check_golden()


def test_artefacts_name_nobody_and_keep_no_values_of_single_orders(
    world: Marketplace, vintages: Vintages
) -> None:
    names = {
        *world.orders["order_id"].iloc[::50],
        *(f'"{one}"' for one in world.orders["seller"].unique()),
    }
    dearest = f"{world.orders['price'].max():g}"
    for trained in vintages.values():
        for name, content in trained.artefacts.items():
            text = content.decode("latin-1")
            assert not any(one in text for one in names), name
            assert "customer" not in text, name
            if name.endswith(".txt"):
                assert f":{dearest}" not in text and "feature_infos=none none" in text


def test_boosters_say_the_same_without_the_values_that_they_would_keep() -> None:
    import lightgbm

    random = np.random.default_rng(1)
    frame = random.normal(size=(500, 3))
    frame[::7, 1] = np.nan
    made = lightgbm.train(
        {"verbose": -1, "num_threads": 1}, lightgbm.Dataset(frame, frame[:, 0]), 20
    )
    text = made.model_to_string()
    lines = [
        "feature_infos=none none none" if "feature_infos" in x else x for x in text.split("\n")
    ]
    own = Booster("\n".join(lines).encode(), 3)
    np.testing.assert_array_equal(own.predict(frame), made.predict(frame))
    np.testing.assert_array_equal(own.contributions(frame), made.predict(frame, pred_contrib=True))


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_artefacts_that_are_not_whole_are_refused(vintages: Vintages, candidate: str) -> None:
    for measure in ("delay", "late_risk"):
        artefacts = vintages[measure, candidate].artefacts
        for name in set(artefacts) - {"backtest.json"}:
            with pytest.raises(ModelError):
                DeliveryModel.load({key: own for key, own in artefacts.items() if key != name})
            with pytest.raises(ModelError):
                DeliveryModel.load(
                    {**artefacts, name: artefacts[name][: len(artefacts[name]) // 3]}
                )


def test_too_few_orders_train_nothing(data: DeliveryData) -> None:
    soon = FIRST + pd.Timedelta(days=60)
    for spec in SPECS.values():
        with pytest.raises(TooLittleHistory, match="56 are needed"):
            Trainer(ENGINE).train("lightgbm", data, soon, spec)
    with pytest.raises(TooLittleHistory, match="9000 are needed"):
        Trainer(ENGINE).train("usual", data, CUTOFF, replace(SPECS["delay"], least_orders=9_000))


def test_where_nobody_is_late_no_risk_is_trained(world: Marketplace) -> None:
    orders = world.orders.assign(promised_at=world.orders["placed_at"] + pd.Timedelta(days=90))
    orders["delivered_at"] = orders["placed_at"] + pd.Timedelta(days=5)
    orders["delivered_known_at"] = orders["delivered_at"]
    with pytest.raises(TooLittleHistory, match="orders were late, 10 of each kind are needed"):
        ENGINE.prepare(deliveries_of(orders), CUTOFF, SPECS["late_risk"])


def test_an_unknown_candidate_is_named_with_those_that_exist(data: DeliveryData) -> None:
    with pytest.raises(ModelError, match="usual, lightgbm, mlp"):
        Trainer(ENGINE).train("prophet", data, CUTOFF, SPECS["delay"])


def test_the_fallback_scores_before_anything_is_known_and_learns(data: DeliveryData) -> None:
    for measure, spec in SPECS.items():
        asked = asked_of(data, spec)
        scores, outcomes = fallback_scores(data, asked, spec), Outcomes.of(data, asked)
        assert np.isfinite(scores).all()
        if measure == "late_risk":
            # Before any promise has passed, that of the prior.
            assert scores[0, 0] == pytest.approx(0.1)
            assert scores[-1, 0] == pytest.approx(np.nanmean(outcomes.delivered_late), abs=0.05)
        if measure == "delay":
            assert (scores[:, 1] <= scores[:, 0]).all() and (scores[:, 0] <= scores[:, 2]).all()
            promised = (outcomes.promised_at - data.moments["placed_at"][asked.order])[0]
            assert scores[0, 0] == pytest.approx(0.8 * promised / np.timedelta64(1, "D"), rel=1e-3)


def test_a_calibration_finds_the_slope_and_trusts_noise_little() -> None:
    random = np.random.default_rng(2)
    scores, base = random.normal(0, 1.5, 4_000), np.full(4_000, -2.0)
    late = (random.random(4_000) < probability(base + 0.6 * scores)).astype(float)
    assert fit_platt(scores, base, late, centre=0.0).slope == pytest.approx(0.6, abs=0.1)
    noise = fit_platt(scores, base, (random.random(4_000) < 0.12).astype(float), centre=0.0)
    assert noise.slope < 0.1
    assert fit_platt(-scores, base, late, centre=0.0).slope == 0


def test_skill_is_none_against_itself_and_sure_for_the_truth() -> None:
    random = np.random.default_rng(4)
    p = random.random(3_000)
    late = (random.random(3_000) < p).astype(float)
    day, base = np.repeat(np.arange(100.0), 30), np.full(3_000, late.mean())
    assert skill(base, base, late, day, seed=1)[0] == 0
    own, between = skill(p, base, late, day, seed=1)
    assert 0 < between.low < own < between.high < 1


def test_each_fold_has_a_skill_of_its_own() -> None:
    late, base = np.array([1.0, 0.0, 1.0, 0.0, 0.0]), np.full(5, 0.5)
    p = np.array([1.0, 0.5, 0.0, 0.5, 0.5])
    fold = np.array([0, 0, 1, 1, 2])
    np.testing.assert_allclose(fold_skills(p, base, late, fold), [0.5, -1.5, 0.0])
    sure = np.zeros(1)
    np.testing.assert_array_equal(fold_skills(sure, sure, sure, np.zeros(1, dtype=int)), [0.0])


@pytest.mark.parametrize(
    ("low", "folds", "shown"),
    [
        (0.01, [0.1, -0.1, 0.1, 0.1], True),
        (0.0, [0.1, 0.1, 0.1, 0.1], False),
        (0.01, [0.9, 0.1, 0.1, -0.01], False),
        (0.01, [-0.1, -0.1, 0.0, 0.9], False),
        (0.01, [-0.1, 0.9], False),
        (0.01, [0.1], True),
        (float("nan"), [0.1], False),
    ],
    ids=["one bad fold", "noise", "lost at the end", "one good fold", "half", "one", "no interval"],
)
def test_skill_must_be_there_beyond_noise_at_the_end_and_in_most_folds(
    low: float, folds: list[float], shown: bool
) -> None:
    assert lasts(Interval(low, 1.0), np.array(folds)) is shown


def test_a_skill_that_was_lost_in_the_newest_fold_does_not_lead(
    world: Marketplace, data: DeliveryData
) -> None:
    """The orders of the newest fold are late by the toss of a coin, those before as ever."""
    random, orders, spec = np.random.default_rng(8), world.orders.copy(), SPECS["late_risk"]
    prepared = ENGINE.prepare(data, CUTOFF, spec)
    first = prepared.rows.asked.moment[prepared.rows.folds[-1].tested].min()
    changed = orders["approved_known_at"].dt.tz_localize(None) >= pd.Timestamp(first)
    changed &= orders["delivered_at"].notna()
    share = np.where(random.random(len(orders)) < 0.2, 1.2, 0.6)
    took = (orders["promised_at"] - orders["placed_at"]) * share
    actual = (orders["placed_at"] + took).dt.round("us")
    for name in ("delivered_at", "delivered_known_at"):
        orders[name] = orders[name].mask(changed, actual)
    figures = Trainer(ENGINE).train("lightgbm", deliveries_of(orders), CUTOFF, spec).metrics
    assert figures["skill_newest"] < 0 and figures["skill_folds"] >= 0.5
    assert figures["has_skill"] == 0 and "mase" not in figures


def test_a_vintage_of_networks_predicts_their_mean(
    vintages: Vintages, later: dict[str, tuple[np.ndarray, Outcomes, np.ndarray]]
) -> None:
    for measure in ("delay", "late_risk"):
        artefacts, frame = vintages[measure, "mlp"].artefacts, later[measure][0]
        names = [f"network-{place + 1}.skops" for place in range(NETWORKS)]
        assert set(names) < set(artefacts) and len({artefacts[name] for name in names}) == NETWORKS
        alone = [
            DeliveryModel.load({**artefacts, **dict.fromkeys(names, artefacts[name])})
            for name in names
        ]
        scores = [model.fitted.predict(frame) for model in alone]
        whole = DeliveryModel.load(artefacts).fitted.predict(frame)
        np.testing.assert_allclose(whole, np.mean(scores, axis=0), rtol=1e-9)


def test_costs_are_those_of_calls_and_of_late_orders_that_nobody_called() -> None:
    late, p = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.05, 0.3, 0.0])
    assert cost(p, late, 0.1, cost_late=10, cost_call=1) == (1 + 10 + 1 + 0) / 4
    assert cost(p, late, np.inf, 10, 1) == 5 and cost(p, late, 0.0, 10, 1) == 1


def test_calibration_errors_are_gaps_between_predicted_and_actual() -> None:
    late = np.tile([0.0, 1.0], 50)
    assert expected_calibration_error(np.full(100, 0.5), late) == 0
    assert expected_calibration_error(np.full(100, 0.7), late) == pytest.approx(0.2)


logs = st.lists(st.floats(-9, 9), min_size=3, max_size=3)


@settings(deadline=None)
@given(st.lists(logs, min_size=1, max_size=20), st.floats(-0.49, 3.0), st.floats(0, 50))
def test_bands_never_cross_and_nothing_arrives_before_it_is_asked_about(
    rows: list[list[float]], wider: float, elapsed: float
) -> None:
    scores = banded(np.array(rows).T, np.full(len(rows), elapsed), wider)
    assert (scores >= elapsed + 0.99 * SHORTEST_DAYS).all()
    assert (scores[:, 1] <= scores[:, 0]).all() and (scores[:, 0] <= scores[:, 2]).all()


def test_each_leg_of_the_way_has_a_band_of_its_own() -> None:
    random = np.random.default_rng(3)
    leg = np.repeat([0, 1], 4000)
    # Errors of the last mile are a third as wide, and the fitted band is as wide for both.
    actual = np.exp(random.normal(0.0, np.where(leg == 0, 0.9, 0.3)))
    logs = np.zeros((3, len(leg)))
    logs[1], logs[2] = -0.5, 0.5
    wider = widenings(logs, actual, leg, 3)
    # None is on the last leg: it takes the band of all.
    assert wider[1] < wider[2] < wider[0]
    scores = banded(logs, np.zeros(len(leg)), wider[leg])
    held = (scores[:, 1] <= actual) & (actual <= scores[:, 2])
    for one in (0, 1):
        assert held[leg == one].mean() == pytest.approx(0.8, abs=0.01)


def test_sides_that_meet_are_widened_by_what_they_missed_and_no_more() -> None:
    random = np.random.default_rng(3)
    # Out for delivery: some three hours remain.
    actual = np.exp(random.normal(-2.0, 0.3, 4000))
    logs = np.full((3, len(actual)), -2.0)
    logs[2, ::2] += 0.2
    scores = banded(logs, np.zeros(len(actual)), widening(logs, actual))
    assert ((scores[:, 1] <= actual) & (actual <= scores[:, 2])).mean() == pytest.approx(
        0.8, abs=0.01
    )
    assert (scores[:, 2] - scores[:, 1]).max() < 0.5
