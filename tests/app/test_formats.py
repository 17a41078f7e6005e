"""Numbers, days and moments as French and English readers write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from streamlit_app import formats
from streamlit_app.formats import Formats

FRENCH, ENGLISH = Formats("fr"), Formats("en")


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (48213.4, "48\u202f213", "48,213"),
        (0.0, "0", "0"),
        (-1234.0, "\u22121\u202f234", "\u22121,234"),
        (-0.2, "0", "0"),
        (None, "–", "–"),
        (float("nan"), "–", "–"),
    ],
)
def test_numbers(value: float | None, french: str, english: str) -> None:
    assert FRENCH.number(value) == french
    assert ENGLISH.number(value) == english


def test_shares() -> None:
    assert FRENCH.percent(0.0293, 1) == "2,9\u202f%"
    assert ENGLISH.percent(0.0293, 1, signed=True) == "+2.9%"
    assert ENGLISH.percent(-0.5) == "\u221250%"
    assert ENGLISH.percent(None) == "–"


@pytest.mark.parametrize(
    ("probability", "words"),
    [(1.0, "100%"), (0.998, "> 99%"), (0.5, "50%"), (0.004, "< 1%"), (0.0, "0%"), (None, "–")],
)
def test_a_risk_is_certain_only_where_it_is(probability: float | None, words: str) -> None:
    assert ENGLISH.chance(probability) == words


def test_durations_are_days_and_hours() -> None:
    spelled = [ENGLISH.duration(days) for days in (2.875, 2.0, 0.3, 0.01, -1.5, 0.9999)]
    assert spelled == ["2 d 21 h", "2 d", "7 h", "14 min", "\u22121 d 12 h", "1 d"]
    assert FRENCH.duration(1.25, signed=True) == "+1 j 6 h"
    assert FRENCH.duration(None) == ENGLISH.duration(float("nan")) == "–"


def test_days() -> None:
    assert FRENCH.long_day(date(2026, 5, 1), year=True) == "vendredi 1er mai 2026"
    assert ENGLISH.long_day(date(2025, 12, 12)) == "Friday 12 December"
    assert FRENCH.short_day(date(2025, 12, 12)) == "ven. 12 déc."
    assert ENGLISH.short_day(date(2025, 12, 12), weekday=False, year=True) == "12 Dec 2025"


def test_weekdays_begin_with_monday() -> None:
    assert ENGLISH.weekday(1) == "Monday"
    assert FRENCH.weekday(7, short=True) == "dim."


def test_moments_are_on_the_readers_clock() -> None:
    midnight = datetime(2025, 7, 1, 22, 0, tzinfo=UTC)
    assert FRENCH.moment(midnight, "Europe/Paris") == "mer. 2 juil. 2025, 00:00"
    assert ENGLISH.moment(None, "Europe/Paris") == "–"


def test_numbers_in_sentences_are_rounded_by_size() -> None:
    assert [ENGLISH.rounded(value) for value in (48213.4, 4821.3, 482.1)] == [
        "48,200",
        "4,820",
        "482",
    ]


def test_hours_are_on_the_clock_in_force_also_where_it_shows_them_twice() -> None:
    def spans(first: datetime, count: int) -> list[str]:
        ends = (first + timedelta(hours=hour) for hour in range(count))
        return [ENGLISH.hour_span(end, "Europe/Paris") for end in ends]

    assert spans(datetime(2026, 3, 29, 1, tzinfo=UTC), 2) == ["01:00–02:00", "03:00–04:00"]
    assert spans(datetime(2026, 10, 25, 0, tzinfo=UTC), 4) == [
        "01:00–02:00",
        "02:00–03:00 (summer time)",
        "02:00–03:00 (winter time)",
        "03:00–04:00",
    ]
    july = datetime(2026, 7, 1, 22, tzinfo=UTC)
    assert formats.local_day(july, "Europe/Paris") == date(2026, 7, 1)


def test_an_hour_of_the_day_is_named_by_its_beginning() -> None:
    assert (ENGLISH.hour(8), FRENCH.hour(8)) == ("08:00", "8\u202fh")
