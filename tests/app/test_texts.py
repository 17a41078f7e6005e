"""Both languages say the same things, and numbers and days look as their readers write them."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from streamlit_app import data, deliveries_data, formats, texts, traffic_data, trips_data

SOURCES = list((Path(__file__).resolve().parents[2] / "streamlit_app").rglob("*.py"))


def _fields(text: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("key", texts.keys())
def test_a_text_has_both_languages_and_the_same_blanks(key: str) -> None:
    both = texts.both(key)
    assert set(both) == set(formats.LANGUAGES)
    assert all(text.strip() for text in both.values())
    assert _fields(both["fr"]) == _fields(both["en"])


def test_every_text_that_the_pages_name_exists_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text() for path in SOURCES if path.name != "texts.py")
    known = set(texts.keys())
    named = set(re.findall(r'say\(\s*"([\w.]+)"', source))
    assert named <= known
    quoted = set(re.findall(r'["\']([\w.]+)["\']', source))
    prefixes = tuple(
        set(re.findall(r'f["\']([a-z_.]+\.)\{', source))
        | {
            "driver.",
            "why.",
            "flow.",
            "feature.",
            "candidate.",
            "status.",
            "dataset.",
            "down.",
            "unready.",
            "reason.",
            "told.",
            "who.",
            "tracked.",
            "segment.",
        }
    )
    said = {key.partition("@")[0] for key in known}
    assert said <= known
    unused = {key for key in said - quoted if not key.startswith(prefixes)}
    assert not unused


def test_every_column_of_the_tables_has_a_heading() -> None:
    shown = (
        *(*data.FORECAST_COLUMNS, *data.LEADER_COLUMNS, *data.COVERAGE_COLUMNS),
        *(*traffic_data.HOUR_COLUMNS, *traffic_data.LIST_COLUMNS, *traffic_data.ERROR_COLUMNS),
        *(*trips_data.HOUR_COLUMNS, *trips_data.PAIR_COLUMNS),
        *(*trips_data.MODEL_COLUMNS, *trips_data.STEP_COLUMNS),
        *(*deliveries_data.ORDER_COLUMNS, *deliveries_data.TENTH_COLUMNS),
        *(*deliveries_data.RATE_COLUMNS, *deliveries_data.BUCKET_COLUMNS),
        *(*deliveries_data.SEGMENT_COLUMNS, *deliveries_data.EXPERIENCE_COLUMNS),
        *deliveries_data.CHOICE_COLUMNS,
    )
    assert {f"column.{column}" for column in shown} <= set(texts.keys())


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
    assert formats.number(value, "fr") == french
    assert formats.number(value, "en") == english


def test_shares() -> None:
    assert formats.percent(0.0293, "fr", 1) == "2,9\u202f%"
    assert formats.percent(0.0293, "en", 1, signed=True) == "+2.9%"
    assert formats.percent(-0.5, "en") == "\u221250%"
    assert formats.percent(None, "en") == "–"


@pytest.mark.parametrize(
    ("probability", "words"),
    [(1.0, "100%"), (0.998, "> 99%"), (0.5, "50%"), (0.004, "< 1%"), (0.0, "0%"), (None, "–")],
)
def test_a_risk_is_certain_only_where_it_is(probability: float | None, words: str) -> None:
    assert formats.chance(probability, "en") == words


def test_days() -> None:
    assert formats.long_day(date(2026, 5, 1), "fr", year=True) == "vendredi 1er mai 2026"
    assert formats.long_day(date(2025, 12, 12), "en") == "Friday 12 December"
    assert formats.short_day(date(2025, 12, 12), "fr") == "ven. 12 déc."


def test_weekdays_begin_with_monday() -> None:
    assert formats.weekday(1, "en") == "Monday"
    assert formats.weekday(7, "fr", short=True) == "dim."


def test_moments_are_on_the_readers_clock() -> None:
    midnight = datetime(2025, 7, 1, 22, 0, tzinfo=UTC)
    assert formats.moment(midnight, "fr", "Europe/Paris") == "mer. 2 juil. 2025, 00:00"


def test_numbers_in_sentences_are_rounded_by_size() -> None:
    assert [formats.rounded(value, "en") for value in (48213.4, 4821.3, 482.1)] == [
        "48,200",
        "4,820",
        "482",
    ]


def test_hours_are_told_on_the_clock_in_force_also_where_it_shows_them_twice() -> None:
    def spans(first: datetime, count: int) -> list[str]:
        ends = (first + timedelta(hours=hour) for hour in range(count))
        return [formats.hour_span(end, "en", "Europe/Paris") for end in ends]

    assert spans(datetime(2026, 3, 29, 1, tzinfo=UTC), 2) == ["01:00–02:00", "03:00–04:00"]
    assert spans(datetime(2026, 10, 25, 0, tzinfo=UTC), 4) == [
        "01:00–02:00",
        "02:00–03:00 (summer time)",
        "02:00–03:00 (winter time)",
        "03:00–04:00",
    ]
    assert formats.local_day(datetime(2026, 7, 1, 22, tzinfo=UTC), "Europe/Paris") == date(
        2026, 7, 1
    )


def test_an_hourly_flow_has_its_own_wording_and_else_the_common_one() -> None:
    hourly, daily = texts.speaker("en", step="hour"), texts.speaker("en")
    assert hourly("horizon.many", days="3") == "3 hours ahead"
    assert daily("horizon.many", days="3") == "3 days ahead"
    assert hourly("legend.80") == daily("legend.80")
