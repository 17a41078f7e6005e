"""Whatever bytes a file has, `flow load check` ends in words and an exit code, never in a trace."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.delivery_tables import write_tables
from tests.unit.cli.looks import checked, ends_in_words

# Bytes of many kinds, for every flow.
pytestmark = pytest.mark.slow

FLOWS = ("parcels", "retail", "traffic", "trips", "deliveries")
# Headers that are right, so that junk reaches the judges too.
HEADERS = {
    "parcels": "centre_id,day,parcels",
    "retail": "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
    "traffic": "centre_id,counted_at,vehicles",
    "trips": "pickup_at,dropoff_at,pickup_zone,dropoff_zone,distance_km",
    "deliveries": "order_id,customer_id,order_purchase_timestamp,order_estimated_delivery_date",
}
SUFFIXES = (".csv", ".xlsx", ".parquet", ".xls", ".zip", ".gz", ".txt", "")
ODD_CELLS = (
    *("1", "-1", "1e400", "nan", "", "Total", "7.0", '"', "\0", "\x1b[0m"),
    *("2025-01-01", "2025-13-01", "2025-01-01 08:00", "2025-01-01 24:00"),
    *("0001-01-01 00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
)
CELLS = st.one_of(st.text(max_size=12), st.sampled_from(ODD_CELLS))


def check_path(flow: str, path: Path) -> None:
    done = checked(path, flow)
    assert ends_in_words(done), (done.exc_info, done.output)
    assert "Traceback" not in done.output and "\x1b" not in done.output


def check_bytes(flow: str, data: bytes, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"orders{suffix}"
        path.write_bytes(data)
        check_path(flow, path)


@pytest.mark.parametrize("flow", FLOWS)
@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=400), suffix=st.sampled_from(SUFFIXES))
@example(data=b"\xff\xfe", suffix=".csv")
@example(data=b"PK\x03\x04", suffix=".xlsx")
@example(data=b"\x1f\x8b\x08", suffix=".gz")
@example(data=b"\n\n\n", suffix=".csv")
def test_junk_never_ends_in_a_trace(flow: str, data: bytes, suffix: str) -> None:
    check_bytes(flow, data, suffix)


@pytest.mark.parametrize("flow", FLOWS)
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(CELLS, max_size=9), max_size=6), separator=st.sampled_from(",;\t"))
@example(rows=[["0001-01-01 00:00:00+14:00", "9999-12-31T23:59:59-12:00"] * 2], separator=",")
def test_junk_below_a_right_header_never_ends_in_a_trace(
    flow: str, rows: list[list[str]], separator: str
) -> None:
    lines = [HEADERS[flow].replace(",", separator), *(separator.join(row) for row in rows)]
    check_bytes(flow, "\n".join(lines).encode("utf-8", "surrogatepass"), ".csv")


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=8, max_size=8), max_size=6), place=st.integers(0, 4))
def test_junk_among_the_tables_of_a_marketplace_never_ends_in_a_trace(
    rows: list[list[str]], place: int
) -> None:
    with TemporaryDirectory() as folder:
        write_tables(Path(folder))
        tables = sorted(Path(folder).glob("*.csv"))
        table = tables[place % len(tables)]
        junk = "\n".join(",".join(row) for row in rows)
        with table.open("a", encoding="utf-8", errors="surrogatepass") as file:
            file.write(junk)
        check_path("deliveries", Path(folder))
