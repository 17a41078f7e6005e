"""Customers' segments on a real PostgreSQL: as of a month, the same again, names that follow.

The merged tables are made here, as the role that makes them, from orders of kinds that are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from flow_platform.flows.deliveries import segmenting
from flow_platform.flows.deliveries.assets import SEGMENTS_KEY, segment_assets
from flow_platform.flows.deliveries.segmenting import read_customers, segment_customers
from flow_platform.flows.deliveries.segments.customers import SegmentSpec
from flow_platform.flows.deliveries.segments.model import assign
from flow_platform.ground.errors import ModelError
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.warehouse import embedded
from flow_platform.warehouse.store import copy_rows
from tests.conftest import new_settings
from tests.integration.conftest import checksums
from tests.unit.flows.deliveries.segments.buyers import CUTOFF, orders_of

pytestmark = pytest.mark.integration

FIRST = date(2024, 1, 1)
MAY, JUNE = date(2025, 5, 1), CUTOFF.date()
ROWS = {
    "ml.customer_segments": (),
    "ml.segment_profiles": (),
    "ml.segment_choices": (),
    "ml.vintages": ("trained_at", "artefact_path"),
}
_HOUR = pd.Timedelta(hours=1)


def fill(platform: Platform, orders: pd.DataFrame) -> None:
    """The columns of merged.deliveries and its history that segments read, as dbt makes them."""
    deliveries = pd.DataFrame(
        {
            "order_id": orders["order_id"],
            "centre_id": orders["centre_id"],
            "day": orders["placed_at"].dt.date,
            "customer": orders["customer"],
            "placed_at": orders["placed_at"],
            "approved_known_at": orders["placed_at"] + _HOUR,
            "promised_at": orders["promised_at"],
            "price": orders["price"],
            "delivered_at": orders["delivered_at"],
            "delivered_known_at": orders["delivered_known_at"],
        }
    )
    history = deliveries[["order_id", "centre_id", "day", "price", "promised_at"]].assign(
        valid_from=orders["known_at"],
        valid_to=pd.Series(pd.NaT, orders.index, orders.dtypes.placed_at),
    )
    moment, number = "timestamptz", "double precision"
    with platform.store("flow_transform").connect() as connection:
        connection.execute("drop table if exists merged.deliveries cascade")
        connection.execute("drop table if exists merged.deliveries_history cascade")
        connection.execute(
            "create table merged.deliveries (order_id text, centre_id text, day date,"
            f" customer text, placed_at {moment}, approved_known_at {moment},"
            f" promised_at {moment}, price {number}, delivered_at {moment},"
            f" delivered_known_at {moment})"
        )
        connection.execute(
            "create table merged.deliveries_history (order_id text, centre_id text, day date,"
            f" price {number}, promised_at {moment}, valid_from {moment}, valid_to {moment})"
        )
        with connection.cursor() as cursor:
            copy_rows(cursor, "merged.deliveries", deliveries)
            copy_rows(cursor, "merged.deliveries_history", history)


def change(platform: Platform, *statements: str) -> None:
    with platform.store("admin").connect() as connection:
        for statement in statements:
            connection.execute(statement)


def forget(platform: Platform) -> None:
    change(platform, *(f"delete from {table}" for table in ROWS))


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("admin").read(query)


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    chosen = Platform(new_settings(scratch / "segments", first_day=FIRST))
    prepare(chosen)
    with pytest.MonkeyPatch.context() as patch:
        # Fewer bootstrap samples than a real month: kinds are clear here.
        patch.setattr(segmenting, "SegmentSpec", partial(SegmentSpec, resamples=4))
        yield chosen
    embedded.stop(chosen.settings.home_path)


@pytest.fixture
def filled(platform: Platform) -> Platform:
    """The merged tables as they were, and the segments of May and June."""
    fill(platform, orders_of())
    segment_customers(platform, [MAY, JUNE])
    return platform


def test_every_customer_of_the_month_has_the_segment_that_the_vintage_says(
    filled: Platform,
) -> None:
    rows = read(
        filled,
        "select s.*, v.artefact_path, v.cutoff from ml.customer_segments s"
        " join ml.vintages v using (model_version)"
        f" where s.month = '{JUNE}' and v.month = s.month and v.measure = 'segments'"
        " order by customer",
    )
    customers = read_customers(filled, JUNE)
    assert rows["customer"].tolist() == customers["customer"].tolist()
    (vintage,) = (
        one for one in filled.registry.vintages("deliveries", "segments") if one.month == JUNE
    )
    said = assign(filled.registry.load(vintage), customers)
    assert rows["name"].tolist() == said["name"].tolist()
    assert rows["segment"].tolist() == said["segment"].tolist()
    assert (rows["name"] == rows["customer"].str.split("-").str[1]).mean() > 0.98
    assert (rows["cutoff"] == CUTOFF).all()


def test_profiles_and_choices_agree_with_the_rows(filled: Platform) -> None:
    agree = read(
        filled,
        "select p.month, p.name, p.customers, count(*) as own,"
        " abs(p.value - avg(s.value)) < 1e-6 as same_value"
        " from ml.segment_profiles p join ml.customer_segments s using (month, segment, name,"
        " model_version) group by p.month, p.segment",
    )
    assert (agree["customers"] == agree["own"]).all() and agree["same_value"].all()
    choices = read(filled, f"select * from ml.segment_choices where month = '{JUNE}' order by k")
    assert choices["k"].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert choices.loc[choices["chosen"], "k"].tolist() == [4]
    assert agree.groupby("month").size().tolist()[-1] == 4


def test_making_a_month_again_leaves_the_same_rows_and_the_same_version(filled: Platform) -> None:
    before = checksums(filled, ROWS)
    again = segment_customers(filled, [JUNE])
    assert not again.months[0].trained.is_new
    assert checksums(filled, ROWS) == before
    forget(filled)
    done = segment_customers(filled, [MAY, JUNE])
    assert all(one.trained.is_new for one in done.months)
    assert checksums(filled, ROWS) == before


def test_the_order_in_which_months_are_made_does_not_matter(filled: Platform) -> None:
    before = checksums(filled, ROWS)
    forget(filled)
    segment_customers(filled, [JUNE])
    segment_customers(filled, [MAY])
    assert checksums(filled, ROWS) == before


def test_a_later_month_is_named_after_the_one_before_it(
    filled: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(artefacts: dict[str, bytes], earlier: object) -> dict[str, bytes]:
        made = {**artefacts}
        made["segments.json"] = made["segments.json"].replace(b'"dormant"', b'"dormant_valued"')
        return made

    before = checksums(filled, ROWS)
    original = segmenting.renamed
    with monkeypatch.context() as patch:
        # May comes to bear another name, true as well, for those who have not ordered for long.
        patch.setattr(
            segmenting,
            "renamed",
            lambda artefacts, earlier: (otherwise if earlier is None else original)(
                artefacts, earlier
            ),
        )
        done = segment_customers(filled, [MAY])
    assert done.renamed == (JUNE,)
    names = read(
        filled,
        "select s.name, v.model_version is not null as registered from ml.customer_segments s"
        " left join ml.vintages v using (month, model_version)"
        f" where month = '{JUNE}' group by 1, 2",
    )
    assert "dormant_valued" in set(names["name"]) and "dormant" not in set(names["name"])
    assert names["registered"].all()
    assert segment_customers(filled, [MAY]).renamed == (JUNE,)
    assert checksums(filled, ROWS) == before


def test_nothing_that_became_known_later_reaches_back(filled: Platform) -> None:
    before = checksums(filled, ROWS)
    later = orders_of(seed=8)
    moved = pd.Timedelta(days=500)
    times = ("placed_at", "known_at", "promised_at", "delivered_at", "delivered_known_at")
    later = later.assign(
        order_id="later-" + later["order_id"], **{name: later[name] + moved for name in times}
    )
    later = later[later["placed_at"] >= CUTOFF]
    assert len(later) > 500
    fill(filled, pd.concat([orders_of(), later], ignore_index=True))
    # Not yet approved when the month began, and corrected since: the table has the newest price.
    change(
        filled,
        "update merged.deliveries set approved_known_at = null, price = 9999, promised_at = now()"
        " where order_id = 'new-0-0'",
        "insert into merged.deliveries_history select order_id, centre_id, day, 9999, now(),"
        f" '{CUTOFF}', null from merged.deliveries where order_id = 'new-0-0'",
    )
    segment_customers(filled, [MAY, JUNE])
    assert checksums(filled, ROWS) == before


def test_a_month_of_which_too_little_is_known_keeps_no_rows(filled: Platform) -> None:
    long_ago = date(2024, 3, 1)
    with pytest.raises(ModelError, match="200 are needed"):
        segment_customers(filled, [long_ago])
    done = segment_customers(filled, [long_ago, JUNE])
    assert list(done.left_out) == [long_ago]
    assert [one.month for one in done.months] == [JUNE]
    change(filled, "delete from merged.deliveries where customer like '%1%' or customer like '%2%'")
    change(filled, "delete from merged.deliveries where customer like '%3%' or customer like '%4%'")
    with pytest.raises(ModelError, match="customers had ordered before 2025-06-01"):
        segment_customers(filled, [JUNE])
    kept = read(filled, "select distinct month::text as month from ml.customer_segments")
    assert kept["month"].tolist() == [str(MAY)]


def test_a_crash_between_tables_leaves_the_month_as_it_was(
    filled: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checksums(filled, ROWS)

    def crash(cursor: object, table: str, frame: pd.DataFrame) -> None:
        if table == segmenting.PROFILES:
            raise RuntimeError("killed")
        copy_rows(cursor, table, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(segmenting, "copy_rows", crash)
    with pytest.raises(RuntimeError, match="killed"):
        segment_customers(filled, [JUNE])
    assert checksums(filled, ROWS) == before


def test_the_asset_makes_its_months_and_tells_of_no_customer(filled: Platform) -> None:
    before = checksums(filled, ROWS)
    forget(filled)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            segment_assets(filled),
            resources={"platform": filled},
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": str(MAY),
                "dagster/asset_partition_range_end": str(JUNE),
            },
        )
        assert result.success
        logs = "".join(str(one) for one in instance.all_logs(result.run_id))
    assert "person-" not in logs
    assert checksums(filled, ROWS) == before
    (check,) = result.get_asset_check_evaluations()
    assert check.check_name == "stable" and check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    seen = [one for one in result.get_asset_materialization_events() if one.asset_key]
    assert {one.asset_key for one in seen} == {SEGMENTS_KEY}
    assert "data:image/png;base64," in logs
