"""Days and moments of source rows: every form that is read, and which of two the source means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_platform.sources.dates import (
    DAY_FIRST,
    MONTH_FIRST,
    DateForm,
    SourceDates,
    UndecidedDatesError,
)

ISO = ("%Y-%m-%d {}", "%Y-%m-%dT{}", "%Y%m%dT{}", "%Y-%m-%d {}Z", "%Y-%m-%dT{}+05:45")
FORMS = ("%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M", "%H:%M %d-%b-%y", "%Y-%m-%d %H")


@given(
    day=st.dates(date(2005, 1, 1), date(2068, 12, 31)),
    form=st.sampled_from(ISO),
    clock=st.sampled_from(["{}:00", "{}:00:00", "{}:00:00.000", "{}"]),
)
def test_24_o_clock_is_midnight_of_the_next_day(day: date, form: str, clock: str) -> None:
    at, fault = DateForm.of(None).moment(f"{day:{form.format(clock.format(24))}}", "counted_at")
    next_day = day + timedelta(days=1)
    assert fault is None
    assert (at, None) == DateForm.of(None).moment(
        f"{next_day:{form.format(clock.format('00'))}}", "counted_at"
    )
    assert isinstance(at, datetime) and at.replace(tzinfo=None) == datetime.combine(
        next_day, datetime.min.time()
    )


@given(day=st.dates(date(2005, 1, 1), date(2068, 12, 31)), form=st.sampled_from(FORMS))
def test_24_o_clock_in_a_form_of_ones_own_is_midnight_too(day: date, form: str) -> None:
    at, fault = DateForm.of(form).moment(f"{day:{form.replace('%H', '24')}}", "counted_at")
    next_day = day + timedelta(days=1)
    assert (at, fault) == (datetime.combine(next_day, datetime.min.time()), None)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2025-05-05 24:01", None),
        ("2025-05-05 24:00:01", None),
        ("2025-05-05 25:00", None),
        ("2025-02-29 24:00", None),
        ("9999-12-31 24:00", None),
        ("05/05/2025 24:30", "%d/%m/%Y %H:%M"),
        ("31/12/9999 24:00", "%d/%m/%Y %H:%M"),
        ("05/05/2025 24:00", "%d/%m/%Y %I:%M"),
    ],
)
def test_no_other_moment_of_the_hour_24_exists(written: str, form: str | None) -> None:
    at, fault = DateForm.of(form).moment(written, "counted_at")
    assert at is None and str(fault).split(":")[0] in ("impossible_date", "wrong_type")


# -- every form ----------------------------------------------------------------------------------

FIFTH = date(2024, 1, 5)


def read_in(values: list[Any], date_format: str | None = None) -> list[Any]:
    """The values of one column as its source reads them: a day, a moment, or the fault."""
    dates = SourceDates(date_format)
    dates.note("a.csv", values)
    read = [dates.form.moment(value, "day") for value in values]
    return [fault if at is None else at for at, fault in read]


@pytest.mark.parametrize(
    "written",
    [
        *("2024-01-05", " 2024-01-05 ", "2024-1-5", "2024/01/05", "2024.01.05", "2024/1/5"),
        *("20240105", "20240105.0", 20240105, 20240105.0, Decimal("20240105")),
        *("5 Jan 2024", "05-Jan-2024", "Jan 5, 2024", "January 5, 2024", "5-january-2024"),
        *("5.1.2024", "05.01.2024", "2024-01-05Z", "2024-01-05+02:00"),
    ],
)
def test_a_day_that_can_be_only_one_is_read(written: object) -> None:
    assert read_in([written]) == [FIFTH]


@pytest.mark.parametrize(
    "written",
    [
        *("2024-01-05 14:05", "2024-01-05T14:05:00", "20240105T1405", "202401051405"),
        *("2024-01-05 02:05 PM", "2024-01-05 2:05:00 pm", "2024/01/05 2:05 p.m.", 20240105140500),
        *("5 Jan 2024 14:05", "5.1.2024 14:05", "5.1.2024, 2:05 PM"),
    ],
)
def test_a_moment_that_can_be_only_one_is_read(written: object) -> None:
    assert read_in([written]) == [datetime(2024, 1, 5, 14, 5)]


@pytest.mark.parametrize(
    ("written", "likeness"),
    [
        *((one, 'serial days of Excel: set date_format = "excel"') for one in (45296, 45296.5)),
        *((one, "serial days of Excel") for one in ("45296", "45296.0", Decimal("45296"))),
        *((one, 'epoch seconds: set date_format = "epoch"') for one in (1704412800, "1704412800")),
        *((one, 'date_format = "epoch_ms"') for one in (1704412800000, "1704412800000.0")),
        (2024010514, '"%Y%m%d%H"'),
        ("202401", "YYYYMM"),
        (202401, "YYYYMM"),
        ("2024", "YYYY"),
        ("2024-01", "a month"),
        ("01/2024", "a month"),
        ("2024-Q1", "a quarter"),
        *((week, "an ISO week") for week in ("2024-W05", "2024-W05-1", "2024W05", "2024W051")),
        ("2024-W05-1T10:00", "an ISO week"),
        ("2024-036", "the number of a day in its year"),
        *((one, '"%d/%m/%y"') for one in ("05/01/24", "5.1.24", "24-01-05", "31/12/99 10:00")),
        *((one, "not a day") for one in ("soon", True, float("inf"), "1/2", "2024-01-05 soon")),
        (5, "a number that is no day"),
    ],
)
def test_what_only_looks_like_a_day_is_refused_by_what_it_looks_like(
    written: object, likeness: str
) -> None:
    (fault,) = read_in([written])
    assert fault.startswith("wrong_type: day is ") and likeness in fault
    assert "date_format" in fault


@pytest.mark.parametrize(
    "written",
    ["2024-02-30", "30/02/2024", "30.2.2024", "20240230", 20241301, "2024-01-05 13:00 PM"],
)
def test_a_day_in_no_calendar_is_refused(written: object) -> None:
    (fault,) = read_in([written])
    assert fault.startswith("impossible_date: day is ")


@pytest.mark.parametrize(
    ("date_format", "written", "found"),
    [
        ("excel", 45296, datetime(2024, 1, 5)),
        ("excel", "45296.5", datetime(2024, 1, 5, 12)),
        ("epoch_ms", 1704463500000, datetime(2024, 1, 5, 14, 5, tzinfo=UTC)),
        ("epoch", "1704463500", datetime(2024, 1, 5, 14, 5, tzinfo=UTC)),
        # Midnights in UTC alone are days, whose date no time zone changes.
        ("epoch", 1704412800, FIFTH),
        ("epoch_ms", 1704412800000.0, FIFTH),
        ("month-first", "01/05/2024", FIFTH),
        ("day-first", "05/01/2024", FIFTH),
        ("day-first", "2024-01-05", FIFTH),
        ("month-first", "1.5.2024", FIFTH),
        ("%d/%m/%y", "05/01/24", datetime(2024, 1, 5)),
        ("%Y%m%d", 20240105.0, datetime(2024, 1, 5)),
    ],
)
def test_date_format_says_what_is_meant(date_format: str, written: object, found: object) -> None:
    assert read_in([written], date_format) == [found]


@pytest.mark.parametrize(
    ("date_format", "written"),
    [
        ("excel", 1704412800),
        ("epoch", 1704412800000),
        ("epoch", "2024-W05"),
        # 5 November, or 15 January.
        ("%Y%m%d", "2024115"),
        ("%d/%m/%Y", "2024-01-05"),
    ],
)
def test_what_is_not_as_date_format_says_is_refused(date_format: str, written: object) -> None:
    (fault,) = read_in([written], date_format)
    assert fault.startswith("wrong_type: day is ")


# -- the order of day and month ------------------------------------------------------------------


def decided(*files: list[str], known: str | None = None) -> SourceDates:
    dates = SourceDates(None, known)
    for number, values in enumerate(files):
        dates.note(f"{number}.csv", values)
    return dates


@pytest.mark.parametrize("sign", ["/", "-"])
def test_one_date_decides_for_all_files_of_a_source(sign: str) -> None:
    ambiguous = [f"0{day}{sign}01{sign}2024" for day in range(1, 10)]
    form = decided(ambiguous, [f"13{sign}01{sign}2024"]).form
    assert form.moment(ambiguous[4], "day") == (FIFTH, None)
    form = decided([f"01{sign}13{sign}2024"], [f"01{sign}05{sign}2024"]).form
    assert form.moment(f"01{sign}05{sign}2024", "day") == (FIFTH, None)


def test_a_source_of_unknown_order_is_refused_as_a_whole() -> None:
    with pytest.raises(UndecidedDatesError, match=r"'05/01/2024' in 0\.csv.*date_format"):
        _ = decided(["05/01/2024"], ["2024-01-25"]).form
    with pytest.raises(
        UndecidedDatesError, match=r"'13/01/2024' in 0\.csv.*'01/13/2024' in 1\.csv"
    ):
        _ = decided(["13/01/2024"], ["01/13/2024"]).form


def test_days_that_are_the_same_in_both_orders_need_none() -> None:
    assert decided(["05/05/2024"]).form.moment("05/05/2024", "day") == (date(2024, 5, 5), None)


def test_a_known_order_holds_until_a_date_contradicts_it() -> None:
    assert decided(["01/05/2024"], known="month-first").form.order == "month-first"
    assert decided(["13/05/2024"], known="month-first").form.order == "day-first"
    with pytest.raises(UndecidedDatesError):
        _ = decided(["13/05/2024", "05/13/2024"], known="month-first").form


def test_a_date_with_dots_has_its_day_first_unless_the_source_contradicts() -> None:
    assert decided(["05.01.2024"]).form.moment("05.01.2024", "day") == (FIFTH, None)
    form = decided(["01.05.2024", "01.13.2024"]).form
    assert form.moment("01.05.2024", "day") == (FIFTH, None)
    # It does not decide for dates with slashes.
    with pytest.raises(UndecidedDatesError):
        _ = decided(["25.01.2024", "05/01/2024", "06/01/2024"]).form


def test_a_few_dates_written_by_hand_are_refused_alone() -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 20)]
    read = read_in([*days, "05/02/2024"])
    assert read[:-1] == [date.fromisoformat(day) for day in days]
    assert 'set date_format = "day-first" or "month-first"' in read[-1]


WRITTEN: dict[str, Callable[[date], Any]] = {
    "ISO": lambda day: day.isoformat(),
    "compact": lambda day: int(f"{day:%Y%m%d}"),
    "compact of a spreadsheet": lambda day: float(f"{day:%Y%m%d}"),
    "year first": lambda day: f"{day:%Y/%m/%d}",
    "day first": lambda day: f"{day:%d/%m/%Y}",
    "month first": lambda day: f"{day:%m/%d/%Y}",
    "month first with AM": lambda day: f"{day:%m/%d/%Y} 12:00:00 AM",
    "with dashes": lambda day: f"{day.day}-{day.month}-{day.year}",
    "with dots": lambda day: f"{day.day}.{day.month}.{day.year}",
    "named": lambda day: f"{day:%d-%b-%Y}",
    "two digits": lambda day: f"{day:%d/%m/%y}",
    "Excel": lambda day: float((day - date(1899, 12, 30)).days),
    "epoch": lambda day: int((day - date(1970, 1, 1)).total_seconds()),
    "epoch_ms": lambda day: int((day - date(1970, 1, 1)).total_seconds()) * 1000,
    "ordinal": lambda day: f"{day:%Y-%j}",
    "week": lambda day: f"{day:%G-W%V-%u}",
    "end of the day before": lambda day: f"{day - timedelta(days=1)} 24:00",
    "with an offset": lambda day: f"{day}T00:00:00+00:00",
}


@given(
    days=st.lists(st.dates(date(2010, 1, 1), date(2025, 12, 31)), min_size=1, max_size=40),
    form=st.sampled_from(sorted(WRITTEN)),
)
def test_days_in_any_form_are_these_days_or_one_refusal(days: list[date], form: str) -> None:
    written = [WRITTEN[form](day) for day in days]
    try:
        read = read_in(written)
    except UndecidedDatesError as error:
        assert "date_format" in str(error)
        assert all(day.day <= 12 for day in days)
        return
    for day, found in zip(days, read, strict=True):
        if isinstance(found, str):
            assert "date_format" in found
        else:
            assert (found.date() if isinstance(found, datetime) else found) == day


@given(
    files=st.lists(
        st.lists(st.dates(date(2010, 1, 1), date(2025, 12, 31)), min_size=1, max_size=10),
        min_size=1,
        max_size=4,
    ),
    forms=st.lists(st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d"]), min_size=4, max_size=4),
)
def test_no_file_is_read_in_the_order_of_another(files: list[list[date]], forms: list[str]) -> None:
    """Files that mix both orders are refused, unless no date shows that."""
    written = [[f"{day:{form}}" for day in days] for days, form in zip(files, forms, strict=False)]
    orders = set(forms[: len(files)]) - {"%Y-%m-%d"}
    if len(orders) == 2:
        shown = {
            form
            for days, form in zip(files, forms, strict=False)
            if form in orders and any(day.day > 12 for day in days)
        }
        if len(shown) == 2:
            with pytest.raises(UndecidedDatesError):
                _ = decided(*written).form
        return
    try:
        form = decided(*written).form
    except UndecidedDatesError:
        return
    read = [[form.moment(value, "day")[0] for value in values] for values in written]
    # Nothing decides where the only slashed dates are the same in both orders.
    assert all(
        found is None or found == day
        for days, values in zip(files, read, strict=True)
        for day, found in zip(days, values, strict=True)
    )


# -- the reading that is kept with a load --------------------------------------------------------


@pytest.mark.parametrize(
    ("date_format", "values", "reading"),
    [
        (None, ["2024-01-05"], "ISO"),
        (None, [date(2024, 1, 5)], "ISO"),
        (None, ["13/01/2024"], "day-first"),
        (None, ["01/13/2024", "2024-01-05"], "month-first"),
        ("%d/%m/%Y", ["13/01/2024"], "%d/%m/%Y"),
        ("excel", [45296.0], "excel"),
        ("excel", ["2024-01-05"], "ISO"),
    ],
)
def test_a_reading_is_named(date_format: str | None, values: list[Any], reading: str) -> None:
    dates = SourceDates(date_format)
    dates.note("a.csv", values)
    assert dates.reading("a.csv") == reading


def test_the_known_order_of_a_layout_is_that_of_its_own_slashes() -> None:
    known = SourceDates(None, MONTH_FIRST)
    known.note("a.csv", ["05/01/2024", "06/01/2024"])
    assert known.form.order == MONTH_FIRST
    other = SourceDates(None, MONTH_FIRST)
    other.note("a.csv", ["05-01-2024", "06-01-2024"])
    with pytest.raises(UndecidedDatesError, match="05-01-2024"):
        _ = other.form
    known.take(other)
    with pytest.raises(UndecidedDatesError):
        _ = known.form
    other.note("b.csv", ["25-01-2024"])
    assert other.form.order == DAY_FIRST
