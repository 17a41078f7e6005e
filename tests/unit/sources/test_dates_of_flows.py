"""Every flow reads days and moments in the same forms, and refuses what may be another day."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.flows.deliveries.source import read_deliveries
from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.source import read_retail
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.source import read_trips
from flow_platform.flows.trips.zones import Zone
from flow_platform.ground.record_columns import RecordColumns
from flow_platform.sources.daily_counts import read_daily_counts
from flow_platform.sources.dates import UndecidedDatesError
from flow_platform.sources.record_rows import read_records
from flow_platform.sources.weather_files import read_weather_files
from flow_platform.sources.weather_options import WeatherSource
from tests.unit.sources.samples import NOW, plain_centre

FIRST, LAST = date(2005, 1, 2), date(2026, 5, 30)


@dataclass(frozen=True)
class Found:
    """What a flow made of a folder: the UTC moments (or days) of its rows, and its refusals."""

    stored: list[pd.Timestamp]
    refusals: list[str]
    is_whole: bool = False


# Of each flow: files of these times, a file a list; what the flow reads out of them.
Reader = Callable[[Path, Sequence[Sequence[str]], str | None], Found]


def _write(folder: Path, files: Sequence[Sequence[str]], header: str, row: str) -> None:
    for number, times in enumerate(files):
        rows = [row.format(at=at, n=f"{number}{place}") for place, at in enumerate(times)]
        (folder / f"{number}.csv").write_text("\n".join([header, *rows, ""]))


def parcels(folder: Path, files: Sequence[Sequence[str]], date_format: str | None) -> Found:
    _write(folder, files, "centre_id,day,parcels,place", '1,"{at}",1,{n}')
    config = ParcelsSource(kind="files", path=str(folder / "*.csv"), date_format=date_format)
    centres = [plain_centre("1", "UTC")]
    return found(read_daily_counts(config, "parcels", centres, FIRST, LAST, ["1"], now=NOW), "day")


def retail(folder: Path, files: Sequence[Sequence[str]], date_format: str | None) -> Found:
    names = ("invoice", "stock_code", "quantity", "sold_at", "price", "customer", "country")
    _write(folder, files, ",".join(names), '{n},x,1,"{at}",1,c,France')
    config = RetailSource(
        kind="files",
        path=str(folder / "*.csv"),
        date_format=date_format,
        columns={name: name for name in names},
        # Iceland has the clock of UTC.
        shop_country="IS",
    )
    key = b"k" * 32
    return found(read_retail(config, FIRST, LAST, ["France"], key=key, now=NOW, seed=1), "sold_at")


def traffic(folder: Path, files: Sequence[Sequence[str]], date_format: str | None) -> Found:
    _write(folder, files, "centre_id,counted_at,vehicles", 'a{n},"{at}",1')
    config = TrafficSource(
        kind="files", path=str(folder / "*.csv"), date_format=date_format, time_zone="UTC"
    )
    ids = [f"a{number}{place}" for number, one in enumerate(files) for place in range(len(one))]
    return found(read_traffic(config, (), FIRST, LAST, ids, now=NOW, centres=[]), "counted_at")


def records(folder: Path, files: Sequence[Sequence[str]], date_format: str | None) -> Found:
    _write(folder, files, "claim_id,centre_id,opened_at,ended_at,amount", '{n},1,"{at}",,')
    config = ParcelsSource(kind="files", path=str(folder / "*.csv"), date_format=date_format)
    columns = RecordColumns("claim_id", "opened_at", "amount")
    centres = [plain_centre("1", "UTC")]
    return found(read_records(config, columns, centres, FIRST, LAST, ["1"], now=NOW), "opened_at")


def found(landing: object, name: str) -> Found:
    rows, rejected, files = landing.rows, landing.rejected, landing.files  # type: ignore[attr-defined]
    errors = [file.error for file in files if file.error]
    for file in files:
        assert file.rows_in_file == file.rows_stored + file.rows_quarantined
    stored = pd.to_datetime(rows[name], utc=True).tolist()
    whole = landing.is_refused  # type: ignore[attr-defined]
    assert not whole or (not stored and len(errors) == 1)
    return Found(stored, [*errors, *rejected["reason"]], whole)


def deliveries(folder: Path, files: Sequence[Sequence[str]], date_format: str | None) -> Found:
    """Orders that are promised for the moment in which they are placed."""
    _write(
        *(
            folder,
            files,
            "order_id,customer_id,order_status,order_purchase_timestamp,order_estimated_delivery_date",
        ),
        'o{n},c,created,"{at}","{at}"',
    )
    for number in range(len(files)):
        (folder / f"{number}.csv").rename(folder / f"shop_orders_{number}.csv")
    orders = [f"o{number}{place}" for number, one in enumerate(files) for place in range(len(one))]
    (folder / "customers.csv").write_text(
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_state\nc,p,1,SP\n"
    )
    items = [f"{one},1,x,s,1,1" for one in orders]
    (folder / "items.csv").write_text(
        "\n".join(["order_id,order_item_id,product_id,seller_id,price,freight_value", *items, ""])
    )
    config = DeliveriesSource(kind="files", path=str(folder), date_format=date_format)
    try:
        reading = read_deliveries(config, FIRST, LAST, ("SP",), timezone="UTC", now=NOW)
    except UndecidedDatesError as error:
        return Found([], [str(error)], True)
    own = [row.reason for row in reading.rejects() if not row.reason.startswith("unknown_order")]
    own = [reason for reason in own if not reason.startswith("order_rejected")]
    return Found(pd.to_datetime(reading.asked["placed_at"], utc=True).tolist(), own)


def trips(folder: Path, files: Sequence[Sequence[str]], date_format: str | None) -> Found:
    """Trips that begin at the times; all end three days later, so that none is a good one."""
    header = "pickup_at,dropoff_at,pickup_zone,dropoff_zone,distance_km"
    for number, times in enumerate(files):
        rows = [f'"{at}","{at}",4,4,1' for at in times]
        (folder / f"{number}.csv").write_text("\n".join([header, *rows, ""]))
    config = TripsSource(
        kind="files", path=str(folder / "*.csv"), zones="unread.csv", date_format=date_format
    )
    reading = read_trips(config, (Zone(4, "A", "A"),), "UTC", FIRST, LAST, ["A"])
    frames = [
        frame for block in reading.blocks() for file in block.rejected for frame in file.frames()
    ]
    if reading.is_refused:
        return Found([], [str(file.error) for file in reading.files], True)
    rejected = pd.concat(frames, ignore_index=True)
    # A trip that is over as it begins was read; its day is the row's.
    read = rejected["reason"].str.startswith("not_after")
    days = pd.to_datetime(rejected.loc[read, "day"], utc=True).tolist()
    return Found(days, rejected.loc[~read, "reason"].tolist())


DAYS: dict[str, Reader] = {"parcels": parcels}
MOMENTS: dict[str, Reader] = {
    "retail": retail,
    "traffic": traffic,
    "records": records,
    "deliveries": deliveries,
    "trips": trips,
}
FLOWS: dict[str, Reader] = {**DAYS, **MOMENTS}


def read(flow: str, *files: Sequence[str], date_format: str | None = None) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        return FLOWS[flow](Path(folder), files, date_format)


def days(result: Found) -> list[date]:
    return sorted(at.date() for at in result.stored)


every_flow = pytest.mark.parametrize("flow", sorted(FLOWS))


@every_flow
@pytest.mark.parametrize(
    "written",
    [
        *("2024-01-05 14:00:00", "2024/01/05 14:00", "5.1.2024 14:00", "2024-01-05 02:00 PM"),
        *("5 Jan 2024 14:00", "Jan 5, 2024 2:00 PM", "202401051400", "2024-01-05T14:00:00Z"),
        *("2024-01-05T15:00:00+01:00", "20240105140000", "2024-1-5 14:00"),
    ],
)
def test_a_time_that_can_be_only_one_is_read(flow: str, written: str) -> None:
    result = read(flow, [written])
    assert (days(result), result.refusals) == ([date(2024, 1, 5)], [])


@every_flow
@pytest.mark.parametrize(
    "written",
    [
        *("45296.5", "45296", "1704463200", "1704463200000", "202401", "2024-W05", "2024-W05-1"),
        *("2024W05", "2024-036", "2024-01", "05/01/24 14:00", "2024010514"),
    ],
)
def test_what_only_looks_like_a_time_is_refused_and_names_the_key(flow: str, written: str) -> None:
    result = read(flow, [written])
    assert result.stored == []
    assert len(result.refusals) == 1 and "date_format" in result.refusals[0]


@every_flow
def test_24_o_clock_is_midnight_of_the_next_day(flow: str) -> None:
    for written in ("2024-01-31 24:00:00", "2024-01-31 24:00", "2024-01-31T24:00:00Z"):
        result = read(flow, [written, written.replace("01-31", "02-02").replace("24:", "12:")])
        assert (days(result), result.refusals) == ([date(2024, 2, 1), date(2024, 2, 2)], [])


@pytest.mark.parametrize("flow", sorted(MOMENTS))
def test_offsets_that_change_with_the_clocks_are_moments_in_utc(flow: str) -> None:
    written = [
        "2024-03-31T01:00:00+01:00",
        "2024-03-31T03:00:00+02:00",
        "2024-10-27T02:00:00+02:00",
        "2024-10-27T02:00:00+01:00",
    ]
    result = read(flow, written)
    assert result.refusals == []
    if flow != "trips":
        assert sorted(at.hour for at in result.stored) == [0, 0, 1, 1]
    assert len(set(days(result))) == 2


def test_offsets_that_change_with_the_clocks_are_local_days(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "centre_id,day,parcels\n1,2024-03-31T00:00+01:00,1\n1,2024-04-01T00:00+02:00,2\n"
        "1,2024-10-27T00:00:00+02:00,3\n1,2024-10-28T00:00:00+01:00,4\n"
    )
    config = ParcelsSource(kind="files", path=str(tmp_path / "a.csv"))
    landing = read_daily_counts(config, "parcels", [plain_centre("1")], FIRST, LAST, ["1"], now=NOW)
    found = dict(
        zip(landing.rows["parcels"], landing.rows["day"].dt.strftime("%m-%d"), strict=True)
    )
    assert found == {1: "03-31", 2: "04-01", 3: "10-27", 4: "10-28"}


@every_flow
def test_the_order_is_that_of_the_whole_source(flow: str) -> None:
    ambiguous = ["05/01/2024 14:00", "06/01/2024 15:00"]
    by_day = read(flow, ambiguous, ["13/01/2024 14:00"])
    assert days(by_day) == [date(2024, 1, day) for day in (5, 6, 13)]
    by_month = read(flow, ambiguous, ["01/13/2024 14:00"])
    assert days(by_month) == [date(2024, 1, 13), date(2024, 5, 1), date(2024, 6, 1)]


@every_flow
@pytest.mark.parametrize(
    "other", [[], ["2024-01-25 14:00"], ["13/01/2024 1:00", "01/13/2024 1:00"]]
)
def test_a_source_of_unknown_order_is_refused_as_a_whole(flow: str, other: list[str]) -> None:
    result = read(flow, ["05/01/2024 14:00", "06/01/2024 15:00"], other)
    assert result.is_whole and result.stored == []
    assert len(result.refusals) == 1 and "date_format" in result.refusals[0]


@every_flow
@pytest.mark.parametrize(
    ("date_format", "written"),
    [
        ("day-first", "05/01/2024 2:00 PM"),
        ("month-first", "01/05/2024 14:00"),
        ("excel", "45296.583333333"),
        ("epoch", "1704463200"),
        ("epoch_ms", "1704463200000"),
        ("%d-%b-%y %H:%M", "05-Jan-24 14:00"),
    ],
)
def test_date_format_says_what_is_meant(flow: str, date_format: str, written: str) -> None:
    result = read(flow, [written], date_format=date_format)
    assert (days(result), result.refusals) == ([date(2024, 1, 5)], [])


WRITTEN = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M", "%Y%m%d%H%M%S"),
    *("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M", "%d-%b-%Y %H:%M"),
    *("%d/%m/%y %H:%M", "%G-W%V-%u", "%Y-%j", "%s", "%s000", "excel"),
)


def _in_form(at: datetime, form: str) -> str:
    if form == "excel":
        return str((at - datetime(1899, 12, 30, tzinfo=UTC)).total_seconds() / 86400)
    return at.strftime(form.replace("%s", str(int(at.timestamp()))))


@every_flow
@settings(deadline=None, max_examples=60)
@given(
    hours=st.lists(
        st.integers(int(datetime(2010, 1, 1).timestamp()) // 3600, 490_000), min_size=1, max_size=8
    ),
    form=st.sampled_from(WRITTEN),
    cut=st.integers(0, 8),
)
def test_times_in_any_form_are_these_times_or_one_refusal(
    flow: str, hours: list[int], form: str, cut: int
) -> None:
    moments = [datetime.fromtimestamp(3600 * hour, UTC) for hour in dict.fromkeys(hours)]
    written = [_in_form(at, form) for at in moments]
    files = [part for part in (written[:cut], written[cut:]) if part]
    result = read(flow, *files)
    if result.refusals:
        assert all("date_format" in refusal for refusal in result.refusals)
        assert result.stored == []
    elif flow in DAYS or flow == "trips":
        assert sorted(days(result)) == sorted(at.date() for at in moments)
    else:
        assert sorted(at.to_pydatetime() for at in result.stored) == sorted(moments)


# -- times that files hold as other types --------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([20240105, 20240106], 2),
        ([20240105.0, 20240106.0], 2),
        ([45296, 45297], 0),
        ([1704412800000, 1704499200000], 0),
    ],
)
def test_numbers_of_a_parquet_file_are_days_or_refused(
    tmp_path: Path, values: list[float], count: int
) -> None:
    table = pa.table({"centre_id": ["1", "1"], "day": values, "parcels": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    config = ParcelsSource(kind="files", path=str(tmp_path / "a.parquet"))
    landing = read_daily_counts(config, "parcels", [plain_centre("1")], FIRST, LAST, ["1"], now=NOW)
    assert len(landing.rows) == count
    assert landing.rejected["reason"].str.contains("date_format").sum() == 2 - count


def test_trips_of_numbers_are_refused_by_what_they_look_like(tmp_path: Path) -> None:
    table = {"pickup_at": [1704463200], "dropoff_at": [1704463800], "distance_km": [2.0]}
    zones = {"pickup_zone": [4], "dropoff_zone": [4]}
    pq.write_table(pa.table({**table, **zones}), tmp_path / "a.parquet")
    for date_format, stored in ((None, 0), ("epoch", 1)):
        config = TripsSource(
            kind="files", path=str(tmp_path / "a.parquet"), zones="x", date_format=date_format
        )
        reading = read_trips(config, (Zone(4, "A", "A"),), "UTC", FIRST, LAST, ["A"])
        assert sum(len(block.rows) for block in reading.blocks()) == stored
        errors = [file.error for file in reading.files if file.error]
        assert [error.count('date_format = "epoch"') for error in errors] == [1] * (1 - stored)


def test_an_export_of_new_york_has_its_months_first_as_long_as_no_row_contradicts(
    tmp_path: Path,
) -> None:
    header = "tpep_pickup_datetime,tpep_dropoff_datetime,PULocationID,DOLocationID,trip_distance"
    rows = ["01/05/2024 02:05:00 PM,01/05/2024 02:25:00 PM,4,4,2.5"]
    for more, expected in ((None, date(2024, 1, 5)), ("13/05/2024 02:05:00 PM", date(2024, 5, 1))):
        rows += [f"{more},13/05/2024 02:25:00 PM,4,4,2.5"] if more else []
        (tmp_path / "a.csv").write_text("\n".join([header, *rows, ""]))
        config = TripsSource(kind="files", path=str(tmp_path / "a.csv"), zones="x")
        reading = read_trips(config, (Zone(4, "A", "A"),), "UTC", FIRST, LAST, ["A"])
        found = [day for block in reading.blocks() for day in block.rows["day"].dt.date]
        assert found[0] == expected


# -- weather -------------------------------------------------------------------------------------


def _weather(folder: Path, *times: str) -> tuple[list[date], list[str]]:
    rows = [f"{at},{5 + place}" for place, at in enumerate(times)]
    (folder / "1.csv").write_text("\n".join(["day,warm", *rows, ""]))
    config = WeatherSource(
        kind="files",
        path=str(folder / "1.csv"),
        columns={"day": "day", "temperature_mean": "warm"},
    )
    result = read_weather_files(config, [plain_centre("1")], FIRST, LAST)
    return sorted(result.rows["target_day"].dt.date), [
        *result.warnings,
        *result.rejected["reason"],
    ]


def test_weather_of_numbers_is_of_these_days_or_named_in_a_warning(tmp_path: Path) -> None:
    assert _weather(tmp_path, "20240105")[0] == [date(2024, 1, 5)]
    for other in ("45296", "1704412800", "2024-W05", "05/01/2024"):
        stored, words = _weather(tmp_path, other)
        assert stored == []
        assert any("date_format" in one or "ISO week" in one for one in words)
    assert _weather(tmp_path, "05/01/2024", "13/01/2024")[0] == [
        date(2024, 1, 5),
        date(2024, 1, 13),
    ]


def test_weather_with_offsets_that_change_is_of_local_days(tmp_path: Path) -> None:
    stored, words = _weather(tmp_path, "2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00")
    assert stored == [date(2024, 3, 31), date(2024, 4, 1)] and words == []
