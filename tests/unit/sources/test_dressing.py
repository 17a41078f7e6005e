"""Tables as spreadsheets and exports dress them: in every flow the same rows, or one refusal.

A true table is dressed at random: titles, comments, units, totals, footers, names in another case,
marks in numbers, separators, workbooks.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flow_platform.flows.deliveries.files import read_market
from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.source import read_retail
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.source import read_trips
from flow_platform.flows.trips.zones import Zone
from flow_platform.ground.errors import SourceError
from flow_platform.sources.daily_counts import read_daily_counts
from flow_platform.sources.landing import Landing
from flow_platform.sources.weather import fetch_weather
from flow_platform.sources.weather_options import WeatherSource
from tests.unit.sources.samples import NOW, plain_centre

DAYS = (date(2025, 1, 1), date(2025, 1, 31))
ZONES = (Zone(4, "Alphabet City", "Manhattan"), Zone(7, "Astoria", "Queens"))
SEEDS = range(25)


@dataclass
class Read:
    """What a flow made of a file: the numbers in it, the lines that were refused, the error."""

    numbers: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    error: str | None = None


@dataclass(frozen=True)
class Flow:
    """A table of a flow: its header, what a line has, which column is a number, how it is read."""

    header: list[str]
    line: Callable[[int], list[str]]
    number: int
    read: Callable[[Path, dict[str, Any]], Read]
    kinds: tuple[str, ...] = ("csv", "xlsx")
    is_money: bool = False


def of_landing(landing: Landing, column: str) -> Read:
    refused = landing.rejected["source_line"].tolist()
    return Read(landing.rows[column].tolist(), refused, landing.files[0].error)


def parcels(path: Path, keys: dict[str, Any]) -> Read:
    config = ParcelsSource(kind="files", path=str(path), **keys)
    landing = read_daily_counts(config, "parcels", [plain_centre("A")], *DAYS, ["A"], now=NOW)
    return of_landing(landing, "parcels")


def wide(path: Path, keys: dict[str, Any]) -> Read:
    return parcels(path, {**keys, "layout": "wide", "ignore": ["note"]})


def retail(path: Path, keys: dict[str, Any]) -> Read:
    config = RetailSource(kind="files", path=str(path), **keys)
    landing = read_retail(config, *DAYS, ["France"], key=b"k", now=NOW, seed=1)
    return of_landing(landing, "price")


def traffic(path: Path, keys: dict[str, Any]) -> Read:
    config = TrafficSource(kind="files", path=str(path), time_zone="UTC", **keys)
    return of_landing(read_traffic(config, (), *DAYS, ["A"], now=NOW), "vehicles")


def trips(path: Path, keys: dict[str, Any]) -> Read:
    config = TripsSource(kind="files", path=str(path), zones="z", **keys)
    reading = read_trips(config, ZONES, "UTC", *DAYS, ["Manhattan"])
    blocks = list(reading.blocks())
    refused = [frame for block in blocks for one in block.rejected for frame in one.frames()]
    lines = [line for frame in refused for line in frame["source_line"].tolist()]
    numbers = [one for block in blocks for one in block.rows["total_amount"].tolist()]
    return Read(numbers, lines, reading.files[0].error)


def deliveries(path: Path, keys: dict[str, Any]) -> Read:
    folder = path.parent
    path.rename(folder / f"order_items{path.suffix}")
    # The dressing is of one table; what it sets holds for the others too.
    mark = keys.get("separator", ",")
    (folder / "customers.csv").write_text(f"customer_id{mark}customer_state\nc1{mark}SP\n")
    moments = [f"order_{one}" for one in ("purchase_timestamp", "estimated_delivery_date")]
    (folder / "orders.csv").write_text(
        mark.join(["order_id", "customer_id", *moments])
        + "\n"
        + mark.join(["o1", "c1", "2025-01-01 10:00:00", "2025-01-09 10:00:00"])
    )
    config = DeliveriesSource(kind="files", path=str(folder), **keys)
    try:
        rows = read_market(config, "UTC", NOW).tables["items"].rows
    except SourceError as error:
        return Read(error=str(error))
    good = rows[rows["reason"].isna()]
    refused = rows.loc[rows["reason"].notna(), "line"].tolist()
    return Read(good["price"].tolist(), refused)


def weather(path: Path, keys: dict[str, Any]) -> Read:
    config = WeatherSource(
        kind="files", path=str(path), columns={"day": "day", "centre_id": "site"}, **keys
    )
    result = fetch_weather(config, [plain_centre("A")], *DAYS, now=NOW)
    errors = [one for one in result.warnings if "Weather file" in one]
    return Read(result.rows["temperature_mean"].tolist(), [], next(iter(errors), None))


def day(number: int) -> str:
    return f"2025-01-{number + 1:02d}"


FLOWS = {
    "parcels": Flow(
        ["centre_id", "day", "parcels"], lambda n: ["A", day(n), f"{1200 + n}"], 2, parcels
    ),
    "wide": Flow(["day", "A", "note"], lambda n: [day(n), f"{1200 + n}", "x"], 1, wide),
    "retail": Flow(
        ["Invoice", "StockCode", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"],
        lambda n: [f"5{n}", "22", "3", f"{day(n)} 10:00:00", f"{1200 + n}.5", "13", "France"],
        4, retail, is_money=True,
    ),
    "traffic": Flow(
        ["centre_id", "counted_at", "vehicles"],
        lambda n: ["A", f"{day(n)} 10:00:00", f"{1200 + n}.5"], 2, traffic,
    ),
    "trips": Flow(
        ["pickup_at", "dropoff_at", "pickup_zone", "dropoff_zone", "distance_km", "total"],
        lambda n: [f"{day(n)} 10:00:00", f"{day(n)} 10:20:00", "4", "7", "5", f"{1200 + n}.5"],
        5, trips, ("csv",), True,
    ),
    "deliveries": Flow(
        ["order_id", "order_item_id", "price"],
        lambda n: [f"o{n}", "1", f"{1200 + n}.5"], 2, deliveries, is_money=True,
    ),
    "weather": Flow(
        ["site", "day", "temperature_mean"], lambda n: ["A", day(n), f"{n}.5"], 2, weather
    ),
}  # fmt: skip


def marked(number: str, decimal: str, thousands: str, currency: str) -> str:
    """A number as a spreadsheet shows it."""
    whole, point, fraction = number.partition(".")
    whole = f"{int(whole):,}".replace(",", thousands)
    written = whole + (decimal + fraction if point else "")
    return {"": written, "£": f"£{written}", "€": f"{written}\u00a0€"}[currency]


@dataclass
class Dressed:
    """A table in its dress: all lines cut into cells, the keys that it needs, lines to refuse."""

    cells: list[list[str]]
    keys: dict[str, Any]
    extra: int


def dressed(flow: Flow, chance: random.Random) -> Dressed:
    size, width = 5, len(flow.header)
    decimal, thousands = chance.choice(((".", ""), (".", ","), (",", "."), (",", "\u00a0")))
    keys: dict[str, Any] = {} if decimal == "." else {"decimal": ","}
    if thousands:
        keys["thousands"] = thousands.replace("\u00a0", " ")
    currency = chance.choice(("", "£", "€")) if flow.is_money else ""
    rows = [flow.line(n) for n in range(size)]
    for row in rows:
        row[flow.number] = marked(row[flow.number], decimal, thousands, currency)
        if flow.header[flow.number] == "total":  # of trips, other columns have no fractions
            row[4] = "5"
    header = [chance.choice((str.upper, str.title, str))(one) for one in flow.header]
    if "A" in flow.header:  # ids are as they are
        header = [one if flow.header[at] != "A" else "A" for at, one in enumerate(header)]
    header = [chance.choice(("{}", "{} ", "\u00a0{}")).format(one) for one in header]
    above = [["Volumes 2025"], ["# exported", "by DC"], [""]]
    units, blank = [["" for _ in range(width)] for _ in range(2)]
    units[flow.number] = "[Stk]"
    totals = ["Total", *blank[1:]]
    totals[flow.number] = marked("99999", decimal, thousands, currency)
    below = [totals] if chance.random() < 0.5 else []
    below += [blank, ["Printed on Monday", *blank[1:]]] if chance.random() < 0.5 else []
    units_row = [units] if chance.random() < 0.3 else []
    return Dressed(
        [*above[: chance.randrange(4)], header, *units_row, *rows, *below],
        keys,
        len(units_row) + len(below),
    )


def write(dress: Dressed, folder: Path, kind: str, chance: random.Random) -> Path:
    path = folder / f"table.{kind}"
    if kind == "xlsx":
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in dress.cells:
            book.active.append([one or None for one in row])
        book.save(path)
        return path
    separator = chance.choice((";", "\t", "|"))
    dress.keys["separator"] = separator
    end = chance.choice(("", separator))
    text = "\n".join(separator.join(row) + end for row in dress.cells)
    mark = chance.choice(("", "\ufeff"))
    path.write_bytes((mark + text + "\n").encode())
    return path


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_dressed_table_gives_the_rows_of_the_plain_one(
    tmp_path: Path, name: str, seed: int
) -> None:
    flow, chance = FLOWS[name], random.Random(seed)
    kind = chance.choice(flow.kinds)
    dress = dressed(flow, chance)
    found = flow.read(write(dress, tmp_path, kind, chance), dress.keys)
    assert found.error is None
    assert found.numbers == [float(flow.line(n)[flow.number]) for n in range(5)]
    assert len(found.refused) <= dress.extra


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    flow = FLOWS[name]
    if kind not in flow.kinds:
        pytest.skip("read as CSV alone")
    cells = [[*flow.header, flow.header[flow.number]]]
    cells += [[*flow.line(n), flow.line(n)[flow.number]] for n in range(3)]
    dress = Dressed(cells, {}, 0)
    found = flow.read(write(dress, tmp_path, kind, random.Random(1)), dress.keys)
    assert not found.numbers and found.error is not None
    assert "two columns are called" in found.error or "both mean" in found.error


@pytest.mark.parametrize("name", [name for name, flow in FLOWS.items() if flow.kinds[1:]])
def test_a_header_over_two_rows_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    flow = FLOWS[name]
    at = flow.number if name != "wide" else 0
    first = [one if place != at else "Volume" for place, one in enumerate(flow.header)]
    second = ["" if place != at else one for place, one in enumerate(flow.header)]
    dress = Dressed([first, second, *(flow.line(n) for n in range(3))], {}, 0)
    found = flow.read(write(dress, tmp_path, "xlsx", random.Random(1)), {})
    assert not found.numbers and found.error is not None and "no column" in found.error


@pytest.mark.parametrize("name", [name for name, flow in FLOWS.items() if flow.is_money])
def test_a_text_that_is_no_amount_is_a_refused_row(tmp_path: Path, name: str) -> None:
    flow = FLOWS[name]
    rows = [flow.line(n) for n in range(3)]
    rows[1][flow.number] = "on request"
    dress = Dressed([flow.header, *rows], {}, 1)
    found = flow.read(write(dress, tmp_path, "csv", random.Random(1)), dress.keys)
    assert len(found.numbers) == 2 and len(found.refused) == 1


@pytest.mark.parametrize("name", ["retail", "deliveries"])
def test_amounts_in_two_currencies_are_refused(tmp_path: Path, name: str) -> None:
    flow = FLOWS[name]
    rows = [flow.line(n) for n in range(2)]
    for row, sign in zip(rows, "£€", strict=True):
        row[flow.number] = sign + row[flow.number]
    dress = Dressed([flow.header, *rows], {}, 0)
    found = flow.read(write(dress, tmp_path, "csv", random.Random(1)), dress.keys)
    assert found.error is not None and "has amounts in £ and €" in found.error


def test_wind_rain_and_warmth_are_read_in_the_unit_that_is_set(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(
        "day,temperature_mean,precipitation_mm,snowfall_cm,wind_max_kmh\n2025-01-01,50,1,2,10\n"
    )
    config = WeatherSource(
        kind="files", path=str(tmp_path / "A.csv"), columns={"day": "day"},
        temperature_unit="fahrenheit", precipitation_unit="inch", wind_unit="ms",
    )  # fmt: skip
    (row,) = fetch_weather(config, [plain_centre("A")], *DAYS, now=NOW).rows.to_dict("records")
    names = ("temperature_mean", "precipitation_mm", "snowfall_cm", "wind_max_kmh")
    assert [row[name] for name in names] == pytest.approx([10.0, 25.4, 5.08, 36.0])


def test_percent_signs_of_occupancy_are_read() -> None:
    from flow_platform.flows.traffic.readings import occupancy_of

    assert occupancy_of("6.4 %") == (6.4, None)


def test_a_distance_whose_unit_nobody_knows_is_refused_with_the_key(tmp_path: Path) -> None:
    header = "pickup_at,dropoff_at,pickup_zone,dropoff_zone,trip_distance,total"
    path = tmp_path / "trips.csv"
    path.write_text(f"{header}\n2025-01-02 10:00:00,2025-01-02 10:20:00,4,7,5,10\n")
    error = trips(path, {}).error
    assert error is not None and "distance_miles or to distance_km" in error
    assert trips(path, {"columns": {"distance_km": "trip_distance"}}).numbers == [10.0]
