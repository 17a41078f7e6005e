"""Orders land on a real PostgreSQL: whole orders, every row accounted for, nobody named."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.flows.deliveries import loading
from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.live.event_rows import write_events
from flow_platform.flows.deliveries.live.received import Received
from flow_platform.flows.deliveries.loading import load_deliveries
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from tests.conftest import new_settings
from tests.delivery_tables import ORDERS, write_tables
from tests.integration.conftest import checksums, migrated
from tests.order_events import received_event

pytestmark = pytest.mark.integration

EVENTS = ("raw.orders", "raw.payments", "raw.tracking", "raw.incident_logs")
TABLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(EVENTS, ()),
    # Neither time nor payload: rows that are there stay as they are.
    "ops.quarantine": (),
    "ops.loads": ("loaded_at",),
}
FILES = 'kind = "files"\npath = "in"\ncountry = "BR"\n'
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MARCH = (date(2018, 3, 1), date(2018, 3, 31))


def start(home: Path, section: str) -> Platform:
    home.mkdir(parents=True, exist_ok=True)
    (home / "sources.toml").write_text(f"[deliveries]\n{section}")
    return migrated(new_settings(home, sources=home / "sources.toml", first_day=date(2016, 1, 1)))


@pytest.fixture
def platform(home: Path) -> Platform:
    shutil.rmtree(home / "in", ignore_errors=True)
    return empty(start(home, FILES))


def empty(chosen: Platform) -> Platform:
    with chosen.store("admin").connect() as connection:
        connection.execute(
            f"truncate {', '.join(EVENTS)}, ops.touched, ops.erased, ops.quarantine, ops.loads"
        )
    return chosen


def keys(platform: Platform, days: tuple[date, date]) -> Rectangle:
    return Rectangle(platform.centre_ids_of(DELIVERIES), *days)


def rows(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("admin").read(query)


def test_files_land_the_same_twice_and_day_by_day(platform: Platform, home: Path) -> None:
    write_tables(home / "in")
    whole = load_deliveries(platform, keys(platform, MARCH), now=NOW)
    assert whole.rows_read == whole.rows_stored + whole.rows_quarantined
    assert whole.rejected == {"no_items": 1, "order_rejected": 1}
    sums = checksums(platform, TABLES)
    assert load_deliveries(platform, keys(platform, MARCH), now=NOW) == whole
    assert checksums(platform, TABLES) == sums
    events = {table: sums[table] for table in EVENTS}
    with platform.store("admin").connect() as connection:
        connection.execute(f"truncate {', '.join(EVENTS)}")
    for day in (20, 5, 12, 28):
        part = (date(2018, 3, day), date(2018, 3, min(31, day + 7)))
        load_deliveries(platform, keys(platform, part), now=NOW)
    load_deliveries(platform, keys(platform, (MARCH[0], date(2018, 3, 5))), now=NOW)
    assert checksums(platform, dict.fromkeys(EVENTS, ())) == events
    assert rows(platform, "select * from ops.touched").empty


def test_a_region_alone_leaves_the_others_untouched(platform: Platform, home: Path) -> None:
    write_tables(home / "in")
    load_deliveries(platform, keys(platform, MARCH), now=NOW)
    sums = checksums(platform, dict.fromkeys(EVENTS, ()))
    alone = load_deliveries(platform, Rectangle(("RJ",), *MARCH), now=NOW)
    assert alone.rows_left > 0
    assert checksums(platform, dict.fromkeys(EVENTS, ())) == sums


def test_an_order_that_moved_to_another_day_is_there_once(platform: Platform, home: Path) -> None:
    orders = write_tables(home / "in")
    load_deliveries(platform, keys(platform, MARCH), now=NOW)
    orders.loc[0, "order_purchase_timestamp"] = "2018-03-02 09:00:00"
    orders.to_csv(home / "in" / ORDERS, index=False)
    day = date(2018, 3, 2)
    load_deliveries(platform, keys(platform, (day, day)), now=NOW)
    found = rows(platform, "select day from raw.orders where type = 'placed' and order_id = 'o0'")
    assert found["day"].dt.date.tolist() == [day]


def test_a_row_that_its_file_has_mended_is_marked_as_repaired(
    platform: Platform, home: Path
) -> None:
    orders = write_tables(home / "in")
    faulty = orders.copy()
    faulty.loc[2, "order_approved_at"] = "2018-02-01 10:00:00"
    faulty.to_csv(home / "in" / ORDERS, index=False)
    before = load_deliveries(platform, keys(platform, MARCH), now=NOW)
    assert before.rejected["approved_before_placed"] == 1
    orders.to_csv(home / "in" / ORDERS, index=False)
    load_deliveries(platform, keys(platform, MARCH), now=NOW)
    states = rows(
        platform,
        "select state, payload from ops.quarantine where reason like 'approved_before_placed%'",
    )
    assert states["state"].tolist() == ["repaired"]
    sealed = states["payload"].iloc[0]["sealed"]
    assert (
        json.loads(platform.kept(DeliveriesContext).pseudonyms.unseal(sealed))["order_id"] == "o2"
    )


def test_nobody_is_named_in_any_table(platform: Platform, home: Path) -> None:
    write_tables(home / "in")
    load_deliveries(platform, keys(platform, MARCH), now=NOW)
    for table in (*EVENTS, "ops.quarantine", "ops.loads"):
        text = rows(platform, f"select t::text as row from {table} as t")["row"].str.cat()
        assert "person-" not in text and "customer-" not in text, table
    subjects = rows(platform, "select subjects::text as them from ops.quarantine")["them"].str.cat()
    # The rejected order names its customer: who has the key finds the row by that.
    (token,) = platform.kept(DeliveriesContext).pseudonyms.words("customer-4")
    assert token in subjects


def test_erased_persons_are_not_stored_again(platform: Platform, home: Path) -> None:
    write_tables(home / "in")
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    with platform.store("admin").connect() as connection:
        for person in ("person-0", "person-4"):
            token = pseudonyms.erased_customer(pseudonyms.customer(person))
            connection.execute(
                "insert into ops.erased (token, kind) values (%s, 'customer')", (token,)
            )
    balance = load_deliveries(platform, keys(platform, MARCH), now=NOW)
    # Order 4 would be rejected, but nothing of it may lie in quarantine.
    assert balance.rejected == {} and rows(platform, "select * from ops.quarantine").empty
    assert balance.rows_read == balance.rows_stored
    found = rows(platform, "select distinct order_id from raw.orders order by 1")
    assert found["order_id"].tolist() == ["o1", "o2", "o3"]
    assert rows(platform, "select * from raw.payments where order_id = 'o0'").empty


def test_a_table_that_is_not_there_changes_nothing(platform: Platform, home: Path) -> None:
    from flow_platform.ground.errors import SourceError

    write_tables(home / "in")
    load_deliveries(platform, keys(platform, MARCH), now=NOW)
    sums = checksums(platform, TABLES)
    (home / "in" / "shop_customers.csv").unlink()
    with pytest.raises(SourceError, match="no table of customers"):
        load_deliveries(platform, keys(platform, MARCH), now=NOW)
    assert checksums(platform, TABLES) == sums


def message(platform: Platform, body: dict[str, object], offset: int) -> Received:
    at = datetime(2018, 3, 5, 15, tzinfo=UTC)
    pseudonyms = platform.kept(DeliveriesContext).pseudonyms
    return received_event("orders", body, pseudonyms, at=at, position=offset)


def test_what_messages_brought_stays_and_is_no_second_order(platform: Platform, home: Path) -> None:
    write_tables(home / "in")
    body = {
        "schema": 1,
        "event_id": "k1",
        "type": "placed",
        "order_id": "o0",
        "occurred_at": "2018-03-05T12:00:00+00:00",
        "customer": {"id": "person-0"},
        "region": "SP",
        "promised_at": "2018-03-20T00:00:00+00:00",
        "items": [{"price": 10.0}],
    }
    with platform.store(INGEST_ROLE).connect() as connection:
        written = write_events(
            connection, [message(platform, body, 1)], platform.kept(DeliveriesContext).pseudonyms
        )
    assert written.fates == ["stored"]
    for _ in range(2):
        balance = load_deliveries(platform, keys(platform, MARCH), now=NOW)
        # The row of the order, its two items and its payment; and the order that is never good.
        assert balance.rejected == {"no_items": 1, "placed_twice": 1, "order_rejected": 4}
    found = rows(platform, "select event_id, source from raw.orders where order_id = 'o0'")
    assert found["event_id"].tolist() == ["k1"]
    assert rows(platform, "select * from raw.tracking where order_id = 'o0'").empty
    kafka = start(home, 'kind = "kafka"\nregions = ["SP", "RJ"]\n')
    live = load_deliveries(kafka, keys(kafka, MARCH), now=NOW)
    # o0 of the message, o1 to o3 of files: their regions are SP and RJ but for o3.
    assert live.rows_stored > 1 and live.rows_read == live.rows_stored
    assert live.empty_partitions == 2 * 31 - 3


def test_the_asset_tells_what_was_rejected_and_what_the_tables_hold(
    platform: Platform, home: Path
) -> None:
    import dagster as dg

    from flow_platform.assets.keys import raw_key
    from flow_platform.assets.raw import build_raw_assets
    from flow_platform.flows.deliveries.tables import RAW_ORDERS

    write_tables(home / "in")
    (made,) = (one for one in build_raw_assets(platform) if one.key == raw_key(DELIVERIES))
    result = dg.materialize([made], resources={"platform": platform}, partition_key="RJ|2018-03-06")
    (found,) = result.asset_materializations_for_node("raw__deliveries_raw")
    # An order, its customer, item, two payments, product and translation.
    assert found.metadata["dagster/row_count"].value == 7
    assert found.metadata["rejected_no_items"].value == 1
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert checks["rows_balance"].passed and checks["rows_kept"].passed
    columns = rows(
        platform,
        "select column_name from information_schema.columns"
        " where table_schema = 'raw' and table_name = 'orders'",
    )
    assert set(columns["column_name"]) == {one.name for one in RAW_ORDERS.columns}
    assert raw_key(DELIVERIES).path == ["raw", "deliveries_raw"]


def test_the_calendar_has_the_holidays_of_each_region(platform: Platform, home: Path) -> None:
    write_tables(home / "in")
    load_calendar(platform)
    found = rows(
        platform,
        "select centre_id, holiday from raw.calendar where flow = 'deliveries'"
        " and day = '2026-07-09' order by centre_id",
    )
    assert found["centre_id"].tolist() == ["MG", "RJ", "SP"]
    # The ninth of July is one of Sao Paulo alone.
    assert found["holiday"].notna().tolist() == [False, False, True]


@pytest.mark.real_data
def test_the_real_tables_balance_against_an_independent_count(
    real_data: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real_data / "deliveries"
    chosen = empty(start(home, f'kind = "files"\npath = "{folder}"\ncountry = "BR"\n'))
    asked = keys(chosen, (date(2016, 1, 1), date(2018, 12, 31)))
    balance = load_deliveries(chosen, asked, now=NOW)
    with capsys.disabled():
        print(f"\nReal marketplace: {balance.classes} {balance.rejected} {balance.rows_stored}")

    read = {name: pd.read_csv(folder / f"olist_{name}_dataset.csv", dtype=str) for name in OLIST}
    orders, items = read["orders"], read["order_items"]
    moments = orders.filter(regex="_timestamp$|_at$|_date$").apply(pd.to_datetime)
    placed, _, handed, delivered, _ = (moments[name] for name in moments)
    bad = ~orders["order_id"].isin(items["order_id"]) | (handed < placed) | (delivered < handed)
    good = orders[~bad]
    placed_rows = rows(chosen, "select order_id, items, price from raw.orders where type='placed'")
    assert set(placed_rows["order_id"]) == set(good["order_id"]) and len(placed_rows) == len(good)
    chosen_items = items[items["order_id"].isin(good["order_id"])]
    assert placed_rows["items"].sum() == len(chosen_items)
    assert placed_rows["price"].sum() == pytest.approx(chosen_items["price"].astype(float).sum())
    payments = read["order_payments"]
    paid = payments.loc[payments["order_id"].isin(good["order_id"]), "payment_value"].astype(float)
    stored = rows(chosen, "select count(*) as rows, sum(value) as value from raw.payments").iloc[0]
    assert (stored["rows"], stored["value"]) == (len(paid), pytest.approx(paid.sum()))
    late = rows(
        chosen,
        "select count(*) filter (where t.occurred_at > o.promised_at) as late, count(*) as all"
        " from raw.tracking t join raw.orders o using (order_id)"
        " where t.type = 'delivered' and o.type = 'placed'",
    ).iloc[0]
    ends = moments["order_delivered_customer_date"], moments["order_estimated_delivery_date"]
    assert late["all"] == int(ends[0][~bad].notna().sum())
    # An hour of difference between summer and winter time moves none of them.
    assert late["late"] == int((ends[0] > ends[1])[~bad].sum())
    regions = rows(
        chosen, "select region, count(*) as rows from raw.orders where type='placed' group by 1"
    )
    states = read["customers"].set_index("customer_id")["customer_state"]
    assert regions.set_index("region")["rows"].to_dict() == (
        good["customer_id"].map(states).value_counts().to_dict()
    )
    persons = read["customers"].set_index("customer_id")["customer_unique_id"]
    assert rows(chosen, "select count(distinct customer) as n from raw.orders")["n"].iloc[0] == (
        good["customer_id"].map(persons).nunique()
    )
    loads = rows(chosen, "select * from ops.loads").set_index("file")
    for name, table in read.items():
        row = loads.loc[str(folder / f"olist_{name}_dataset.csv")]
        assert row["rows_in_file"] == len(table)
        assert row["rows_read"] == row["rows_stored"] + row["rows_quarantined"]
    assert balance.rows_quarantined == sum(balance.rejected.values())
    assert balance.rejected["no_items"] == int((~orders["order_id"].isin(items["order_id"])).sum())
    sums = checksums(chosen, TABLES)
    assert load_deliveries(chosen, asked, now=NOW) == balance
    assert checksums(chosen, TABLES) == sums


OLIST = ("orders", "order_items", "order_payments", "customers", "products")


def test_the_simulated_marketplace_lands_the_same_day_by_day_or_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = empty(start(home, 'kind = "simulated"\n'))
    days = (date(2025, 3, 28), date(2025, 4, 1))
    balance = load_deliveries(chosen, keys(chosen, days), now=NOW)
    assert balance.rows_stored > 3000 and balance.rows_quarantined == 0
    assert balance.empty_partitions == 0
    sums = checksums(chosen, dict.fromkeys(EVENTS, ()))
    monkeypatch.setattr(loading, "BLOCK_ORDERS", 200)
    for number in (3, 0, 4, 2, 1):
        day = days[0] + timedelta(days=number)
        load_deliveries(chosen, keys(chosen, (day, day)), now=NOW)
    assert checksums(chosen, dict.fromkeys(EVENTS, ())) == sums
    assert rows(chosen, "select * from ops.touched").empty


def test_nothing_lands_before_it_is_known_and_the_rest_follows(home: Path) -> None:
    chosen = empty(start(home, 'kind = "simulated"\n'))
    first = date(2025, 3, 28)
    early = datetime(2025, 3, 29, 6, tzinfo=UTC)
    load_deliveries(chosen, keys(chosen, (first, first)), now=early)
    newest = rows(chosen, "select max(available_at) as at from raw.tracking")["at"].iloc[0]
    assert newest <= early
    assert rows(chosen, "select * from raw.tracking where type = 'delivered'").empty
    # The same day later brings what became known since.
    later = datetime(2025, 5, 9, 6, tzinfo=UTC)
    load_deliveries(chosen, keys(chosen, (first, first)), now=later)
    delivered = rows(chosen, "select * from raw.tracking where type = 'delivered'")
    assert len(delivered) > 50
    assert rows(chosen, "select * from ops.touched").empty
