"""The simulated marketplace: any day of a region alone, always the same, and its truth is true."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.deliveries.events import Event, OrderEvent, read_event
from flow_platform.flows.deliveries.simulator import (
    CUSTOMER_KINDS,
    ORDERS_A_DAY,
    REGIONS,
    Marketplace,
)
from flow_platform.sources.centres import Centre
from flow_platform.sources.pseudonyms import Pseudonyms

FIRST, LAST = date(2025, 3, 24), date(2025, 4, 6)


@pytest.fixture(scope="module")
def market(french_centres: tuple[Centre, ...]) -> Marketplace:
    return Marketplace(french_centres[0], 7)


@pytest.fixture(scope="module")
def year(market: Marketplace) -> pd.DataFrame:
    few = Marketplace(market.place, market.seed, orders_a_day=8)
    orders = few.orders(date(2024, 1, 1), date(2024, 12, 31))
    delivered = orders[orders["delivered_at"].notna()].reset_index(drop=True)
    delivered["was_late"] = delivered["delivered_at"] > delivered["promised_at"]
    took = (delivered["delivered_at"] - delivered["placed_at"]).dt.total_seconds()
    return delivered.assign(days=took / 86400).merge(few.true_late_probability(delivered))


def events_of(orders: pd.DataFrame, market: Marketplace) -> dict[str, object]:
    return {event.body["event_id"]: event for event in market.events(orders)}


def test_a_slice_made_alone_is_the_same_as_within_the_whole(market: Marketplace) -> None:
    whole = market.orders(FIRST, LAST)
    every = events_of(whole, market)
    assert whole["order_id"].is_unique
    for day, regions in ((LAST, REGIONS[3:5]), (FIRST, REGIONS), (date(2025, 3, 30), REGIONS[7:])):
        alone = market.orders(day, day, regions)
        chosen = (whole["day"] == pd.Timestamp(day)) & whole["centre_id"].isin(regions)
        pd.testing.assert_frame_equal(alone, whole[chosen].reset_index(drop=True))
        again = events_of(alone, Marketplace(market.place, market.seed))
        assert again == {name: every[name] for name in again}
    assert not market.orders(FIRST, LAST).equals(
        Marketplace(market.place, market.seed + 1).orders(FIRST, LAST)
    )


def test_about_as_many_orders_as_asked_are_placed_and_more_in_the_rush(
    market: Marketplace,
) -> None:
    orders = market.orders(date(2024, 1, 1), date(2024, 12, 31))
    assert len(orders) / 366 / len(REGIONS) == pytest.approx(ORDERS_A_DAY, rel=0.12)
    a_day = orders.groupby("day").size()
    rush = a_day[pd.Timestamp("2024-11-22") : pd.Timestamp("2024-11-28")].mean()
    assert rush > 1.7 * a_day[pd.Timestamp("2024-11-08") : pd.Timestamp("2024-11-21")].mean()
    assert orders.groupby(["centre_id", "day"]).size().mean() < 60


def test_every_event_is_one_that_the_reader_takes(market: Marketplace) -> None:
    orders = market.orders(date(2025, 11, 24), date(2025, 12, 3))
    events = list(market.events(orders, with_persons=True))
    pseudonyms = Pseudonyms(b"k" * 32)
    read = [
        read_event(
            event.topic,
            event.body,
            pseudonyms,
            available_at=event.available_at,
            source="simulated",
            source_position=0,
            regions=REGIONS,
            now=datetime(2026, 6, 1, tzinfo=UTC),
        )
        for event in events
    ]
    assert all(isinstance(one, Event) for one in read)
    assert all(
        one.available_at == event.available_at
        for one, event in zip(read, events, strict=True)
        if isinstance(one, Event)
    )
    kinds = {(event.topic, event.body["type"]) for event in events}
    assert len(kinds) == 12  # every type of every topic
    placed = {one.order_id: one for one in read if isinstance(one, OrderEvent) and one.customer}
    for order in orders.to_dict("records"):
        found = placed[order["order_id"]]
        assert (found.centre_id, str(found.day)) == (order["centre_id"], str(order["day"].date()))
        assert found.items == order["items"]
        for name in ("price", "freight", "weight_kg", "volume_l"):
            assert getattr(found, name) == pytest.approx(order[name])


def test_events_become_known_late_and_out_of_order(market: Marketplace) -> None:
    events = list(market.events(market.orders(FIRST, LAST)))
    known = [event.available_at for event in events]
    occurred = [datetime.fromisoformat(event.body["occurred_at"]) for event in events]
    assert known == sorted(known)
    lags = [(one - other) for one, other in zip(known, occurred, strict=True)]
    assert min(lags) >= timedelta(0)
    assert 0.01 < np.mean([lag > timedelta(hours=1) for lag in lags]) < 0.1
    by_order: dict[str, list[datetime]] = {}
    for event, at in zip(events, occurred, strict=True):
        by_order.setdefault(event.order_id, []).append(at)
    assert sum(moments != sorted(moments) for moments in by_order.values()) > 20


def test_a_life_goes_forward(market: Marketplace) -> None:
    orders = market.orders(date(2024, 10, 1), date(2024, 12, 31))
    chain = (
        *("placed_at", "paid_at", "approved_at", "handed_over_at", "left_at", "passed_at"),
        *("out_for_delivery_at", "delivered_at", "returned_at"),
    )
    for place, earlier in enumerate(chain):
        for later in chain[place + 1 :]:
            both = orders[orders[earlier].notna() & orders[later].notna()]
            assert (both[earlier] <= both[later]).all(), (earlier, later)
    cancelled = orders[orders["cancelled_at"].notna()]
    assert 0.01 < len(cancelled) / len(orders) < 0.05
    assert cancelled["delivered_at"].isna().all() and cancelled["handed_over_at"].isna().all()
    approved = cancelled[cancelled["approved_at"].notna()]
    assert (approved["approved_at"] < approved["cancelled_at"]).all()
    assert (orders["placed_at"].dt.tz_localize(None).dt.normalize() == orders["day"]).all()
    opened = orders[orders["opened_at"].notna()]
    assert len(opened) > 50 and (opened["opened_at"] < opened["resolved_at"]).all()


def test_nothing_is_delivered_on_sundays_or_handed_over_on_holidays(year: pd.DataFrame) -> None:
    local = year["delivered_at"].dt.tz_convert("Europe/Paris")
    assert (local.dt.day_of_week != 6).all()
    handed = year["handed_over_at"].dt.tz_convert("Europe/Paris").dt.date
    assert not handed.isin([date(2024, 5, 1), date(2024, 7, 14), date(2024, 12, 25)]).any()


def test_about_a_tenth_is_late_and_the_truth_separates_them_well_but_not_surely(
    year: pd.DataFrame,
) -> None:
    assert 0.08 < year["was_late"].mean() < 0.12
    late = year.loc[year["was_late"], "true_probability"].to_numpy()
    prompt = year.loc[~year["was_late"], "true_probability"].to_numpy()
    ranks = pd.Series(np.concatenate([late, prompt])).rank().to_numpy()[: len(late)]
    auc = (ranks.sum() - len(late) * (len(late) + 1) / 2) / (len(late) * len(prompt))
    assert 0.75 < auc < 0.86


def test_the_truth_is_calibrated_against_what_happens(year: pd.DataFrame) -> None:
    bucket = pd.cut(year["true_probability"], [-1, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1])
    by_bucket = year.groupby(bucket, observed=True).agg(
        expected=("true_probability", "mean"),
        late=("was_late", "mean"),
        orders=("was_late", "size"),
    )
    assert (by_bucket["orders"] > 50).all()
    # Four standard errors of each share.
    error = np.sqrt(by_bucket["expected"] * (1 - by_bucket["expected"]) / by_bucket["orders"])
    assert (np.abs(by_bucket["expected"] - by_bucket["late"]) < 4 * error + 0.005).all()


def test_the_days_it_states_are_those_that_orders_take(year: pd.DataFrame) -> None:
    assert year["days"].mean() == pytest.approx(year["true_mean_days"].mean(), rel=0.02)
    assert (year["days"] < year["true_median_days"]).mean() == pytest.approx(0.5, abs=0.015)
    error = (year["days"] - year["true_median_days"]).abs().mean()
    assert error < 0.75 * (year["days"] - year["days"].median()).abs().mean()


def test_true_probabilities_do_not_depend_on_the_slice(market: Marketplace) -> None:
    orders = market.orders(FIRST, FIRST + timedelta(days=2))
    whole = market.true_late_probability(orders)
    some = orders.iloc[5:40]
    pd.testing.assert_frame_equal(
        market.true_late_probability(some), whole.iloc[5:40].reset_index(drop=True)
    )
    assert market.true_late_probability(orders[:0]).empty


def test_customers_come_back_and_differ_by_kind(year: pd.DataFrame) -> None:
    one = year[year["centre_id"] == REGIONS[0]]
    customers = one.groupby("customer_id").agg(
        kind=("customer_kind", "first"),
        orders=("order_id", "size"),
        price=("price", "mean"),
        late=("was_late", "mean"),
    )
    by_kind = customers.groupby("kind").mean()
    assert set(by_kind.index) == set(CUSTOMER_KINDS)
    assert by_kind["orders"].loc["loyal"] > 2 * by_kind["orders"].loc["occasional"]
    assert by_kind["price"].loc["valued"] > 2.5 * by_kind["price"].loc["loyal"]
    assert by_kind["late"].loc["remote"] > 2 * by_kind["late"].loc["loyal"]
    assert customers.groupby("kind").size().min() > 20
