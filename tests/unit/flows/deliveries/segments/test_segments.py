"""Segments of customers: known kinds are found, nothing later counts, names stay, no person in."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.deliveries.segments.choice import STABLE, Grouping, chosen, groupings
from flow_platform.flows.deliveries.segments.customers import (
    COLUMNS,
    SegmentSpec,
    customers_of,
    fingerprint,
    matrix_of,
)
from flow_platform.flows.deliveries.segments.model import SEGMENTS, Segments, assign
from flow_platform.flows.deliveries.segments.names import NAMES, Known, names_of
from flow_platform.flows.deliveries.segments.scaling import Scaling, scaling_of
from flow_platform.flows.deliveries.segments.training import profiles_of, renamed, train
from flow_platform.ground.errors import ModelError
from flow_platform.models.promotion import trained_until
from flow_platform.models.vintage import TrainedModel
from tests.unit.flows.deliveries.segments.buyers import CUTOFF, KINDS, orders_of

# Fewer samples than a real month: they only have to separate four clear kinds.
SPEC = SegmentSpec(seed=7, resamples=8)
ONE_TIME = tuple(replace(kind, orders=1) for kind in KINDS if kind.name != "loyal")


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return orders_of()


@pytest.fixture(scope="module")
def customers(orders: pd.DataFrame) -> pd.DataFrame:
    return customers_of(orders, CUTOFF)


@pytest.fixture(scope="module")
def trained(customers: pd.DataFrame) -> TrainedModel:
    return train(customers, CUTOFF, SPEC)


def kinds_of(customers: pd.DataFrame) -> pd.Series:
    return customers["customer"].str.split("-").str[1]


def test_known_kinds_of_customers_are_found_and_get_their_names(
    customers: pd.DataFrame, trained: TrainedModel
) -> None:
    assigned = assign(trained.artefacts, customers)
    assert Segments.load(trained.artefacts).k == len(KINDS)
    assert (assigned["name"] == kinds_of(customers)).mean() > 0.98


def test_the_true_number_of_segments_is_stable_and_a_wrong_one_less(
    trained: TrainedModel,
) -> None:
    by_k = {one["k"]: one for one in Segments.load(trained.artefacts).choices}
    assert sorted(by_k) == list(SPEC.counts)
    assert by_k[4]["chosen"] and by_k[4]["stability"] > 0.97
    assert min(by_k[k]["stability"] for k in (5, 6, 7, 8)) < STABLE
    assert by_k[4]["silhouette"] == max(one["silhouette"] for one in by_k.values())


def test_points_without_any_groups_have_no_stable_large_number_of_them() -> None:
    points = np.random.default_rng(2).normal(size=(600, 3))
    found = groupings(points, SPEC)
    assert found[-1].stability < STABLE


def test_the_same_customers_in_any_order_make_the_same_bytes(
    orders: pd.DataFrame, customers: pd.DataFrame, trained: TrainedModel
) -> None:
    shuffled = customers_of(orders.sample(frac=1, random_state=5), CUTOFF)
    pd.testing.assert_frame_equal(shuffled, customers)
    assert train(shuffled, CUTOFF, SPEC).artefacts == trained.artefacts


def test_another_seed_gives_the_same_customers_the_same_names(
    customers: pd.DataFrame, trained: TrainedModel
) -> None:
    other = train(customers, CUTOFF, replace(SPEC, seed=99))
    pd.testing.assert_frame_equal(
        assign(other.artefacts, customers), assign(trained.artefacts, customers)
    )


def test_nothing_that_became_known_later_changes_anything(
    orders: pd.DataFrame, customers: pd.DataFrame, trained: TrainedModel
) -> None:
    later = orders.assign(
        order_id="later-" + orders["order_id"],
        placed_at=CUTOFF + pd.Timedelta(seconds=1),
        known_at=CUTOFF + pd.Timedelta(seconds=1),
    )
    told_late = orders.assign(
        order_id="late-" + orders["order_id"], known_at=CUTOFF, price=10_000.0
    )
    again = customers_of(pd.concat([orders, later, told_late]), CUTOFF)
    pd.testing.assert_frame_equal(again, customers)
    assert fingerprint(again, CUTOFF, SPEC) == fingerprint(customers, CUTOFF, SPEC)
    assert trained_until(trained.artefacts) <= CUTOFF


def test_a_delivery_counts_from_when_it_was_known_and_not_from_when_it_was(
    orders: pd.DataFrame,
) -> None:
    one = orders[orders["kind"] == "disappointed"].iloc[:1]
    early = one.assign(delivered_known_at=CUTOFF - pd.Timedelta(seconds=1))
    late = one.assign(delivered_known_at=CUTOFF)
    (customer,) = customers_of(early, CUTOFF).to_dict("records")
    assert (customer["late_share"], customer["delivered"]) == (1.0, 1)
    assert customer["gap_days"] > 0
    (untold,) = customers_of(late, CUTOFF).to_dict("records")
    assert untold["delivered"] == 0
    assert np.isnan([untold["late_share"], untold["gap_days"], untold["mean_days"]]).all()


def test_a_customer_has_the_region_and_recency_of_the_newest_order() -> None:
    rows = orders_of(KINDS[2:3]).iloc[:2].assign(customer="same", centre_id=["RJ", "SP"])
    rows["placed_at"] = [CUTOFF - pd.Timedelta(days=days) for days in (3, 30)]
    rows["price"] = [10.0, 32.5]
    (made,) = customers_of(rows, CUTOFF).to_dict("records")
    assert (made["centre_id"], made["orders"], made["value"]) == ("RJ", 2, 42.5)
    assert made["recency_days"] == pytest.approx(3)


def test_one_time_buyers_make_segments_without_the_number_of_orders() -> None:
    customers = customers_of(orders_of(ONE_TIME), CUTOFF)
    segments = Segments.load(train(customers, CUTOFF, SPEC).artefacts)
    assert segments.scaling.dropped["log_orders"] == "the same for all customers"
    assert "log_orders" not in segments.scaling.columns
    assigned = segments.assign(customers)
    assert set(segments.names) == {"new", "dormant", "disappointed"}
    assert (assigned["name"] == kinds_of(customers)).mean() > 0.98


def test_two_who_came_back_among_hundreds_make_no_segment_of_their_own(
    orders: pd.DataFrame,
) -> None:
    few = pd.concat([orders_of(ONE_TIME), orders[orders["customer"] == "person-loyal-0"]])
    customers = customers_of(few, CUTOFF)
    segments = Segments.load(train(customers, CUTOFF, SPEC).artefacts)
    assert "all but 1 of" in segments.scaling.dropped["log_orders"]
    assert profiles_of(customers, segments)["customers"].min() > 100


def test_customers_without_a_delivery_are_neutral_in_experience(orders: pd.DataFrame) -> None:
    waiting = orders.assign(
        delivered_at=orders["delivered_at"].where(orders["kind"] != "new"),
    )
    customers = customers_of(waiting, CUTOFF)
    trained = train(customers, CUTOFF, SPEC)
    assert json.loads(trained.artefacts["training.json"])["unknown_experience"] == 220
    scaling = Segments.load(trained.artefacts).scaling
    place = scaling.columns.index("late_share")
    made = scaling.apply(matrix_of(customers))[:, place]
    unknown = (customers["delivered"] == 0).to_numpy()
    assert np.ptp(made[unknown]) == 0
    assert made[unknown][0] == pytest.approx(made[~unknown].mean())
    profiles = profiles_of(customers, Segments.load(trained.artefacts)).set_index("name")
    assert np.isnan(profiles["late_share"]["new"])


def test_an_order_without_a_price_is_unknown_and_not_cheap(orders: pd.DataFrame) -> None:
    priceless = orders.assign(price=orders["price"].where(orders["kind"] != "new"))
    customers = customers_of(priceless, CUTOFF)
    value = matrix_of(customers)[:, COLUMNS.index("log_value")]
    assert np.isnan(value[(kinds_of(customers) == "new").to_numpy()]).all()
    assert np.isfinite(scaling_of(matrix_of(customers)).apply(matrix_of(customers))).all()


def test_artefacts_are_json_and_hold_no_customer_and_no_order(
    customers: pd.DataFrame, trained: TrainedModel
) -> None:
    assert set(trained.artefacts) == {SEGMENTS, "training.json", "calibration.json"}
    text = "".join(json.dumps(json.loads(one)) for one in trained.artefacts.values())
    assert not any(one in text for one in customers["customer"])
    assert "person" not in text


@pytest.mark.parametrize("kept", [0, 199])
def test_too_few_customers_are_refused_with_the_numbers(customers: pd.DataFrame, kept: int) -> None:
    with pytest.raises(ModelError, match=rf"{kept} customers had ordered .* 200 are needed"):
        train(customers.head(kept), CUTOFF, SPEC)


def test_customers_who_are_all_alike_are_refused(customers: pd.DataFrame) -> None:
    alike = pd.concat([customers.head(1)] * 300, ignore_index=True)
    with pytest.raises(ModelError, match="no feature separates the 300 customers"):
        train(alike, CUTOFF, SPEC)


def test_customers_of_two_sorts_without_any_more_are_refused(customers: pd.DataFrame) -> None:
    two = pd.concat([customers.iloc[[0, -1]]] * 150, ignore_index=True)
    with pytest.raises(ModelError, match="only 2 of 300 differ"):
        train(two, CUTOFF, SPEC)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {SEGMENTS: b"{"},
        {SEGMENTS: b"[]"},
        {SEGMENTS: b'{"names": ["king"], "centres": [[1]]}'},
    ],
)
def test_artefacts_that_are_not_whole_are_refused(broken: dict[str, bytes]) -> None:
    with pytest.raises(ModelError, match="not whole"):
        Segments.load(broken)


def test_a_centre_that_was_cut_off_is_found_out(trained: TrainedModel) -> None:
    content = json.loads(trained.artefacts[SEGMENTS])
    content["centres"] = content["centres"][:-1]
    with pytest.raises(ModelError, match="do not agree"):
        Segments.load({SEGMENTS: json.dumps(content).encode()})


def test_segments_keep_their_names_a_month_later(
    orders: pd.DataFrame, trained: TrainedModel
) -> None:
    # As a platform that gave another, still true, name a month before would have it.
    first = Segments.load(trained.artefacts)
    before = replace(
        first, names=tuple({"new": "new_modest"}.get(name, name) for name in first.names)
    )
    later = CUTOFF + pd.Timedelta(days=5)
    customers = customers_of(orders, later)
    again = train(customers, later, SPEC)
    named = Segments.load(renamed(again.artefacts, before))
    assert "new" in Segments.load(again.artefacts).names
    if named.k == before.k:
        assert set(named.names) == set(before.names)
    assert Segments.load(renamed(again.artefacts, None)).names == named.named_after(None).names


def flat(*columns: str) -> Scaling:
    ones = tuple(1.0 for _ in columns)
    zeros = tuple(0.0 for _ in columns)
    return Scaling(columns, zeros, ones, ones, zeros, zeros, {})


def test_names_do_not_depend_on_the_order_of_segments_and_are_each_once() -> None:
    scaling = flat(*COLUMNS)
    draw = np.random.default_rng(4)
    for _ in range(200):
        centres = draw.normal(0, 1, size=(8, len(COLUMNS)))
        names = names_of(centres, scaling)
        assert len(set(names)) == 8
        assert set(names) <= set(NAMES)
        order = draw.permutation(8)
        assert names_of(centres[order], scaling) == tuple(names[place] for place in order)


def test_no_segment_is_called_what_it_is_not() -> None:
    scaling = flat("recency_days", "log_value", "late_share")
    centres = np.array([[0.1, 0.05, 0.0], [0.0, 0.1, 0.02], [-0.1, -0.1, -0.05]])
    assert set(names_of(centres, scaling)) == {"occasional", "occasional_2", "occasional_3"}
    centres = np.array([[1.2, 0.0, 0.0], [-0.9, 0.8, 0.0], [-0.9, -0.8, 0.0], [0, 0, 2.5]])
    assert names_of(centres, scaling)[3] == "disappointed"
    assert names_of(centres, scaling)[0] == "dormant"


def test_a_name_is_kept_near_its_place_while_it_is_true_and_not_beyond() -> None:
    scaling = flat("recency_days", "log_value")
    earlier = [Known("new_valued", {"recency_days": -0.8, "log_value": 0.9})]
    # Alone it would be called "valued"; it was called otherwise, which is still true.
    centres = np.array([[-0.5, 1.1], [1.0, 0.0]])
    assert names_of(centres, scaling) == ("valued", "dormant")
    assert names_of(centres, scaling, earlier) == ("new_valued", "dormant")
    aged = np.array([[0.1, 1.1], [1.0, 0.0]])
    assert names_of(aged, scaling, earlier) == ("valued", "dormant")
    far = np.array([[-0.5, 2.4], [1.0, 0.0]])
    assert names_of(far, scaling, earlier) == ("valued", "dormant")


def test_the_stable_choice_that_separates_best_wins_and_else_the_most_stable() -> None:
    def grouping(k: int, silhouette: float, stability: float, smallest: int = 50) -> Grouping:
        return Grouping(np.zeros((k, 1)), silhouette, (0.99,) * (k - 1) + (stability,), smallest)

    two, three, four = grouping(2, 0.2, 0.9), grouping(3, 0.4, 0.8), grouping(4, 0.6, 0.7)
    assert chosen([two, three, four]).k == 3
    assert chosen([grouping(2, 0.2, 0.5), grouping(3, 0.4, 0.6), four]).k == 4
    # What could not be shown to anyone is not chosen for its looks.
    assert chosen([two, grouping(3, 0.9, 0.95, smallest=3)]).k == 2
