"""What is known of an order at a moment: nothing later, one frame for all, the same bits again."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.deliveries.models.data import (
    LOOKBACK_DAYS,
    MEASURES,
    DeliveryData,
    DeliverySpec,
    deliveries_of,
)
from flow_platform.flows.deliveries.models.features import (
    BASES,
    FEATURES,
    Asked,
    asked_of,
    columns,
    features,
    shown,
)
from flow_platform.flows.deliveries.models.history import LOST_DAYS, History
from flow_platform.flows.deliveries.models.outcomes import Outcomes
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import naive
from tests.unit.flows.deliveries.models.marketplace import FIRST, Marketplace, marketplace

APPROVED, ON_THE_WAY = DeliverySpec("delay", seed=1), DeliverySpec("delay_in_transit", seed=1)
MOMENT = FIRST + pd.Timedelta(days=60)
# Each fact of an order, by the moment from which it is known.
KNOWN_BY = {
    "paid_known_at": ("installments", "paid_value", "payment_method"),
    "handed_over_known_at": ("handed_over_at",),
    "delivered_known_at": ("delivered_at",),
    "cancelled_known_at": (),
}


@pytest.fixture(scope="module")
def world() -> Marketplace:
    return marketplace(orders=1_500, days=90)


def _asked_by(data: DeliveryData, spec: DeliverySpec, moment: pd.Timestamp) -> Asked:
    asked = asked_of(data, spec)
    return asked.take(asked.moment <= naive(moment))


def _rows(data: DeliveryData, asked: Asked, spec: DeliverySpec) -> pd.DataFrame:
    frame = pd.DataFrame(features(data, asked, spec), columns=list(columns(spec.in_transit)))
    frame.index = pd.MultiIndex.from_arrays([data.order_id[asked.order], asked.moment])
    return frame.sort_index()


def _rewritten(world: Marketplace, moment: pd.Timestamp) -> DeliveryData:
    """Another future: whatever became known after `moment` is different, or never happens."""
    orders, tracking = world.orders.copy(), world.tracking.copy()
    random = np.random.default_rng(1)
    for known_at, facts in KNOWN_BY.items():
        later = ~(orders[known_at] <= moment)
        never = later & (random.random(len(orders)) < 0.5)
        moved = moment + pd.to_timedelta(1 + 40 * random.random(len(orders)), "D")
        orders[known_at] = orders[known_at].mask(later, pd.Series(moved.round("us"))).mask(never)
        for name in facts:
            if name.endswith("_at"):
                orders[name] = orders[known_at].where(later, orders[name])
            elif name == "payment_method":
                orders[name] = orders[name].mask(later, "cheque")
            else:
                orders[name] = orders[name].mask(later, 77.0)
    unknown = orders["approved_known_at"] > moment
    for name in ("price", "distance_km"):
        orders[name] = orders[name].mask(unknown, 1e6)
    for name in ("seller", "region", "carrier", "category"):
        orders[name] = orders[name].mask(unknown, "new")
    extra = orders[unknown].assign(order_id="x" + orders["order_id"])
    unseen = tracking["available_at"] > moment
    for name in ("occurred_at", "available_at"):
        tracking[name] = tracking[name].mask(unseen, tracking[name] + pd.Timedelta(days=3))
    return deliveries_of(pd.concat([extra, orders], ignore_index=True), tracking)


def test_every_column_names_the_event_by_which_it_is_known() -> None:
    assert set(FEATURES) == set(columns(in_transit=True))
    assert set(FEATURES.values()) == {
        *("placed", "approved", "paid", "handed_over", "tracked", "others"),
    }
    early = {FEATURES[name] for name in columns(in_transit=False)}
    assert early == {"placed", "approved", "paid", "others"}


def test_learners_see_no_level_of_the_network() -> None:
    for in_transit in (False, True):
        seen = [columns(in_transit)[place] for place in shown(in_transit)]
        assert set(columns(in_transit)) - set(seen) == set(BASES)


@pytest.mark.parametrize("spec", [APPROVED, ON_THE_WAY], ids=["approved", "in transit"])
def test_a_rewritten_future_changes_no_bit(world: Marketplace, spec: DeliverySpec) -> None:
    data, other = world.data, _rewritten(world, MOMENT)
    own = _rows(data, _asked_by(data, spec, MOMENT), spec)
    again = _rows(other, _asked_by(other, spec, MOMENT), spec)
    assert len(own) > 500
    pd.testing.assert_frame_equal(own, again, check_exact=True)
    # And the rewriting was one: rows after the moment differ.
    late = _rows(data, asked_of(data, spec), spec)
    changed = _rows(other, asked_of(other, spec), spec)
    assert not late.reindex(changed.index).equals(changed)


@pytest.mark.parametrize("spec", [APPROVED, ON_THE_WAY], ids=["approved", "in transit"])
def test_what_is_cut_off_at_a_moment_gives_the_rows_before_it(
    data: DeliveryData, spec: DeliverySpec
) -> None:
    known = data.before(MOMENT)
    own = _rows(known, asked_of(known, spec), spec)
    asked = _asked_by(data, spec, MOMENT - pd.Timedelta(microseconds=1))
    pd.testing.assert_frame_equal(own, _rows(data, asked, spec), check_exact=True)


def test_one_order_alone_gets_the_row_that_it_gets_among_others(data: DeliveryData) -> None:
    for spec in (APPROVED, ON_THE_WAY):
        asked = asked_of(data, spec)
        together = features(data, asked, spec)
        for place in (0, 400, len(asked) - 1):
            alone = features(data, asked.take(np.array([place])), spec)
            np.testing.assert_array_equal(alone[0], together[place])


def test_facts_further_back_than_the_memory_change_no_bit() -> None:
    world = marketplace(orders=1_500, days=700)
    data = world.data
    asked = asked_of(data, APPROVED)
    asked = asked.take(asked.moment >= naive(FIRST + pd.Timedelta(days=690)))
    first = asked.moment.min() - np.timedelta64(LOOKBACK_DAYS, "D")
    read = world.orders[world.orders["placed_at"] >= pd.Timestamp(first, tz="UTC")]
    short = deliveries_of(read, world.tracking)
    again = asked_of(short, APPROVED)
    again = again.take(again.moment >= asked.moment.min())
    assert len(asked) and len(short) < len(data)
    pd.testing.assert_frame_equal(
        _rows(data, asked, APPROVED), _rows(short, again, APPROVED), check_exact=True
    )


def test_histories_are_the_means_that_one_would_take_by_hand(
    world: Marketplace, data: DeliveryData
) -> None:
    asked = asked_of(data, APPROVED)
    rows, place = features(data, asked, APPROVED), 900
    row = dict(zip(columns(False), rows[place], strict=True))
    at = pd.Timestamp(asked.moment[place], tz="UTC")
    orders = world.orders.set_index("order_id")
    own = orders.loc[data.order_id[asked.order[place]]]
    past = orders[orders["delivered_known_at"] < at]
    log_days = np.log((past["delivered_at"] - past["placed_at"]).dt.total_seconds() / 86_400)
    same = past["seller"] == own["seller"]
    alike = past["region"] == own["region"]
    drawn = (log_days[alike].sum() + 8 * log_days.mean()) / (alike.sum() + 8)
    assert row["usual_log_days"] == pytest.approx(drawn, abs=1e-6)
    drawn = (log_days[same].sum() + 8 * log_days.mean()) / (same.sum() + 8)
    assert row["seller_log_days"] == pytest.approx(drawn - log_days.mean(), abs=1e-6)
    approved = orders[(orders["approved_known_at"] < at) & (orders["seller"] == own["seller"])]
    ends = approved[["delivered_known_at", "cancelled_known_at"]].min(axis=1)
    open_now = ~(ends < at) & (approved["approved_known_at"] > at - pd.Timedelta(days=60))
    assert row["seller_open"] == open_now.sum()


def test_an_order_counts_as_late_when_its_promise_passes_and_no_more_if_it_had_arrived() -> None:
    at = [FIRST + pd.Timedelta(days=day) for day in range(100)]
    orders = marketplace(orders=6, days=1).orders
    for name in ("handed_over", "delivered", "cancelled"):
        orders[f"{name}_known_at"] = pd.Series(
            pd.NaT, index=orders.index, dtype="datetime64[us, UTC]"
        )
    for name in ("handed_over", "delivered"):
        orders[f"{name}_at"] = pd.Series(pd.NaT, index=orders.index, dtype="datetime64[us, UTC]")
    orders["placed_at"] = orders["approved_known_at"] = at[0]
    orders["promised_at"] = at[10]
    # 0 in time, 1 late, 2 in time but reported late, 3 cancelled after, 4 cancelled before, 5 lost.
    arrived = {0: (at[5], at[5]), 1: (at[14], at[14]), 2: (at[9], at[12])}
    for row, (delivered, known) in arrived.items():
        orders.loc[row, ["delivered_at", "delivered_known_at"]] = [delivered, known]
    orders.loc[3, "cancelled_known_at"], orders.loc[4, "cancelled_known_at"] = at[20], at[3]
    due = History.of(deliveries_of(orders)).due
    asked = [at[day] + pd.Timedelta(hours=1) for day in (8, 10, 12, 20, 10 + LOST_DAYS)]
    sums = due.sums(np.array([naive(one) for one in asked]))
    assert sums.tolist() == [[0, 0], [5, 4], [5, 3], [4, 2], [3, 1]]


def test_only_settled_delays_and_passed_promises_are_learned(data: DeliveryData) -> None:
    asked = asked_of(data, APPROVED)
    outcomes, at = Outcomes.of(data, asked), naive(MOMENT)
    known = outcomes.delivered_known_at < at
    # Among the newest only the quick ones have arrived: taking them all would flatter.
    newest = known & (outcomes.moment > at - np.timedelta64(7, "D"))
    settled = outcomes.delays(at, 25.0)
    assert outcomes.remaining[newest].mean() < 0.8 * np.nanmean(outcomes.remaining)
    assert settled.any() and not (settled & ~known).any() and not (settled & newest).any()
    learned, late = outcomes.lateness(at)
    assert (outcomes.promised_at[learned] < at).all()
    still_open = learned & ~known
    assert still_open.any() and (late[still_open] == 1).all()
    cancelled = outcomes.cancelled_known_at < at
    assert not (learned & cancelled & ~known).any()


def test_who_was_delivered_or_cancelled_is_not_asked_about(data: DeliveryData) -> None:
    for spec in (APPROVED, ON_THE_WAY):
        asked = asked_of(data, spec)
        for end in ("delivered_known_at", "cancelled_known_at"):
            ended = data.moments[end][asked.order]
            assert not (ended <= asked.moment).any()


def test_events_that_become_known_at_once_make_one_row(world: Marketplace) -> None:
    tracking = world.tracking.copy()
    first = tracking.groupby("order_id")["available_at"].transform("min")
    some = tracking["order_id"] == tracking["order_id"].iloc[0]
    tracking.loc[some, "available_at"] = first[some]
    data = deliveries_of(world.orders, tracking)
    asked = asked_of(data, ON_THE_WAY)
    own = asked.take(data.order_id[asked.order] == tracking["order_id"].iloc[0])
    assert len(own) == 1 and own.rank[0] == 2 and own.events[0] == 3


def test_weekday_and_hour_are_in_local_time(world: Marketplace) -> None:
    orders = world.orders.copy()
    # Sunday 23:30 UTC is Monday in Paris.
    orders["approved_known_at"] = pd.Timestamp("2025-06-01 23:30", tz="UTC")
    orders["promised_at"] = pd.Timestamp("2025-06-09 12:00", tz="UTC")
    orders[["delivered_known_at", "cancelled_known_at"]] = pd.NaT
    spec = replace(APPROVED, timezone="Europe/Paris")
    for holidays, days in (((), 5), ((pd.Timestamp("2025-06-05"),), 4)):
        data = deliveries_of(orders, holidays=holidays)
        row = dict(zip(columns(False), features(data, asked_of(data, spec), spec)[0], strict=True))
        assert (row["weekday"], row["hour"], row["days_to_weekend"]) == (0, 1.5, 5)
        assert row["promise_working_days"] == days
        assert row["holidays_ahead"] == len(holidays)


def test_nothing_shows_who_ordered(world: Marketplace) -> None:
    named = world.orders.assign(customer="pseudonym-of-somebody")
    data = deliveries_of(named, world.tracking)
    assert "customer" not in {*data.keys, *data.numbers, *data.moments}
    assert not any("customer" in one.name for one in fields(DeliveryData))


def test_frames_that_lack_a_column_are_refused_by_its_name(world: Marketplace) -> None:
    with pytest.raises(ModelError, match="cancelled_known_at"):
        deliveries_of(world.orders.drop(columns="cancelled_known_at"))
    with pytest.raises(ModelError, match="available_at"):
        deliveries_of(world.orders, world.tracking.drop(columns="available_at"))


def test_specs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ModelError, match="late_risk_in_transit"):
        DeliverySpec("profit", seed=1)
    with pytest.raises(ModelError, match="cost_call"):
        DeliverySpec("late_risk", seed=1, cost_late=1.0, cost_call=2.0)
    assert DeliverySpec("late_risk", seed=1).threshold == 0.1
    assert len({DeliverySpec(one, seed=1).measure for one in MEASURES}) == 4
