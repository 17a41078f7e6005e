"""A look at files counts what a load on a real PostgreSQL stores and refuses, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.flows.catalogue import flow_named
from flow_platform.ground.fates import code_of
from flow_platform.ground.rectangle import Rectangle
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.sources.values import EARLIEST_DAY
from flow_platform.stages.loading import Balance
from flow_platform.stages.looking import Looked, look_at
from flow_platform.stages.trial import trial_of
from flow_platform.warehouse import embedded
from tests.cases import CASES
from tests.conftest import new_settings
from tests.delivery_tables import write_tables
from tests.integration.conftest import migrated
from tests.unit.flows.retail.samples import FRANCE, UK
from tests.unit.flows.trips import samples

pytestmark = pytest.mark.integration

CENTRES = "centre_id,timezone\nNORTH,Europe/Paris\n01,America/New_York\n1,UTC\n"


@pytest.fixture(scope="module")
def home(scratch: Path) -> Iterator[Path]:
    folder = scratch / "looking"
    migrated(new_settings(folder))
    yield folder
    embedded.stop(folder)


def loaded(settings: Settings, flow: str) -> Balance:
    """The balance of a load of every day and centre."""
    platform, chosen = Platform(settings), flow_named(flow)
    last = datetime.now(UTC).date() + timedelta(days=1)
    rectangle = Rectangle(platform.centre_ids_of(chosen), EARLIEST_DAY, last)
    return parts_of(chosen).raw.load(platform, rectangle)


def looked_at(settings: Settings, flow: str) -> Looked:
    config = Platform(settings).sources[flow]
    with trial_of(settings, flow_named(flow), str(config.path)) as trial:
        return look_at(trial.platform, flow_named(flow))


def assert_same(looked: Looked, balance: Balance) -> None:
    """Each file has the same rows by fate in both, and each reason as many."""
    assert [one.balance for one in looked.files] == list(balance.files)
    assert any(one.balance.rows_stored for one in looked.files)
    refused: Counter[str] = Counter()
    for one in looked.files:
        assert sum(refusal.rows for refusal in one.refusals) == one.balance.rows_quarantined
        for refusal in one.refusals:
            refused[code_of(refusal.reason)] += refusal.rows
    assert refused == balance.rejected


def settings_of(home: Path, folder: Path, section: str, **more: Path) -> Settings:
    path = folder / "look.toml"
    path.write_text(section)
    return new_settings(home, sources=path, **more)


def _parcels(folder: Path) -> str:
    rows = ["NORTH,2025-01-01,5", "NORTH,2025-01-01,5", "01,2025-01-02,7", "1,2025-01-02,x"]
    rows += ["0001,2025-01-02,7", "NORTH,2025-02-30,1", "NORTH,2999-01-01,1", "NORTH,2025-01-03"]
    text = "\n".join(["Title", "site,date,n", *rows, "Total,,25"])
    (folder / "a.csv").write_text(text)
    (folder / "b.csv").write_text(text + "\nNORTH,2025-03-01,8\n")
    (folder / "c.csv").write_text("something,else\n1,2\n")
    columns = '{ centre_id = "site", day = "date", parcels = "n" }'
    return f'[parcels]\nkind = "files"\npath = "*.csv"\ncolumns = {columns}\n'


def _retail(folder: Path) -> str:
    names = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    rows = [f"{n},2204{n % 3},MUG,{n},2010-07-0{n},2.5,17850,{UK}" for n in range(1, 9)]
    rows += [
        rows[0],
        f",1,MUG,1,2010-07-01,1,,{UK}",
        f"9,1,MUG,a,2010-07-01,1,,{FRANCE}",
        "9,1,MUG",
    ]
    (folder / "a.csv").write_text("\n".join([names, *rows]))
    (folder / "b.csv").write_text("\n".join([names, *rows[:4]]))
    return '[retail]\nkind = "files"\npath = "*.csv"\n'


def _traffic(folder: Path) -> str:
    hours = [f"7,2025-03-30 {hour:02}:00,{hour}" for hour in range(24)]
    rows = [*hours, hours[5], "8,2025-03-30 08:00,-1", "8,soon,1", ",2025-03-30 08:00,1"]
    (folder / "a.csv").write_text("\n".join(["centre_id,counted_at,vehicles", *rows]))
    (folder / "counters.csv").write_text("centre_id\n7\n")
    section = '[traffic]\nkind = "files"\npath = "a.csv"\ncounters = "counters.csv"\n'
    return f'{section}time_zone = "Europe/Paris"\n'


def _trips(folder: Path) -> str:
    good = [samples.trip(f"2023-01-{day:02} 12:00:00") for day in range(1, 29)]
    bad = [samples.trip(minutes=-5), samples.trip(trip_distance=0.0), samples.trip(PULocationID=99)]
    far = [samples.trip("2008-01-01 12:00:00")]
    samples.write(folder / "green.parquet", [*good, *bad, *far, good[3]])
    samples.write(folder / "again.parquet", good[:5])
    zones = "LocationID,Borough,Zone\n4,Manhattan,Alphabet City\n7,Queens,Astoria\n"
    (folder / "zones.csv").write_text(zones)
    return '[trips]\nkind = "files"\npath = "*.parquet"\nzones = "zones.csv"\n'


def _deliveries(folder: Path) -> str:
    tables = folder / "shop"
    write_tables(tables)
    orders = tables / "shop_orders.csv"
    more = pd.read_csv(orders, dtype=str)
    odd = more.iloc[[0]].assign(order_id="odd", order_purchase_timestamp="never")
    pd.concat([more, odd, more.iloc[[1]]]).to_csv(orders, index=False)
    return '[deliveries]\nkind = "files"\npath = "shop"\ncountry = "BR"\n'


@pytest.mark.parametrize("write", [_parcels, _retail, _traffic, _trips, _deliveries])
def test_a_look_counts_what_a_load_does(
    home: Path, tmp_path: Path, write: Callable[[Path], str]
) -> None:
    section = write(tmp_path)
    flow = section[1 : section.index("]")]
    (tmp_path / "centres.txt").write_text(CENTRES)
    settings = settings_of(home, tmp_path, section, centres=tmp_path / "centres.txt")
    assert_same(looked_at(settings, flow), loaded(settings, flow))


CASE_FLOWS = [
    ("parcels-equal-rows-taken-for-copies", "parcels"),
    ("parcels-only-the-first-sheet", "parcels"),
    ("part-of-a-file-refused-in-silence", "retail"),
    ("retail-same-lines-written-otherwise", "retail"),
    ("spreadsheets-eat-leading-zeros", "deliveries"),
]


@pytest.mark.parametrize(("case", "flow"), CASE_FLOWS)
def test_a_look_at_a_case_counts_what_a_load_does(
    home: Path, tmp_path: Path, case: str, flow: str
) -> None:
    folder = CASES / case
    sources = folder / "sources.toml"
    if flow == "deliveries":
        sources = tmp_path / "sources.toml"
        sources.write_text(f'[deliveries]\nkind = "files"\npath = "{folder / "olist"}"\n')
    own = {"centres": folder / "centres.csv"} if flow == "parcels" else {}
    settings = new_settings(home, sources=sources, **own)
    assert_same(looked_at(settings, flow), loaded(settings, flow))
