"""Days and moments of source rows: every form that is read, and which of two the source means."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_platform.sources.dates import DateForm

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
