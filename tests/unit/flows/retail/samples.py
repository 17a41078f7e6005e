"""Invoice lines in the shapes in which they come: both headers, CSV, Parquet and Excel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.source import RetailLanding, read_retail
from tests.unit.sources.samples import NOW

KEY = b"a key for tests"
FIRST, LAST = date(2010, 1, 4), date(2010, 1, 9)
# The two headers that the shop's files have.
NEW = (
    *("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price"),
    *("Customer ID", "Country"),
)
OLD = (
    *("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice"),
    *("CustomerID", "Country"),
)
UK, FRANCE = "United Kingdom", "France"

LINES: list[tuple[Any, ...]] = [
    ("489434", "85048", "LIGHTS, 15CM", 12, "2010-01-04 07:45:00", 6.95, 13085, UK),
    ("489434", "79323P", "CHERRY LIGHTS", 12, "2010-01-04 07:45:00", 6.75, 13085, UK),
    ("489434", "79323P", "CHERRY LIGHTS", 12, "2010-01-04 07:45:00", 6.75, 13085, UK),
    ("489435", "22041", "RECORD FRAME", 4, "2010-01-04 09:00:00", 2.1, None, UK),
    ("C489436", "22041", "RECORD FRAME", -4, "2010-01-04 10:00:00", 2.1, 15311, UK),
    ("A489437", "B", "Adjust bad debt", 1, "2010-01-05 11:00:00", -53.5, None, UK),
    ("489438", "20000", "damaged", -9, "2010-01-05 12:00:00", 0.0, None, UK),
    ("489439", "20001", "gift", 3, "2010-01-05 12:30:00", 0.0, None, UK),
    ("489440", "85048", "LIGHTS, 15CM", 2, "2010-01-06 07:45:00", 6.95, 12682, FRANCE),
    ("489441", "POST", "POSTAGE", 1, "2010-01-07 07:45:00", 18.0, 12682, FRANCE),
]


def frame(lines: Sequence[Sequence[Any]] = LINES, names: Sequence[str] = NEW) -> pd.DataFrame:
    made = pd.DataFrame([list(line) for line in lines], columns=list(names))
    made[names[6]] = made[names[6]].astype("Int64")
    return made


def write(path: Path, made: pd.DataFrame) -> Path:
    if path.suffix == ".csv":
        made.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        made.to_parquet(path)
    else:
        made.to_excel(path, index=False)
    return path


def read(
    pattern: Path | str,
    first: date = FIRST,
    last: date = LAST,
    countries: Sequence[str] = (UK, FRANCE),
    **more: Any,
) -> RetailLanding:
    config = RetailSource(kind="files", path=str(pattern), **more)
    return read_retail(config, first, last, countries, key=KEY, now=NOW, seed=1)


def content(landing: RetailLanding) -> pd.DataFrame:
    """The stored lines without where they stood, in one order."""
    rows = landing.rows.drop(columns=["source_file", "source_line"])
    rows["customer"] = rows["customer"].fillna("")
    return rows.sort_values(list(rows.columns), ignore_index=True)


def balances(landing: RetailLanding) -> bool:
    return all(
        file.rows_read == file.rows_stored + file.rows_quarantined
        and file.rows_in_file == file.rows_read + file.rows_left + file.rows_repeated
        for file in landing.files
    )
