"""The official site's files: fetched whole, resumed, fetched again when changed, never half."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.taxi_site import Fetched, fetch_months, months_of
from flow_platform.ground.errors import SourceError
from tests.taxi_server import TaxiSite, taxi_site
from tests.unit.flows.trips.samples import trip, write

NOW = datetime(2023, 4, 10, 6, 0, tzinfo=UTC)
NAME = "green_tripdata_2023-01.parquet"
DAY = date(2023, 1, 15)


@pytest.fixture
def site() -> Iterator[TaxiSite]:
    with taxi_site() as found:
        yield found


@pytest.fixture
def body(tmp_path: Path, site: TaxiSite) -> bytes:
    """January as the site has it, of some thousand bytes."""
    path = write(tmp_path / "made.parquet", [trip(minutes=10 + n % 50) for n in range(400)])
    site.files[NAME] = path.read_bytes()
    return site.files[NAME]


def fetch(site: TaxiSite, folder: Path, day: date = DAY, **options: Any) -> Fetched:
    config = TripsSource(
        kind="http", zones="unread.csv", retries=2, back_off_seconds=0.0, url=site.url, **options
    )
    return fetch_months(config, day, day, folder / "bronze", now=NOW)


def test_a_month_is_fetched_once_and_its_checksum_kept(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    found = fetch(site, tmp_path)
    assert found.warnings == ()
    (path,) = found.files
    assert path == tmp_path / "bronze" / NAME and path.read_bytes() == body
    record = json.loads(path.with_name(f"{NAME}.json").read_text())
    assert record["sha256"] == hashlib.sha256(body).hexdigest()
    assert fetch(site, tmp_path).files == found.files
    # The second time the site answered that nothing has changed.
    assert len(site.asked) == 2 and "if-none-match" in site.asked[1][1]
    assert not list(path.parent.glob("*.part*"))


def test_a_connection_that_is_cut_is_resumed_where_it_stopped(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    site.faults = {0: ("cut", 1000), 1: ("cut", 500)}
    assert fetch(site, tmp_path).files[0].read_bytes() == body
    assert [headers.get("range") for _, headers in site.asked] == [
        None,
        "bytes=1000-",
        "bytes=1500-",
    ]
    assert all("if-range" in headers for _, headers in site.asked[1:])


def test_a_later_run_goes_on_where_a_broken_one_stopped(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    site.faults = {0: ("cut", 1000), 1: ("cut", 0), 2: ("cut", 0), 3: ("cut", 0)}
    with pytest.raises(SourceError, match="in a row") as caught:
        fetch(site, tmp_path)
    assert site.url in str(caught.value)
    assert not (tmp_path / "bronze" / NAME).exists()
    asked, site.faults = len(site.asked), {}
    assert fetch(site, tmp_path).files[0].read_bytes() == body
    assert [headers["range"] for _, headers in site.asked[asked:]] == ["bytes=1000-"]


def test_a_slow_line_that_brings_something_each_time_is_enough(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    site.faults = {number: ("cut", len(body) // 10) for number in range(9)}
    assert fetch(site, tmp_path).files[0].read_bytes() == body


@pytest.mark.parametrize("change", [{"ranges": False}, {"etags": False}, {"weak": True}])
def test_a_site_without_ranges_or_strong_validators_is_asked_for_the_whole(
    site: TaxiSite, body: bytes, tmp_path: Path, change: dict[str, bool]
) -> None:
    for name, value in change.items():
        setattr(site, name, value)
    site.faults = {0: ("cut", 1000)}
    assert fetch(site, tmp_path).files[0].read_bytes() == body


def test_a_file_that_changes_while_it_comes_is_not_put_together_of_two(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    site.faults = {0: ("cut", 1000), 1: ("cut", 0), 2: ("cut", 0), 3: ("cut", 0)}
    with pytest.raises(SourceError):
        fetch(site, tmp_path)
    site.files[NAME] = write(tmp_path / "new.parquet", [trip()] * 900).read_bytes()
    site.faults = {}
    assert fetch(site, tmp_path).files[0].read_bytes() == site.files[NAME]


def test_a_file_that_the_site_has_changed_is_fetched_anew(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    fetch(site, tmp_path)
    site.files[NAME] = write(tmp_path / "new.parquet", [trip(minutes=99)]).read_bytes()
    (path,) = fetch(site, tmp_path).files
    assert path.read_bytes() == site.files[NAME] != body


def test_a_file_that_was_changed_here_is_fetched_anew(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    (path,) = fetch(site, tmp_path).files
    path.write_bytes(body[:-5])
    assert fetch(site, tmp_path).files[0].read_bytes() == body
    assert "if-none-match" not in site.asked[1][1]


@pytest.mark.parametrize("fault", ["wrong range", 416])
def test_a_range_that_does_not_fit_begins_again(
    site: TaxiSite, body: bytes, tmp_path: Path, fault: Any
) -> None:
    site.faults = {0: ("cut", 1000), 1: fault}
    assert fetch(site, tmp_path).files[0].read_bytes() == body
    assert "range" not in site.asked[2][1]


def test_a_file_without_a_length_is_whole_when_its_footer_reads(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    site.faults = {0: "cut without length", 1: "no length"}
    assert fetch(site, tmp_path).files[0].read_bytes() == body


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<html>Welcome to our new site</html>", "<html>Welcome"), (b"PAR1 then cut", "damaged")],
)
def test_what_is_no_parquet_file_is_refused_and_not_kept(
    site: TaxiSite, tmp_path: Path, content: bytes, message: str
) -> None:
    site.files[NAME] = content
    with pytest.raises(SourceError, match="no Parquet file") as caught:
        fetch(site, tmp_path)
    assert message in str(caught.value)
    assert list((tmp_path / "bronze").glob("green*")) == []


@pytest.mark.parametrize("status", [404, 403])
def test_a_month_that_is_not_published_yet_is_a_warning(
    site: TaxiSite, body: bytes, tmp_path: Path, status: int
) -> None:
    site.faults = {1: status}
    found = fetch(site, tmp_path, date(2023, 1, 30))
    assert [path.name for path in found.files] == [NAME]
    (warning,) = found.warnings
    assert "2023-02.parquet is not published" in warning and str(status) in warning


def test_an_old_month_that_is_refused_is_an_error(site: TaxiSite, tmp_path: Path) -> None:
    site.faults = {0: 403}
    with pytest.raises(SourceError, match="HTTP 403"):
        fetch(site, tmp_path, date(2020, 5, 15))


def test_a_busy_site_is_asked_again_and_what_is_here_serves_meanwhile(
    site: TaxiSite, body: bytes, tmp_path: Path
) -> None:
    site.faults = {0: 503, 1: 429}
    assert fetch(site, tmp_path).files[0].read_bytes() == body
    site.faults = {number: 500 for number in range(3, 20)}
    found = fetch(site, tmp_path)
    assert found.files[0].read_bytes() == body
    assert "serves as it is" in found.warnings[0] and "HTTP 500" in found.warnings[0]


def test_a_site_that_is_not_there_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not answer") as caught:
        fetch(TaxiSite(url="http://127.0.0.1:9/trip-data"), tmp_path)
    assert "url in sources.toml" in str(caught.value)


def test_each_service_has_its_own_file(site: TaxiSite, body: bytes, tmp_path: Path) -> None:
    site.files["yellow_tripdata_2023-01.parquet"] = body
    found = fetch(site, tmp_path, services=["green", "yellow"])
    assert [path.name[:6] for path in found.files] == ["green_", "yellow"]


def test_the_months_of_a_day_are_those_that_may_bring_its_trips() -> None:
    middle, edge = date(2023, 1, 15), date(2023, 1, 31)
    assert months_of(middle, middle) == [date(2023, 1, 1)]
    assert months_of(edge, edge) == [date(2023, 1, 1), date(2023, 2, 1)]
    assert months_of(date(2023, 1, 1), edge) == [date(2022, 12, 1), *months_of(edge, edge)]
