"""Invoice lines: each has one class, a file's shape does not matter, no customer's id is kept."""

from __future__ import annotations

import itertools
import json
import random
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.flows.retail.customers import pseudonym
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.shop import retail_centres
from flow_platform.flows.retail.simulator import trades_on
from flow_platform.flows.retail.source import LINE_CLASSES, read_retail
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.config import read_sources
from tests.cases import CASES
from tests.unit.flows.retail.samples import (
    FIRST,
    FRANCE,
    KEY,
    LAST,
    LINES,
    NEW,
    OLD,
    UK,
    balances,
    content,
    frame,
    read,
    write,
)
from tests.unit.sources.samples import NOW


@pytest.fixture
def plain(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return content(read(write(tmp_path_factory.mktemp("plain") / "plain.csv", frame())))


def test_each_line_has_exactly_one_class(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "a.csv", frame())).rows
    assert rows["line_class"].value_counts().to_dict() == {
        "sale": 5,
        "cancellation": 1,
        "bad_debt": 1,
        "return": 1,
        "no_price": 1,
        "duplicate": 1,
    }
    assert rows.loc[rows["line_class"] == "duplicate", "occurrence"].tolist() == [2]
    # A sale without a customer is a sale.
    anonymous = rows[(rows["line_class"] == "sale") & ~rows["has_customer"]]
    assert anonymous["invoice"].tolist() == ["489435"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
@pytest.mark.parametrize("names", [NEW, OLD])
def test_both_headers_in_every_format_give_the_same_lines(
    tmp_path: Path, plain: pd.DataFrame, suffix: str, names: tuple[str, ...]
) -> None:
    landing = read(write(tmp_path / f"a.{suffix}", frame(names=names)))
    assert content(landing).equals(plain)
    assert balances(landing)


def test_moments_may_be_texts_timestamps_or_month_first(
    tmp_path: Path, plain: pd.DataFrame
) -> None:
    for number, form in enumerate((None, "%m/%d/%Y %H:%M", "%-m/%-d/%Y %-H:%M")):
        made = frame()
        made["InvoiceDate"] = pd.to_datetime(made["InvoiceDate"])
        if form:
            made["InvoiceDate"] = made["InvoiceDate"].dt.strftime(form)
        path = write(tmp_path / f"a{number}.{'csv' if form else 'parquet'}", made)
        assert content(read(path)).equals(plain)


def test_a_source_that_writes_the_day_first_is_known_by_one_of_its_days(
    tmp_path: Path, plain: pd.DataFrame
) -> None:
    made = frame([*LINES, ("1", "2", "X", 1, "2010-01-13 08:00:00", 1.0, None, UK)])
    made["InvoiceDate"] = pd.to_datetime(made["InvoiceDate"]).dt.strftime("%d/%m/%Y %H:%M")
    path = write(tmp_path / "a.csv", made)
    assert content(read(path)).equals(plain)
    assert content(read(path, date_format="%d/%m/%Y %H:%M")).equals(plain)


def test_a_shop_with_columns_of_its_own_must_say_which_part_is_the_day(
    tmp_path: Path, plain: pd.DataFrame
) -> None:
    made = frame(LINES)
    made["InvoiceDate"] = pd.to_datetime(made["InvoiceDate"]).dt.strftime("%d/%m/%Y %H:%M")
    path = write(tmp_path / "a.csv", made.rename(columns={"InvoiceDate": "sold"}))
    columns = {
        **{"invoice": "Invoice", "stock_code": "StockCode", "description": "Description"},
        **{"quantity": "Quantity", "sold_at": "sold", "price": "Price"},
        **{"customer": "Customer ID", "country": "Country"},
    }
    refused = read(path, columns=columns)
    assert refused.rows.empty and refused.is_refused and refused.rejected.empty
    assert [str(file.error).count("date_format") for file in refused.files] == [1]
    assert content(read(path, columns=columns, date_format="day-first")).equals(plain)


def test_columns_of_another_name_may_be_mapped(tmp_path: Path, plain: pd.DataFrame) -> None:
    ours = (
        *("invoice", "stock_code", "description", "quantity", "sold_at", "price"),
        *("customer", "country"),
    )
    path = write(tmp_path / "a.csv", frame(names=[f"x_{name}" for name in ours]))
    assert content(read(path, columns={name: f"x_{name}" for name in ours})).equals(plain)


def test_the_same_file_twice_gives_the_same_lines(tmp_path: Path, plain: pd.DataFrame) -> None:
    write(tmp_path / "a.csv", frame())
    write(tmp_path / "b.parquet", frame(names=OLD))
    landing = read(tmp_path / "*")
    assert content(landing).equals(plain)
    assert [file.rows_repeated for file in landing.files] == [0, len(LINES)]
    assert balances(landing)


def test_days_in_any_order_and_beside_the_whole_give_the_same_lines(
    tmp_path: Path, plain: pd.DataFrame
) -> None:
    whole = frame()
    pieces = [part for _, part in whole.groupby(whole["InvoiceDate"].str[:10])]
    for trial, order in enumerate(itertools.islice(itertools.permutations(pieces), 6)):
        folder = tmp_path / str(trial)
        folder.mkdir()
        for number, piece in enumerate(order):
            write(folder / f"{number}.csv", piece)
        assert content(read(folder / "*")).equals(plain)
        write(folder / "year.xlsx", whole)
        together = read(folder / "*")
        assert content(together).equals(plain)
        assert balances(together)


def test_every_sheet_of_a_workbook_is_read_and_an_empty_one_is_none(
    tmp_path: Path, plain: pd.DataFrame
) -> None:
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        frame(LINES[:6]).to_excel(book, sheet_name="Year 2009-2010", index=False)
        # The published workbook's sheets overlap by some days.
        frame(LINES[3:]).to_excel(book, sheet_name="Year 2010-2011", index=False)
        pd.DataFrame().to_excel(book, sheet_name="Sheet3", index=False)
    landing = read(tmp_path / "two.xlsx")
    assert content(landing).equals(plain)
    assert [file.file.split("[")[1] for file in landing.files] == [
        "Year 2009-2010]",
        "Year 2010-2011]",
    ]


def test_unusable_lines_are_kept_whole_with_their_reason(tmp_path: Path) -> None:
    good = LINES[0]
    bad = [
        ("", *good[1:]),
        (*good[:3], "many", *good[4:]),
        (*good[:4], None, *good[5:]),
        (*good[:4], "2010-02-30 08:00:00", *good[5:]),
        (*good[:4], "2099-01-01 08:00:00", *good[5:]),
        (*good[:4], "1999-01-01 08:00:00", *good[5:]),
        (*good[:5], None, *good[6:]),
        (*good[:5], float("inf"), *good[6:]),
        (*good[:7], None),
        (*good[:7], "all"),
    ]
    landing = read(write(tmp_path / "a.csv", frame([good, *bad])))
    kinds = landing.rejected["reason"].str.split(":").str[0].tolist()
    assert kinds == [
        "missing_value",
        "wrong_type",
        "missing_value",
        "impossible_date",
        "future_day",
        "before_2005",
        "missing_value",
        "not_finite",
        "missing_value",
        "bad_country",
    ]
    assert landing.rejected["source_line"].tolist() == list(range(3, 13))
    assert balances(landing)
    payload = json.loads(landing.rejected["payload"].iloc[1])
    assert payload["Quantity"] == "many"
    assert payload["Customer ID"] == pseudonym(KEY, 13085)


def test_no_customers_id_is_kept_not_even_of_a_row_that_cannot_be_cut(tmp_path: Path) -> None:
    made = frame([*LINES, (*LINES[0][:3], "many", *LINES[0][4:])])
    text = made.to_csv(index=False)
    text += "489442,22041,FRAME,13085.0,5,2010-01-04 07:45:00,6.95,13085,United Kingdom,more\n"
    text += '489443,22041,"torn,4,2010-01-04 07:45:00,6.95,15311,United Kingdom\n'
    text += "489444,22041,jane@shop.example\n"
    (tmp_path / "a.csv").write_text(text)
    landing = read(tmp_path / "a.csv")
    assert len(landing.rejected) == 4
    stored = landing.rows.to_csv() + landing.rejected.to_csv()
    for raw in ("13085", "15311", "12682", "jane@shop.example"):
        assert raw not in stored
    assert landing.rejected["payload"].str.contains("2010-01-04").sum() == 3


def test_a_customer_has_one_pseudonym_however_the_id_is_written() -> None:
    assert len({pseudonym(KEY, written) for written in (13085, 13085.0, "13085", " 13085.0")}) == 1
    assert pseudonym(KEY, "13085") != pseudonym(b"another key", "13085")
    assert {pseudonym(KEY, written) for written in (None, "", " ", float("nan"))} == {None}
    # Only an empty field is missing: a word is an id, whatever it means elsewhere.
    assert pseudonym(KEY, "nan") is not None


def test_a_broken_file_names_itself_and_stops_only_itself(
    tmp_path: Path, plain: pd.DataFrame
) -> None:
    write(tmp_path / "good.csv", frame())
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    landing = read(tmp_path / "*")
    assert content(landing).equals(plain)
    errors = [file.error for file in landing.files if file.error]
    assert len(errors) == 2
    assert "other.csv no column Invoice" in errors[0]
    assert "torn.parquet" in errors[1]


def test_lines_of_other_partitions_are_left(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", frame())
    landing = read(path, date(2010, 1, 6), date(2010, 1, 6), [FRANCE])
    assert (landing.files[0].rows_stored, landing.files[0].rows_left) == (1, 9)
    assert balances(landing)


def test_a_day_says_whether_the_shop_traded_and_the_country_had_sold_before(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.csv", frame())
    days = read(path, countries=[FRANCE]).days.set_index("day")
    # 5 January has a bad debt, a return and a gift, and no sale; 8 and 9 January have nothing.
    assert days["shop_sale_lines"].tolist() == [3, 0, 1, 1, 0, 0]
    assert days["seen_before"].tolist() == [False, False, False, True, True, True]


def test_a_day_is_known_at_its_close_unless_the_source_says_later(tmp_path: Path) -> None:
    made = frame().assign(known=["2010-01-20 10:00:00", *[""] * 9])
    names = dict(
        zip(
            ("invoice", "stock_code", "description", "quantity", "sold_at", "price", "customer"),
            NEW,
            strict=False,
        )
    )
    columns = {**names, "country": "Country", "available_at": "known"}
    rows = read(write(tmp_path / "a.csv", made), columns=columns).rows
    assert str(rows["available_at"].iloc[0]) == "2010-01-20 10:00:00+00:00"
    assert str(rows["available_at"].iloc[1]) == "2010-01-05 00:00:00+00:00"


def test_countries_are_discovered_and_kept_until_a_file_changes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", frame())
    write(tmp_path / "b.csv", frame(LINES[:1], OLD).assign(Country="EIRE"))
    cache = tmp_path / "cache" / "countries.json"
    config = RetailSource(kind="files", path=str(tmp_path / "?.*"))
    centres = retail_centres(config, cache)
    assert [(centre.centre_id, centre.country) for centre in centres] == [
        ("EIRE", "IE"),
        (FRANCE, "FR"),
        (UK, "GB"),
    ]
    assert {centre.timezone for centre in centres} == {"Europe/London"}
    cache.write_text(cache.read_text().replace("EIRE", "Kept"))
    assert "Kept" in {centre.centre_id for centre in retail_centres(config, cache)}
    write(path, frame(LINES[:8]))
    assert FRANCE not in {centre.centre_id for centre in retail_centres(config, cache)}


def test_a_shop_country_that_is_not_known_is_refused(tmp_path: Path) -> None:
    toml = tmp_path / "sources.toml"
    toml.write_text('[retail]\nkind = "files"\npath = "x"\nshop_country = "Atlantis"\n')
    with pytest.raises(ConfigurationError, match="shop_country 'ATLANTIS' is not known"):
        retail_centres(read_sources(toml).of(RetailSource), tmp_path / "cache")
    toml.write_text('[retail]\nkind = "files"\npath = "x"\nshop = "GB"\n')
    with pytest.raises(ConfigurationError, match="unknown key 'shop'"):
        read_sources(toml)


def test_a_simulated_slice_alone_is_the_same_and_has_every_class() -> None:
    def simulated(first: date, last: date, countries: list[str]) -> pd.DataFrame:
        landing = read_retail(RetailSource(), first, last, countries, key=KEY, now=NOW, seed=7)
        assert balances(landing)
        return content(landing)

    year = simulated(date(2024, 1, 1), date(2024, 12, 31), [UK, FRANCE])
    assert set(year["line_class"]) == set(LINE_CLASSES)
    assert 0.1 < 1 - year["has_customer"].mean() < 0.3
    alone = simulated(date(2024, 3, 5), date(2024, 3, 5), [FRANCE])
    within = year[(year["day"] == "2024-03-05") & (year["centre_id"] == FRANCE)]
    assert alone.equals(within.reset_index(drop=True))
    assert set(year["day"].dt.day_of_week) == {0, 1, 2, 3, 4, 6}
    assert not trades_on(date(2024, 12, 27))


def test_the_real_file_and_its_days_and_other_header_give_the_same_lines(
    real_data: Path, tmp_path: Path
) -> None:
    """Every line of 2009-12 is stored once, whichever way it comes, and no raw id with it."""
    source = next((real_data / "retail").glob("*.parquet"))
    whole = pd.read_parquet(source)
    month = whole[whole["InvoiceDate"].str[:7] == "2009-12"]
    countries = sorted(month["Country"].unique())
    asked = (date(2009, 12, 1), date(2009, 12, 31), countries)
    direct = read(source, *asked)
    assert direct.files[0].rows_in_file == len(whole)
    assert direct.files[0].rows_stored == len(month)
    expected = content(direct)

    days = [part for _, part in month.groupby(month["InvoiceDate"].str[:10])]
    random.Random(3).shuffle(days)
    renamed = dict(zip(NEW, OLD, strict=True))
    for number, day in enumerate(days):
        suffix, names = (("csv", {}), ("parquet", renamed))[number % 2]
        write(tmp_path / f"{number:02d}.{suffix}", day.rename(columns=names))
    assert content(read(tmp_path / "*", *asked)).equals(expected)
    month.to_parquet(tmp_path / "00_all.parquet")
    month.rename(columns=renamed).to_parquet(tmp_path / "zz_again.parquet")
    together = read(tmp_path / "*", *asked)
    assert content(together).equals(expected)
    assert balances(together)
    raw = set(month["Customer ID"].dropna().astype(str))
    assert not raw & set(expected["customer"])


def test_asked_days_have_one_row_a_country_whatever_the_files_hold(tmp_path: Path) -> None:
    landing = read(tmp_path / "none*.csv")
    assert landing.rows.empty
    assert len(landing.days) == 2 * ((LAST - FIRST).days + 1)
    assert landing.days["shop_sale_lines"].sum() == 0
    assert "no file matches" in str(landing.files[0].error)


def test_lines_that_pandas_saved_again_are_the_same_lines() -> None:
    case = CASES / "retail-same-lines-written-otherwise"
    days = (date(2010, 12, 1), date(2010, 12, 10))
    landing = read(case / "*.csv", *days, [FRANCE])
    assert len(landing.rows) == len(read(case / "a_original.csv", *days, [FRANCE]).rows) == 30
    assert [(file.rows_stored, file.rows_repeated) for file in landing.files] == [(30, 0), (0, 30)]


def test_a_file_that_is_not_utf_8_is_read_whole_and_its_encoding_is_noted() -> None:
    case = CASES / "part-of-a-file-refused-in-silence"
    landing = read(case / "data.csv", date(2010, 12, 1), date(2010, 12, 10), [FRANCE])
    assert len(landing.rows) == 60 and landing.rejected.empty
    assert landing.files[0].encoding == "cp1252"
    assert "MUG £2" in set(landing.rows["description"])
