"""A small retail rectangle on a real PostgreSQL: however its files come, the same rows come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.retail.flow import RETAIL
from flow_platform.flows.retail.stage import load_retail
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.unit.flows.retail.samples import FRANCE, NEW, OLD, UK

pytestmark = pytest.mark.integration

# Monday 5 July 2010 on: France begins on Tuesday, Thursday is closed, Friday only sends back.
LINES = [
    ("1", "22041", "FRAME", 4, "2010-07-05 09:00:00", 2.5, "17850", UK),
    ("1", "22041", "FRAME", 4, "2010-07-05 09:00:00", 2.5, "17850", UK),
    ("2", "22042", "LAMP", 1, "2010-07-05 10:00:00", 10.0, None, UK),
    ("C3", "22042", "LAMP", -1, "2010-07-05 11:00:00", 10.0, "17850", UK),
    ("4", "22041", "FRAME", 2, "2010-07-06 09:00:00", 2.5, "12682", FRANCE),
    ("5", "22041", "FRAME", 6, "2010-07-07 09:00:00", 2.5, "17850", UK),
    ("C6", "22041", "FRAME", -6, "2010-07-09 09:00:00", 2.5, "17850", UK),
    ("7", "22041", "FRAME", 1, "2010-07-10 23:30:00", 2.5, "17850", UK),
]
KEYS = Rectangle((FRANCE, UK), date(2010, 7, 5), date(2010, 7, 10))


@pytest.fixture(scope="module")
def home(scratch: Path) -> Iterator[Path]:
    folder = scratch / "retail"
    (folder / "in").mkdir(parents=True)
    frame().to_csv(folder / "in" / "a.csv", index=False)
    (folder / "sources.toml").write_text('[retail]\nkind = "files"\npath = "in/*"\n')
    yield folder
    embedded.stop(folder)


@pytest.fixture(scope="module")
def platform(home: Path) -> Platform:
    chosen = Platform(new_settings(home, sources=home / "sources.toml", first_day=date(2010, 7, 1)))
    prepare(chosen)
    load_calendar(chosen)
    return chosen


def frame(names: Sequence[str] = NEW) -> pd.DataFrame:
    return pd.DataFrame(LINES, columns=list(names))


def merged(platform: Platform, rectangle: Rectangle = KEYS) -> pd.DataFrame:
    """merged.retail after landing and building a rectangle, one row a country and day."""
    load_retail(platform, rectangle)
    platform.dbt.run(
        platform.server, build_arguments(["merged__retail"]), window_variables(rectangle)
    )
    return read(platform, "select * from merged.retail order by centre_id, day")


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("admin").read(query)


def test_absent_is_not_zero_and_closed_is_null(platform: Platform) -> None:
    rows = merged(platform).pivot(index="day", columns="centre_id", values="quantity")
    assert rows[UK].fillna(-1).tolist() == [5, 0, 6, -1, -1, 1]
    # France had not sold before Tuesday: null on Monday, a real zero on Wednesday.
    assert rows[FRANCE].fillna(-1).tolist() == [-1, 2, 0, -1, -1, 0]


def test_returns_are_apart_and_copies_count_once(platform: Platform) -> None:
    rows = merged(platform)
    first = rows[(rows["centre_id"] == UK)].iloc[0]
    assert (first["invoices"], first["customers"], first["revenue"]) == (2, 1, 20)
    assert (first["returned_quantity"], first["returned_revenue"]) == (1, 10)
    assert str(first["available_at"]) == "2010-07-05 23:00:00+00:00"
    lines = read(platform, "select * from published.retail_lines where day = '2010-07-05'")
    counts = dict(zip(lines["line_class"], lines["lines"], strict=True))
    assert counts == {"sale": 2, "duplicate": 1, "cancellation": 1}


def _twice(folder: Path) -> None:
    frame().to_csv(folder / "a.csv", index=False)
    frame(OLD).to_parquet(folder / "b.parquet")


def _days_backwards(folder: Path) -> None:
    days = [part for _, part in frame().groupby(frame()["InvoiceDate"].str[:10])]
    for number, day in enumerate(reversed(days)):
        day.to_csv(folder / f"{number}.csv", index=False)


def _whole_and_days(folder: Path) -> None:
    _days_backwards(folder)
    frame(OLD).to_excel(folder / "whole.xlsx", index=False)


@pytest.mark.parametrize("write", [_twice, _days_backwards, _whole_and_days])
def test_the_same_lines_in_other_files_give_the_same_rows(
    platform: Platform, home: Path, write: Callable[[Path], None]
) -> None:
    before = merged(platform)
    kept = {path: path.read_bytes() for path in (home / "in").iterdir()}
    for path in kept:
        path.unlink()
    try:
        write(home / "in")
        assert merged(platform).equals(before)
    finally:
        for path in (home / "in").iterdir():
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)


def test_each_country_alone_gives_the_rows_of_all_together(platform: Platform) -> None:
    before = merged(platform)
    with platform.store("admin").connect() as connection:
        connection.execute("delete from raw.retail; delete from raw.retail_days")
        connection.execute("delete from merged.retail")
    for centre in KEYS.centres:
        for day in pd.date_range(KEYS.first_day, KEYS.last_day)[::-1]:
            merged(platform, Rectangle((centre,), day.date(), day.date()))
    assert merged(platform).equals(before)


def test_the_trading_calendar_tells_open_days_from_closed(platform: Platform) -> None:
    merged(platform)
    days = read(platform, "select * from published.trading_calendar where is_known order by day")
    assert days["is_trading_day"].tolist() == [True, True, True, False, False, True]
    assert set(days.loc[~days["is_trading_day"], "reason"]) == {"no sales recorded"}
    ahead = read(platform, "select * from published.trading_calendar where not is_known")
    assert len(ahead) == 28
    assert ahead["is_trading_day"].all()


def test_no_raw_customer_is_stored_anywhere(platform: Platform, home: Path) -> None:
    text = frame().to_csv(index=False)
    bad = home / "in" / "bad.csv"
    bad.write_text(
        text
        + "8,22041,FRAME,many,2010-07-05 09:00:00,2.5,17850,United Kingdom\n"
        + "9,22041,FRAME,1,2010-07-05 09:00:00,2.5,17850.0,United Kingdom,one more\n"
        + '10,22041,"FRAME,1,2010-07-05 09:00:00,2.5,17850,United Kingdom\n'
    )
    try:
        balance = load_retail(platform, KEYS)
    finally:
        bad.unlink()
    assert balance.rows_quarantined == 3
    assert balance.rows_read == balance.rows_stored + balance.rows_quarantined
    stored = read(
        platform,
        "select to_jsonb(t)::text as row from raw.retail t union all"
        " select to_jsonb(q)::text from ops.quarantine q",
    )["row"]
    assert len(stored) == 11
    for raw in ("17850", "12682"):
        assert not stored.str.contains(raw).any()


def test_the_real_file_whole_and_by_day_give_the_same_merged_table(
    platform: Platform, home: Path, real_data: Path, scratch: Path
) -> None:
    whole = pd.read_parquet(next((real_data / "retail").glob("*.parquet")))
    month = whole[whole["InvoiceDate"].str[:7] == "2009-12"]
    folder = scratch / "real"
    (folder / "in").mkdir(parents=True)
    (folder / "sources.toml").write_text('[retail]\nkind = "files"\npath = "in/*"\n')

    def landed() -> tuple[str, Platform]:
        chosen = Platform(
            new_settings(home, sources=folder / "sources.toml", first_day=date(2009, 12, 1))
        )
        chosen.dbt.manifest(chosen.centres_by_flow)
        chosen.dbt.run(chosen.server, build_arguments(["centres"]), {})
        load_calendar(chosen)
        rectangle = Rectangle(chosen.centre_ids_of(RETAIL), date(2009, 12, 1), date(2009, 12, 31))
        rows = merged(chosen, rectangle)
        return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest(), chosen

    month.to_parquet(folder / "in" / "month.parquet")
    first, chosen = landed()
    total = read(chosen, "select count(*) as n from raw.retail where day < '2010-01-01'")
    assert total["n"].iloc[0] == len(month)
    renamed = month.rename(columns=dict(zip(NEW, OLD, strict=True)))
    for number, (_, day) in enumerate(renamed.groupby(renamed["InvoiceDate"].str[:10])):
        day.to_csv(folder / "in" / f"{99 - number}.csv", index=False)
    assert landed()[0] == first
    (folder / "in" / "month.parquet").unlink()
    assert landed()[0] == first
