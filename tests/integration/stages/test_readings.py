"""Rows stay on no day of an earlier reading of dates, and a refused source changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.flows.deliveries.loading import load_deliveries
from flow_platform.flows.parcels.stage import load_parcels
from flow_platform.flows.retail.stage import load_retail
from flow_platform.flows.traffic.stage import load_traffic
from flow_platform.flows.trips.loading import load_trips, load_zones
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.stages.loading import Balance
from flow_platform.stages.refusals import NOTHING_STORED, Loads
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import migrated

pytestmark = pytest.mark.integration

YEAR = (date(2024, 1, 1), date(2024, 12, 31))
LOADS: dict[str, tuple[Callable[[Platform, Rectangle], Balance], str]] = {
    "parcels": (load_parcels, "A"),
    "retail": (load_retail, "France"),
    "traffic": (load_traffic, "301"),
    "trips": (load_trips, "Queens"),
    "deliveries": (load_deliveries, "SP"),
}
TABLES = {"deliveries": "orders"}
SHOP = ("invoice", "stock_code", "quantity", "sold_at", "price", "customer", "country")
SECTIONS = {
    "parcels": "",
    "retail": "columns = {" + ", ".join(f'{name} = "{name}"' for name in SHOP) + "}",
    "traffic": 'time_zone = "UTC"',
    "trips": 'zones = "zones.csv"',
    "deliveries": 'country = "BR"',
}


@pytest.fixture(scope="module")
def home(scratch: Path) -> Iterator[Path]:
    folder = scratch / "readings"
    folder.mkdir()
    (folder / "centres.csv").write_text("centre_id,country,timezone\nA,FR,Europe/Paris\n")
    (folder / "zones.csv").write_text("LocationID,Borough,Zone\n7,Queens,Astoria\n")
    for flow in LOADS:
        (folder / flow).mkdir()
    yield folder
    embedded.stop(folder)


def start(home: Path, **formats: str) -> Platform:
    """The installation with these values of date_format."""
    text = ""
    for flow, more in SECTIONS.items():
        path = flow if flow == "deliveries" else f"{flow}/*.csv"
        text += f'[{flow}]\nkind = "files"\npath = "{path}"\n{more}\n'
        text += f'date_format = "{formats[flow]}"\n' if flow in formats else ""
    (home / "sources.toml").write_text(text)
    settings = new_settings(
        *(home,),
        sources=home / "sources.toml",
        centres=home / "centres.csv",
        first_day=date(2024, 1, 1),
    )
    platform = migrated(settings)
    load_zones(platform)
    return platform


def write(home: Path, flow: str, name: str, times: Sequence[str]) -> None:
    """A file of each flow with a row for each time of day."""
    folder = home / flow
    if flow == "trips":
        ends = [at.replace("12:00", "12:30") for at in times]
        rows = [f"{at},{end},7,7,4" for at, end in zip(times, ends, strict=True)]
        header = "pickup_at,dropoff_at,pickup_zone,dropoff_zone,distance_km"
    elif flow == "deliveries":
        header = "order_id,customer_id,order_status,order_purchase_timestamp"
        header += ",order_estimated_delivery_date"
        rows = [f"{name}{n},c,created,{at},{at}" for n, at in enumerate(times)]
        items = [f"{name}{n},1,x,s,1,1" for n in range(len(times))]
        head = "order_id,order_item_id,product_id,seller_id,price,freight_value"
        (folder / f"{name}_items.csv").write_text("\n".join([head, *items, ""]))
        (folder / "customers.csv").write_text(
            "customer_id,customer_unique_id,customer_zip_code_prefix,customer_state\nc,p,1,SP\n"
        )
        name = f"{name}_orders"
    else:
        header, row = {
            "parcels": ("centre_id,day,parcels", "A,{at},{n}"),
            "retail": (",".join(SHOP), "{n},x,1,{at},1,c,France"),
            "traffic": ("centre_id,counted_at,vehicles", "301,{at},{n}"),
        }[flow]
        rows = [row.format(at=at, n=n) for n, at in enumerate(times)]
    (folder / f"{name}.csv").write_text("\n".join([header, *rows, ""]))


def stored(platform: Platform, flow: str) -> list[date]:
    """The days of the rows that are stored."""
    placed = " where type = 'placed'" if flow == "deliveries" else ""
    table = TABLES.get(flow, flow)
    rows = platform.store("admin").read(f"select day from raw.{table}{placed} order by day")
    return [day.date() for day in pd.to_datetime(rows["day"])]


def load(platform: Platform, flow: str, first: date = YEAR[0], last: date = YEAR[1]) -> Balance:
    function, centre = LOADS[flow]
    return function(platform, Rectangle((centre,), first, last))


every_flow = pytest.mark.parametrize("flow", sorted(LOADS))
# 5, 6 and 7 February, or the second of May, June and July.
SLASHED = [f"0{day}/02/2024 12:00" for day in (5, 6, 7)]
BY_DAY = [date(2024, 2, day) for day in (5, 6, 7)]
BY_MONTH = [date(2024, month, 2) for month in (5, 6, 7)]


@pytest.fixture(autouse=True)
def emptied(home: Path) -> None:
    platform = start(home)
    for path in home.glob("*/*.csv"):
        path.unlink()
    tables = ", ".join(f"raw.{TABLES.get(flow, flow)}" for flow in LOADS)
    with platform.store("admin").connect() as connection:
        connection.execute(
            f"truncate {tables}, raw.payments, raw.tracking, ops.loads, ops.quarantine"
        )


@every_flow
def test_rows_of_an_earlier_reading_do_not_stay(home: Path, flow: str) -> None:
    write(home, flow, "a", SLASHED)
    load(start(home, **{flow: "month-first"}), flow)
    platform = start(home, **{flow: "day-first"})
    assert stored(platform, flow) == BY_MONTH
    # A load of other days than those that were wrong.
    balance = load(platform, flow, date(2024, 2, 1), date(2024, 2, 29))
    assert stored(platform, flow) == BY_DAY
    (warning,) = balance.warnings
    assert f"--from {BY_MONTH[0]} --to {BY_MONTH[-1]}" in warning
    assert "read as day-first, and were read as month-first before" in warning


@every_flow
def test_a_new_file_that_decides_otherwise_takes_the_rows_along(home: Path, flow: str) -> None:
    write(home, flow, "a", [*SLASHED, "01/13/2024 12:00"])
    platform = start(home)
    load(platform, flow)
    assert stored(platform, flow) == [date(2024, 1, 13), *BY_MONTH]
    write(home, flow, "a", SLASHED)
    write(home, flow, "b", ["13/03/2024 12:00"])
    balance = load(platform, flow, date(2024, 2, 1), date(2024, 4, 30))
    assert stored(platform, flow) == [*BY_DAY, date(2024, 3, 13)]
    assert len(balance.warnings) == 1


@every_flow
def test_loading_again_under_the_same_reading_changes_and_warns_of_nothing(
    home: Path, flow: str
) -> None:
    write(home, flow, "a", [*SLASHED, "13/02/2024 12:00"])
    platform = start(home)
    load(platform, flow)
    days = stored(platform, flow)
    for _ in range(2):
        assert load(platform, flow, date(2024, 2, 5), date(2024, 2, 6)).warnings == ()
        assert stored(platform, flow) == days


@every_flow
def test_iso_dates_stay_when_others_join_them(home: Path, flow: str) -> None:
    iso = [f"2024-02-0{day} 12:00:00" for day in (5, 6, 7)]
    write(home, flow, "a", iso)
    platform = start(home)
    load(platform, flow)
    write(home, flow, "a", [*iso, "13/03/2024 12:00"])
    assert load(platform, flow, date(2024, 3, 1), date(2024, 3, 31)).warnings == ()
    assert stored(platform, flow) == [*BY_DAY, date(2024, 3, 13)]


@every_flow
def test_a_refused_source_changes_nothing_and_names_the_key_once(home: Path, flow: str) -> None:
    write(home, flow, "a", ["2024-02-04 12:00:00"])
    platform = start(home)
    load(platform, flow)
    write(home, flow, "b", SLASHED)
    balance = load(platform, flow)
    assert stored(platform, flow) == [date(2024, 2, 4)]
    loads = Loads([(flow, balance)])
    assert loads.exit_code(strict=False) == NOTHING_STORED
    (sentence,) = loads.sentences()
    assert re.search(r"'05/02/2024.*date_format", sentence)
    errors = platform.store("admin").read(
        f"select error from ops.loads where flow = '{flow}' and error is not null"
    )
    assert len(errors) == 1
    # Once it is decided all is loaded, and the refusal is gone.
    platform = start(home, **{flow: "day-first"})
    assert load(platform, flow).broken_files == ()
    assert stored(platform, flow) == [date(2024, 2, 4), *BY_DAY]
    remaining = platform.store("admin").read("select error from ops.loads")
    assert remaining["error"].isna().all()


@every_flow
def test_no_grid_is_made_of_a_wrong_year(home: Path, flow: str) -> None:
    """Rows of 1024 and 2204 are refused one by one, whatever their number."""
    begin = datetime(2024, 2, 5, 12)
    good = [f"{begin + timedelta(days=day):%Y-%m-%d %H:%M:%S}" for day in range(30)]
    write(home, flow, "a", [*good, "1024-02-05 12:00:00", "2204-02-05 12:00:00"])
    platform = start(home)
    balance = load(platform, flow)
    assert len(stored(platform, flow)) == 30
    assert balance.rows_quarantined >= 2
