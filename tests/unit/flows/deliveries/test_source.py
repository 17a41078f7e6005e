"""Orders out of a marketplace's files: what events they are, and what becomes of every row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flow_platform.flows.deliveries.events import OrderEvent, read_event
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.deliveries.regions import (
    delivery_timezone,
    known_regions,
    region_centre,
    remember_regions,
)
from flow_platform.flows.deliveries.source import DeliveryReading, FileEvent, read_deliveries
from flow_platform.ground.errors import SourceError
from flow_platform.sources.centres import Centre
from flow_platform.sources.pseudonyms import Pseudonyms
from tests.cases import CASES
from tests.delivery_tables import ORDERS, write_tables

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FIRST, LAST = date(2018, 1, 1), date(2018, 12, 31)
REGIONS = ("MG", "RJ", "SP")
SAO_PAULO = "America/Sao_Paulo"


def config(folder: Path, **options: Any) -> DeliveriesSource:
    columns = options.pop("columns", {})
    return DeliveriesSource(kind="files", path=str(folder), columns=columns, **options)


def read(
    folder: Path,
    first: date = FIRST,
    last: date = LAST,
    regions: tuple[str, ...] = REGIONS,
    now: datetime = NOW,
    **options: Any,
) -> DeliveryReading:
    chosen = config(folder, **options)
    return read_deliveries(chosen, first, last, regions, timezone=SAO_PAULO, now=now)


def events(reading: DeliveryReading) -> dict[str, dict[str, Any]]:
    return {one.body["event_id"]: one.body for one in reading.events(FIRST, LAST)}


def reasons(reading: DeliveryReading) -> dict[str, int]:
    return dict(Counter(one.reason.split(":")[0] for one in reading.rejects()))


def edit(folder: Path, name: str, change: Callable[[pd.DataFrame], Any]) -> None:
    path = folder / name
    table = pd.read_csv(path, dtype=str)
    changed = change(table)
    (table if changed is None else changed).to_csv(path, index=False)


def set_cell(row: int, column: str, value: Any) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        table.loc[row, column] = value

    return change


def assert_balanced(reading: DeliveryReading) -> None:
    balances = reading.balances()
    for file in balances:
        assert file.rows_read == file.rows_stored + file.rows_quarantined
        assert min(file.rows_stored, file.rows_left, file.rows_repeated) >= 0
        lines = Path(file.file).read_text().count("\n") - 1
        assert file.rows_in_file == lines, file.file
    assert sum(file.rows_quarantined for file in balances) == len(reading.rejects())


def test_an_order_is_made_of_rows_of_all_tables(tmp_path: Path) -> None:
    write_tables(tmp_path)
    reading = read(tmp_path)
    written = events(reading)
    placed = written["file:o0:placed"]
    assert placed["occurred_at"] == "2018-03-05T13:00:00+00:00"
    assert placed["promised_at"] == "2018-03-20T03:00:00+00:00"
    assert placed["customer"] == {"id": "person-0"}
    assert placed["items"][0] == {
        "product": "p1",
        "seller": "s1",
        "category": "books",
        "price": 20.0,
        "freight": 5.0,
        "weight_kg": 0.5,
        "volume_l": 1.5,
    }
    # A category without a translation keeps its name.
    assert placed["items"][1]["category"] == "moveis"
    assert written["file:o0:paid:1"]["occurred_at"] == written["file:o0:approved"]["occurred_at"]
    assert written["file:o0:paid:1"]["installments"] == 3
    assert {"file:o1:paid:1", "file:o1:paid:2"} <= set(written)
    assert "file:o3:approved" not in written and "file:o3:delivered" not in written
    event = read_event(
        "orders",
        placed,
        Pseudonyms(b"k" * 32),
        available_at=NOW,
        source="file:x",
        source_position=2,
    )
    assert isinstance(event, OrderEvent)
    assert (event.items, event.price, event.seller, event.sellers) == (2, 55.5, "s2", 2)
    assert (event.postal_area, event.weight_kg, event.category) == ("013", 12.5, "moveis")
    assert_balanced(reading)
    assert reading.oddities() == {
        "called_off": 0,
        "not_approved": 1,
        "handed_over_before_approved": 1,
        "delivered_before_approved": 0,
        "delivered_at_missing": 0,
        "ambiguous_hour": 0,
        "not_paid": 0,
        "unknown_product": 0,
        "untranslated": 2,
        "not_placed": 0,
    }


def test_every_event_names_the_file_and_line_it_is_from(tmp_path: Path) -> None:
    write_tables(tmp_path)
    found: list[FileEvent] = list(read(tmp_path).events(FIRST, LAST))
    lines = {(Path(one.file).name, one.line) for one in found if one.body["order_id"] == "o1"}
    assert lines == {(ORDERS, 3), ("shop_order_payments.csv", 3), ("shop_order_payments.csv", 4)}


def test_rows_of_other_partitions_are_left_and_a_slice_has_the_same_events(
    tmp_path: Path,
) -> None:
    write_tables(tmp_path)
    whole = events(read(tmp_path))
    part = read(tmp_path, date(2018, 3, 6), date(2018, 3, 12), ("RJ", "SP"))
    written = events(part)
    # Placed at 23:30 in Sao Paulo is the next day in UTC.
    assert {body["order_id"] for body in written.values()} == {"o1", "o2"}
    assert written == {name: whole[name] for name in written}
    assert_balanced(part)
    by_name = {Path(file.file).name: file for file in part.balances()}
    assert by_name[ORDERS].rows_left == 2 and by_name[ORDERS].rows_quarantined == 1
    assert by_name["shop_customers.csv"].rows_stored == 2
    assert by_name["shop_products.csv"].rows_stored == 2
    assert by_name["shop_order_items.csv"].rows_left == 3


# An order whose row is rejected takes its rows of three other tables along.
LOST = {"order_rejected": 3}
NOBODY = {"unknown_customer": 1} | LOST
NO_ITEM = {"item_rejected": 1, "order_rejected": 2}
CUSTOMERS, PRODUCTS = "shop_customers.csv", "shop_products.csv"
ITEMS, PAYMENTS = "shop_order_items.csv", "shop_order_payments.csv"
PLACED, APPROVED = "order_purchase_timestamp", "order_approved_at"
LEFT, ARRIVED = "order_delivered_carrier_date", "order_delivered_customer_date"


@pytest.mark.parametrize(
    ("name", "column", "value", "reason", "consequences"),
    [
        (ORDERS, "customer_id", "nobody", "unknown_customer", LOST),
        (ORDERS, PLACED, None, "missing_value", LOST),
        (ORDERS, PLACED, "soon", "wrong_type", LOST),
        (ORDERS, APPROVED, "2018-02-30 10:00:00", "impossible_date", LOST),
        (ORDERS, PLACED, "2031-01-01 10:00:00", "future_day", LOST),
        (ORDERS, PLACED, "1999-01-01 10:00:00", "before_2005", LOST),
        (ORDERS, APPROVED, "2018-03-05 09:59:59", "approved_before_placed", LOST),
        (ORDERS, LEFT, "2018-03-05 09:00:00", "handed_over_before_placed", LOST),
        (ORDERS, ARRIVED, "2018-03-05 23:00:00", "delivered_before_handed_over", LOST),
        (CUSTOMERS, "customer_state", None, "missing_value", NOBODY),
        (CUSTOMERS, "customer_state", "a|b", "bad_region", NOBODY),
        (ITEMS, "price", "-3", "bad_number", NO_ITEM),
        (ITEMS, "freight_value", "x", "wrong_type", NO_ITEM),
        (PAYMENTS, "payment_value", None, "missing_value", {}),
        (PAYMENTS, "payment_installments", "1.5", "bad_number", {}),
        (PAYMENTS, "order_id", "o9", "unknown_order", {}),
        (PRODUCTS, "product_weight_g", "heavy", "wrong_type", {}),
    ],
)
def test_a_faulty_row_is_rejected_with_all_that_hangs_on_it(
    tmp_path: Path,
    name: str,
    column: str,
    value: str | None,
    reason: str,
    consequences: dict[str, int],
) -> None:
    write_tables(tmp_path)
    edit(tmp_path, name, set_cell(0, column, value))
    reading = read(tmp_path)
    always = {"no_items": 1, "order_rejected": 1}
    assert reasons(reading) == dict(Counter(always) + Counter({reason: 1}) + Counter(consequences))
    assert_balanced(reading)
    whole = [json.loads(one.payload) for one in reading.rejects()]
    assert value is None or any(value in one.values() for one in whole)
    if name == ORDERS:
        assert not any(body["order_id"] == "o0" for body in events(reading).values())


def test_reasons_quote_nothing_of_a_row(tmp_path: Path) -> None:
    write_tables(tmp_path)
    edit(tmp_path, "shop_order_items.csv", set_cell(0, "price", "Ada Lovelace"))
    edit(tmp_path, ORDERS, set_cell(1, "order_approved_at", "Ada Lovelace"))
    edit(tmp_path, "shop_customers.csv", set_cell(2, "customer_state", "Ada|Lovelace"))
    found = [one.reason for one in read(tmp_path).rejects()]
    assert len(found) >= 6 and not any("Ada" in reason for reason in found)


def test_equal_rows_count_once_and_rows_that_differ_are_rejected(tmp_path: Path) -> None:
    write_tables(tmp_path)

    def again(table: pd.DataFrame) -> pd.DataFrame:
        other = table.iloc[[1]].assign(**{table.columns[-1]: "2018-05-01 00:00:00"})
        return pd.concat([table, table.iloc[[0]], other])

    edit(tmp_path, ORDERS, again)
    edit(tmp_path, "shop_order_items.csv", lambda table: pd.concat([table, table.iloc[[0]]]))
    (tmp_path / "later_order_payments.csv").write_text(
        (tmp_path / "shop_order_payments.csv").read_text()
    )
    reading = read(tmp_path)
    assert reasons(reading) == {"no_items": 1, "order_rejected": 1, "twice": 1}
    by_name = {Path(file.file).name: file for file in reading.balances()}
    assert by_name[ORDERS].rows_repeated == 1
    assert by_name["shop_order_items.csv"].rows_repeated == 1
    assert by_name["shop_order_payments.csv"].rows_repeated == 6
    assert len(events(reading)["file:o0:placed"]["items"]) == 2
    assert_balanced(reading)


def test_an_hour_that_comes_twice_keeps_the_order_of_things(tmp_path: Path) -> None:
    # In Sao Paulo 23:00 to 24:00 of 17 February 2018 occurred twice.
    write_tables(tmp_path)

    def change(table: pd.DataFrame) -> None:
        table.loc[0, "order_purchase_timestamp"] = "2018-02-17 23:43:05"
        table.loc[0, "order_approved_at"] = "2018-02-17 23:50:31"
        table.loc[1, "order_purchase_timestamp"] = "2018-02-17 23:50:00"
        table.loc[1, "order_approved_at"] = "2018-02-17T23:10:00-03:00"

    edit(tmp_path, ORDERS, change)
    reading = read(tmp_path)
    written = events(reading)
    assert written["file:o0:placed"]["occurred_at"] == "2018-02-18T02:43:05+00:00"
    assert written["file:o0:approved"]["occurred_at"] == "2018-02-18T02:50:31+00:00"
    # As a second turn it would have been placed after its approval.
    assert written["file:o1:placed"]["occurred_at"] == "2018-02-18T01:50:00+00:00"
    assert written["file:o1:approved"]["occurred_at"] == "2018-02-18T02:10:00+00:00"
    assert reading.oddities()["ambiguous_hour"] == 2


def test_a_promise_for_a_midnight_that_the_clock_skips_is_kept(tmp_path: Path) -> None:
    write_tables(tmp_path)
    edit(tmp_path, ORDERS, set_cell(0, "order_estimated_delivery_date", "2018-11-04 00:00:00"))
    written = events(read(tmp_path))
    assert written["file:o0:placed"]["promised_at"] == "2018-11-04T03:00:00+00:00"


def test_a_cancelled_order_is_not_known_to_be_before_its_promise(tmp_path: Path) -> None:
    write_tables(tmp_path)
    edit(tmp_path, ORDERS, set_cell(3, "order_status", "canceled"))
    reading = read(tmp_path)
    cancelled = events(reading)["file:o3:cancelled"]
    assert cancelled["occurred_at"] == "2018-04-05T03:00:00+00:00"
    assert reading.oddities()["called_off"] == 1
    early = read(tmp_path, now=datetime(2018, 4, 4, tzinfo=UTC))
    assert "file:o3:cancelled" not in events(early)
    edit(tmp_path, ORDERS, lambda table: table.assign(gone=["", "", "", "2018-03-23", ""]))
    written = events(read(tmp_path, columns={"cancelled_at": "gone"}))
    assert written["file:o3:cancelled"]["occurred_at"] == "2018-03-23T03:00:00+00:00"


def test_the_distance_is_that_between_seller_and_customer(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "shop_sellers.csv").write_text(
        "seller_id,seller_zip_code_prefix\ns1,01310\ns2,20010\n"
    )
    (tmp_path / "shop_geolocation.csv").write_text(
        "geolocation_zip_code_prefix,geolocation_lat,geolocation_lng\n"
        "01310,-23.5,-46.6\n01310,-23.6,-46.7\n20010,-22.90,-43.18\n"
    )
    reading = read(tmp_path)
    written = events(reading)
    # From Rio de Janeiro (s2 sold the dearer item) to Sao Paulo.
    assert written["file:o0:placed"]["distance_km"] == pytest.approx(360, abs=8)
    assert "distance_km" not in written["file:o3:placed"]
    assert_balanced(reading)
    by_name = {Path(file.file).name: file for file in reading.balances()}
    assert by_name["shop_geolocation.csv"].rows_stored == 3


def test_columns_of_other_names_are_read(tmp_path: Path) -> None:
    write_tables(tmp_path)
    whole = events(read(tmp_path))
    for path in tmp_path.iterdir():
        text = path.read_text().replace("order_id", "number", 1).replace("customer_state", "where")
        path.write_text(text)
    assert events(read(tmp_path, columns={"order_id": "number", "region": "where"})) == whole


def test_a_region_that_does_not_exist_is_rejected_where_regions_are_named(tmp_path: Path) -> None:
    write_tables(tmp_path)
    reading = read(tmp_path)
    assert "unknown_region" not in reasons(reading)
    named = read_deliveries(
        config(tmp_path, regions=["SP", "RJ"]),
        FIRST,
        LAST,
        ("SP", "RJ"),
        timezone=SAO_PAULO,
        now=NOW,
    )
    assert reasons(named)["unknown_region"] == 1


def test_tables_that_cannot_be_read_or_are_missing_say_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file is in"):
        read(tmp_path)
    write_tables(tmp_path)
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    (tmp_path / "shop_order_reviews.csv").write_text("review_id\n1\n")
    (stranger,) = [file for file in read(tmp_path).balances() if file.error]
    assert "notes.csv is none of the marketplace's tables" in str(stranger.error)
    (tmp_path / "shop_order_items.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="no column order_id"):
        read(tmp_path)
    (tmp_path / "shop_order_items.csv").unlink()
    with pytest.raises(SourceError, match="has no table of items"):
        read(tmp_path)


def test_ragged_and_undecodable_rows_are_rejected_whole(tmp_path: Path) -> None:
    write_tables(tmp_path)
    with (tmp_path / ORDERS).open("ab") as file:
        file.write(b"o7,customer-1,delivered\n")
        file.write(b"o8,\xff\xfe,delivered,2018-03-05,,,,2018-03-20\n")
        # The file is UTF-8 all the same.
        file.write("o9,clién-té,delivered,2018-03-05,,,,2018-03-20\n".encode())
    reading = read(tmp_path)
    assert {"ragged", "undecodable"} <= set(reasons(reading))
    assert all(json.loads(one.payload) for one in reading.rejects())


def test_an_erased_person_leaves_neither_events_nor_rejects(tmp_path: Path) -> None:
    write_tables(tmp_path)
    reading = read(tmp_path)
    assert reading.people() == {f"person-{number}" for number in range(5)}
    reading.leave_out(["person-4"], ["o0"])
    assert reading.rejects() == []
    assert_balanced(reading)


def test_an_order_that_is_refused_later_takes_its_rows_along(tmp_path: Path) -> None:
    write_tables(tmp_path)
    reading = read(tmp_path)
    reading.refuse("o1", "placed_twice: another event has placed this order before")
    found = reasons(reading)
    assert (found["placed_twice"], found["order_rejected"]) == (1, 4)
    assert_balanced(reading)


def test_regions_are_those_of_files_or_of_messages_and_are_remembered(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "regions.json"
    write_tables(tmp_path / "in")
    files = config(tmp_path / "in")
    assert known_regions(files, cache) == ("MG", "RJ", "SP")
    kept = cache.read_text()
    assert known_regions(files, cache) == ("MG", "RJ", "SP") and cache.read_text() == kept
    assert known_regions(config(tmp_path / "in", regions=["SP"]), cache) == ("SP",)
    messages = DeliveriesSource(kind="kafka")
    assert known_regions(messages, cache) == ()
    assert remember_regions(cache, {"b", "a"}) and not remember_regions(cache, {"a"})
    assert known_regions(messages, cache) == ("a", "b")
    assert known_regions(files, cache) == ("MG", "RJ", "SP")
    simulated = DeliveriesSource()
    assert len(known_regions(simulated, cache)) == 8


def test_the_clock_and_the_holidays_are_those_of_the_country() -> None:
    paris = Centre("p", "Paris", 48.9, 2.4, "FR", None, "C", "Europe/Paris", None)
    assert delivery_timezone(DeliveriesSource(), paris) == "Europe/Paris"
    assert delivery_timezone(DeliveriesSource(country="BR"), paris) == SAO_PAULO
    named = DeliveriesSource(country="BR", time_zone="America/Manaus")
    assert delivery_timezone(named, paris) == "America/Manaus"
    assert region_centre("SP", SAO_PAULO, "br").subdivision == "SP"
    assert region_centre("Nowhere", SAO_PAULO, "BR").subdivision is None
    assert region_centre("SP", SAO_PAULO, None).country is None


def test_orders_whose_postal_code_lost_its_zeros_in_one_table_are_counted() -> None:
    folder = CASES / "spreadsheets-eat-leading-zeros" / "olist"
    reading = read(folder)
    placed = reading.asked["distance_km"].notna()
    assert len(placed) and reading.oddities()["not_placed"] == int((~placed).sum()) > 0


@pytest.mark.parametrize("name", ["order_id", "customer_id"])
def test_ids_that_pandas_made_floats_are_the_same_ids(tmp_path: Path, name: str) -> None:
    write_tables(tmp_path)
    plain = read(tmp_path)
    for path in tmp_path.glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if name in table:
            table[name] = table[name].str.replace(r"\D+", "1", regex=True)
            table.to_csv(path, index=False)
    numbered = read(tmp_path)
    for path in tmp_path.glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if name in table and "customer" not in path.name:
            table[name] = table[name].where(table[name] == "", table[name] + ".0")
            table.to_csv(path, index=False)
    again = read(tmp_path)
    assert len(again.asked) == len(numbered.asked) == len(plain.asked)
    assert again.asked["region"].tolist() == numbered.asked["region"].tolist()
