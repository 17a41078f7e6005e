"""A day some of whose rows were refused: marked in every flow, left out of training and accuracy,
and whole again once its file is corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flow_platform.assets.dbt import build_arguments, partial_days_variables, window_variables
from flow_platform.flows.catalogue import flow_named
from flow_platform.flows.deliveries.scoring import read_for_months as orders_for_months
from flow_platform.flows.trips.loading import load_zones
from flow_platform.flows.trips.scoring import SCORING
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.case import Case
from flow_platform.stages.daily import read_history
from flow_platform.stages.drift import measure_rectangle
from flow_platform.stages.hourly import read_hours
from flow_platform.stages.loading import Balance
from tests.conftest import new_settings
from tests.delivery_tables import ORDERS, write_tables
from tests.unit.flows.retail.samples import NEW

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CENTRES = """centre_id,name,latitude,longitude,country,subdivision,school_zone,timezone
A,Here,48.9,2.3,FR,,C,Europe/Paris
B,There,45.7,4.9,FR,,A,Europe/Paris
"""
SOURCES = """
[parcels]
kind = "files"
path = "parcels/*.csv"
[retail]
kind = "files"
path = "retail/*.csv"
[traffic]
kind = "files"
path = "traffic/*.csv"
time_zone = "UTC"
columns = {centre_id = "centre_id", counted_at = "counted_at", vehicles = "vehicles"}
[trips]
kind = "files"
path = "trips/*.parquet"
zones = "zones.csv"
[deliveries]
kind = "files"
path = "deliveries"
country = "BR"
"""
ZONES = "LocationID,Borough,Zone\n4,Manhattan,Alphabet City\n7,Queens,Astoria\n"


# -- the files of each flow ----------------------------------------------------------------------


def _parcels(folder: Path, is_bad: bool) -> None:
    """Three lorries a day and centre."""
    rows = [
        f"{centre},2025-03-0{day},{10 * day + lorry}"
        for centre in "AB"
        for day in (3, 4, 5)
        for lorry in range(3)
    ]
    if is_bad:
        rows[rows.index("A,2025-03-04,41")] = "A,2025-03-04,4l"
    (folder / "counts.csv").write_text("\n".join(["centre_id,day,parcels", *rows, ""]))


def _retail(folder: Path, is_bad: bool) -> None:
    rows = [
        (
            f"{day}{line}",
            "22041",
            "FRAME",
            line + 1,
            f"2025-03-0{day} 09:00:00",
            2.5,
            17850,
            country,
        )
        for country in ("France", "United Kingdom")
        for day in (3, 4, 5)
        for line in range(4)
    ]
    lines = pd.DataFrame(rows, columns=list(NEW)).astype({"Quantity": object})
    if is_bad:
        lines.loc[5, "Quantity"] = "two"
    lines.to_csv(folder / "lines.csv", index=False)


def _traffic(folder: Path, is_bad: bool) -> None:
    hours = pd.date_range("2025-03-03 01:00", "2025-03-06 00:00", freq="h")
    rows = [f"{counter},{at:%Y-%m-%d %H:%M},{at.hour}" for counter in (1, 2) for at in hours]
    if is_bad:
        rows[rows.index("1,2025-03-04 12:00,12")] = "1,2025-03-04 12:00,-12"
    (folder / "hours.csv").write_text("\n".join(["centre_id,counted_at,vehicles", *rows, ""]))


def _trips(folder: Path, is_bad: bool) -> None:
    """Ten trips a day and borough: three of one day are none, and one of another, as is usual."""
    pickup = [
        pd.Timestamp(f"2025-03-0{day} {10 + number}:00")
        for _ in (4, 7)
        for day in (3, 4, 5)
        for number in range(10)
    ]
    frame = pd.DataFrame(
        {
            "lpep_pickup_datetime": pd.Series(pickup).astype("datetime64[us]"),
            "lpep_dropoff_datetime": pd.Series(pickup).astype("datetime64[us]")
            + pd.Timedelta(minutes=14),
            "PULocationID": [4] * 30 + [7] * 30,
            "DOLocationID": 7,
            "passenger_count": 1.0,
            "trip_distance": 3.5,
            "fare_amount": 15.0,
            "total_amount": 19.5,
        }
    )
    frame.loc[20, "trip_distance"] = 0.0
    if is_bad:
        frame.loc[[11, 13, 15], "trip_distance"] = 0.0
    frame.to_parquet(folder / "green_tripdata_2025-03.parquet")


def _deliveries(folder: Path, is_bad: bool) -> None:
    """Two orders of SP on a day, of which one may be delivered before it was placed."""
    # The last has no items, and would be refused.
    orders = write_tables(folder).set_index("order_id").drop("o4")
    orders.loc["o2", "order_purchase_timestamp"] = "2018-03-05 11:00:00"
    orders.loc["o2", "order_approved_at"] = "2018-03-05 11:30:00"
    if is_bad:
        orders.loc["o2", "order_delivered_customer_date"] = "2018-03-04 15:00:00"
    orders.reset_index().to_csv(folder / ORDERS, index=False)


# -- what training reads: the days of it ---------------------------------------------------------


def _daily(case: Case, days: Rectangle) -> set[tuple[str, date]]:
    found = read_history(case, days.last_day).actuals
    return set(zip(found["unique_id"], found["ds"].dt.date, strict=True))


def _hours(case: Case, days: Rectangle) -> set[tuple[str, Any]]:
    found = read_hours(case, days.centres, days.first_day, days.last_day).actuals
    return set(zip(found["unique_id"], found["ds"], strict=True))


def _trip_days(case: Case, days: Rectangle) -> set[tuple[str, Any]]:
    found = SCORING.read(case, days.first_day, days.last_day)
    return set(zip(found.inputs.pickup_zone.tolist(), found.day.tolist(), strict=True))


def _orders(case: Case, days: Rectangle) -> set[tuple[str, Any]]:
    month = date(2018, 4, 1)
    return {("", one) for one in orders_for_months(case, month, month).order_id}


# -- predictions, of which the accuracy is measured ----------------------------------------------


def _forecasts(flow: str, centres: tuple[str, ...], step: str) -> str:
    """A forecast of every day, or hour, of the three days, issued the step before."""
    rows = "generate_series(timestamptz '2025-03-03 00:00Z', '2025-03-05 23:00Z', '1 {step}') as at"
    return (
        "insert into ml.forecasts (flow, measure, centre_id, day, date, target_at, horizon,"
        " issued_at, prediction, lower_80, upper_80, lower_95, upper_95, model_version)"
        f" select '{flow}', '{flow_named(flow).measures[0]}', centre_id, at::date - 1, at::date,"
        " at, 1 + extract(hour from at), at - interval '1 hour', 5, 5, 5, 5, 5, 'v'"
        f" from unnest(array{list(centres)}) as centre_id, {rows.format(step=step)}"
    )


_TRIP_SCORES = (
    "insert into ml.trips_scores (trip_id, centre_id, day, pickup_at, model, predicted_minutes,"
    " lower_80, upper_80, model_version)"
    " select trip_id, centre_id, day, pickup_at, 'default', 10, 9, 11, 'v' from merged.trips"
)
_ORDER_SCORES = (
    "insert into ml.deliveries_scores (order_id, centre_id, day, stage, scored_at, predicted_days,"
    " lower_80, upper_80, late_probability, threshold, reasons, model_version, late_version)"
    " select order_id, centre_id, day, 'approved', approved_at, 5, 4, 6, 0.1, 0.2, '[]', 'v', 'v'"
    " from merged.deliveries where approved_at is not null"
)


@dataclass(frozen=True)
class Sample:
    """A flow with files of three days; `marked` is the centre and day that lack a row.

    `trained` gives what training reads, `left_out` what of it belongs to a day that is not whole,
    `predicted` is SQL that makes predictions, `measures` are the models of its accuracy.
    """

    flow: str
    write: Callable[[Path, bool], None]
    days: Rectangle
    marked: tuple[str, date]
    trained: Callable[[Case, Rectangle], set[tuple[str, Any]]]
    left_out: set[tuple[Any, Any]]
    predicted: str
    measures: tuple[str, ...] = ("accuracy",)


FOURTH = date(2025, 3, 4)
MARCH = (date(2025, 3, 3), date(2025, 3, 5))
SAMPLES = [
    Sample(
        "parcels",
        _parcels,
        Rectangle(("A", "B"), *MARCH),
        ("A", FOURTH),
        _daily,
        {("A", FOURTH)},
        _forecasts("parcels", ("A", "B"), "day"),
    ),
    Sample(
        "retail",
        _retail,
        Rectangle(("France", "United Kingdom"), *MARCH),
        ("France", FOURTH),
        _daily,
        {("France", FOURTH)},
        _forecasts("retail", ("France", "United Kingdom"), "day"),
    ),
    Sample(
        "traffic",
        _traffic,
        Rectangle(("1", "2"), *MARCH),
        ("1", FOURTH),
        _hours,
        {("1", pd.Timestamp("2025-03-04 12:00"))},
        _forecasts("traffic", ("1", "2"), "hour"),
    ),
    Sample(
        "trips",
        _trips,
        Rectangle(("Manhattan", "Queens"), *MARCH),
        ("Manhattan", FOURTH),
        _trip_days,
        {(4, (FOURTH - date(1970, 1, 1)).days)},
        _TRIP_SCORES,
        ("calibration", "accuracy"),
    ),
    Sample(
        "deliveries",
        _deliveries,
        Rectangle(("MG", "RJ", "SP"), date(2018, 3, 1), date(2018, 3, 31)),
        ("SP", date(2018, 3, 5)),
        _orders,
        {("", "o0"), ("", "o2")},
        _ORDER_SCORES,
        ("calibration", "accuracy"),
    ),
]


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    home.mkdir()
    (home / "centres.csv").write_text(CENTRES)
    (home / "sources.toml").write_text(SOURCES)
    (home / "zones.csv").write_text(ZONES)
    for sample in SAMPLES:
        (home / sample.flow).mkdir()
        sample.write(home / sample.flow, True)
    return home


@pytest.fixture(scope="module")
def platform(folder: Path) -> Iterator[Platform]:
    chosen = installed(folder)
    prepare(chosen)
    load_calendar(chosen)
    load_zones(chosen)
    yield chosen


def installed(folder: Path) -> Platform:
    return Platform(
        new_settings(
            folder,
            sources=folder / "sources.toml",
            centres=folder / "centres.csv",
            first_day=date(2018, 1, 1),
        )
    )


def build(platform: Platform, sample: Sample, *models: str) -> None:
    platform.dbt.run(
        platform.server,
        build_arguments(models or [f"merged__{sample.flow}"]),
        partial_days_variables(platform) | window_variables(sample.days),
    )


def load(platform: Platform, sample: Sample) -> Balance:
    """Load the flow's files and merge its days."""
    balance = parts_of(flow_named(sample.flow)).raw.load(platform, sample.days)
    assert balance.rows_read == balance.rows_stored + balance.rows_quarantined
    build(platform, sample)
    return balance


def marks(platform: Platform, sample: Sample) -> set[tuple[str, date]]:
    found = platform.store("flow_dashboard").read(
        f"select centre_id, day from published.days_not_whole where flow = '{sample.flow}'"
    )
    return set(zip(found["centre_id"], found["day"].dt.date, strict=True))


def merged(platform: Platform, sample: Sample, is_whole: bool) -> set[tuple[str, date]]:
    found = platform.store("admin").read(
        f"select distinct centre_id, day from merged.{sample.flow} where is_whole = {is_whole}"
    )
    return set(zip(found["centre_id"], found["day"].dt.date, strict=True))


def case_of(platform: Platform, sample: Sample) -> Case:
    flow = flow_named(sample.flow)
    return Case(platform, flow, flow.measures[0])


@contextmanager
def using_partial_days(folder: Path, sample: Sample) -> Iterator[Platform]:
    """The installation while its sources.toml has partial_days = "use" for the flow."""
    sources = folder / "sources.toml"
    text, section = sources.read_text(), f"[{sample.flow}]\n"
    sources.write_text(text.replace(section, f'{section}partial_days = "use"\n'))
    yield installed(folder)
    sources.write_text(text)


EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.flow)


@EACH
def test_a_day_that_lacks_rows_is_marked_until_its_file_is_corrected(
    platform: Platform, folder: Path, sample: Sample
) -> None:
    sample.write(folder / sample.flow, True)
    # The second load changes nothing.
    for _ in range(2):
        assert load(platform, sample).days_not_whole == 1
        assert marks(platform, sample) == {sample.marked}
        assert merged(platform, sample, is_whole=False) == {sample.marked}
        loads = platform.store("flow_dashboard").read(
            f"select sum(days_not_whole) as days from published.loads where flow = '{sample.flow}'"
        )
        assert loads["days"].tolist() == [1]
    sample.write(folder / sample.flow, False)
    assert load(platform, sample).days_not_whole == 0
    assert marks(platform, sample) == set()
    assert merged(platform, sample, is_whole=False) == set()


@EACH
def test_training_leaves_out_what_is_not_whole_unless_it_is_to_be_used(
    platform: Platform, folder: Path, sample: Sample
) -> None:
    case = case_of(platform, sample)
    sample.write(folder / sample.flow, True)
    load(platform, sample)
    seen = sample.trained(case, sample.days)
    assert seen and not seen & sample.left_out
    with using_partial_days(folder, sample) as using:
        used = sample.trained(case_of(using, sample), sample.days)
    # An hour of which the only reading was refused cannot be used.
    assert bool(used & sample.left_out) == (sample.flow != "traffic")
    sample.write(folder / sample.flow, False)
    load(platform, sample)
    assert sample.trained(case, sample.days) == seen | sample.left_out


@EACH
def test_accuracy_leaves_out_what_is_not_whole_unless_it_is_to_be_used(
    platform: Platform, folder: Path, sample: Sample
) -> None:
    sample.write(folder / sample.flow, False)
    load(platform, sample)
    with platform.store("admin").connect() as connection:
        connection.execute(sample.predicted)
    whole = measured(platform, sample)
    assert sample.marked in whole
    sample.write(folder / sample.flow, True)
    load(platform, sample)
    found = measured(platform, sample)
    assert {cell: n for cell, n in found.items() if cell != sample.marked} == {
        cell: n for cell, n in whole.items() if cell != sample.marked
    }
    if sample.flow == "traffic":
        # The other hours of the day are whole.
        assert found[sample.marked] == whole[sample.marked] - 1
        return
    assert sample.marked not in found
    with using_partial_days(folder, sample) as using:
        assert sample.marked in measured(using, sample)


def measured(platform: Platform, sample: Sample) -> dict[tuple[str, date], int]:
    """How many predictions of each centre and day have an error."""
    build(platform, sample, *(f"monitoring__{sample.flow}_{name}" for name in sample.measures))
    counted = {"traffic": "forecasts", "trips": "trips", "deliveries": "orders"}
    number = f"sum({counted[sample.flow]})" if sample.flow in counted else "count(*)"
    found = platform.store("admin").read(
        f"select centre_id, day, {number} as n from monitoring.{sample.flow}_accuracy"
        " group by centre_id, day"
    )
    cells = zip(found["centre_id"], found["day"].dt.date, strict=True)
    return dict(zip(cells, found["n"].astype(int).tolist(), strict=True))


@pytest.mark.parametrize(("flow", "columns"), [("parcels", "7.0"), ("trips", "'x'")])
def test_drift_is_measured_without_what_is_not_whole(
    platform: Platform, flow: str, columns: str
) -> None:
    last = date(2024, 12, 31)
    name = "parcels" if flow == "parcels" else "trip_id"
    values = []
    with platform.store("admin").connect() as connection:
        connection.execute(
            f"insert into merged.{flow} (centre_id, day, {name}, is_whole)"
            f" select 'A', day::date, {columns}, true from"
            " generate_series(date '2024-06-01', date '2024-12-31', '1 day') as day"
        )
    for day in ("2024-12-30", "2024-12-29"):
        measure_rectangle(platform, flow_named(flow), Rectangle(("A",), last, last))
        drift = platform.store("admin").read(
            f"select n_current from monitoring.drift where flow = '{flow}' and feature = '{flow}'"
            f" and centre_id = 'A' and day = '{last}'"
        )
        values.append(drift["n_current"].item())
        with platform.store("admin").connect() as connection:
            connection.execute(
                f"update merged.{flow} set is_whole = false where centre_id = 'A' and day = %s",
                (day,),
            )
    assert values[0] > 0 and values[1] == values[0] - 1
