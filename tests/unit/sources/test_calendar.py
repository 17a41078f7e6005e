"""The calendar against the official French calendars, and its rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.ground.local_time import day_closes_at, days_index, local_midnight_after
from flow_platform.sources.calendar import CALENDAR_COLUMNS, build_calendar
from flow_platform.sources.centres import Centre
from flow_platform.sources.events import events_frame
from flow_platform.sources.public_holidays import holiday_subdivision
from flow_platform.sources.school_holidays import official_until
from tests.unit.sources.samples import plain_centre

NO_EVENTS = events_frame([])


def french(subdivision: str | None = None, zone: str | None = None) -> Centre:
    return replace(plain_centre("1"), country="FR", subdivision=subdivision, school_zone=zone)


def calendar_of(centre: Centre, first: str, last: str) -> pd.DataFrame:
    made = build_calendar([centre], NO_EVENTS, date.fromisoformat(first), date.fromisoformat(last))
    return made.set_index(made["day"].dt.strftime("%Y-%m-%d"))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("subdivision", "file"),
    [
        (None, "jours_feries_seuls.csv"),
        ("IDF", "jours_feries_seuls.csv"),
        ("Alsace-Moselle", "jours_feries_seuls_alsace_moselle.csv"),
        ("57", "jours_feries_seuls_alsace_moselle.csv"),
        ("67", "jours_feries_seuls_alsace_moselle.csv"),
        ("68", "jours_feries_seuls_alsace_moselle.csv"),
        ("FR-GES", "jours_feries_seuls_alsace_moselle.csv"),
    ],
)
def test_public_holidays_are_the_official_ones_from_2005_to_2030(
    real_data: Path, subdivision: str | None, file: str
) -> None:
    days = pd.read_csv(real_data / "calendar" / file)["date"]
    official = set(days[(days >= "2005") & (days < "2031")])
    made = calendar_of(french(subdivision), "2005-01-01", "2030-12-31")
    assert set(made.index[made["is_public_holiday"]]) == official


@pytest.mark.real_data
@pytest.mark.parametrize("zone", ["A", "B", "C"])
def test_school_holidays_are_the_official_ones_but_for_one_day(real_data: Path, zone: str) -> None:
    """The file given knows nothing after the school year 2025-2026 and ends its summer on 30
    August 2026; the package, which is newer, on the 31st, the day before class resumes."""
    table = pd.read_csv(real_data / "calendar" / "vacances_scolaires.csv")
    table = table[(table["date"] >= "2005-01-01") & (table["date"] <= "2026-08-31")]
    official = table.loc[table[f"vacances_zone_{zone.lower()}"]].set_index("date")["nom_vacances"]
    made = calendar_of(french(zone=zone), "2005-01-01", "2026-08-31")
    ours = made.loc[made["is_school_holiday"], "school_holiday"]
    assert set(ours.index) ^ set(official.index) == {"2026-08-31"}
    assert (ours.drop("2026-08-31") == official).all()


def test_school_holidays_go_on_as_estimates_after_the_official_calendar() -> None:
    assert official_until() >= date(2028, 8, 31)
    made = calendar_of(french(zone="B"), "2029-01-01", "2030-12-31")
    days_off = made["is_school_holiday"].groupby(made["day"].dt.year).sum()
    assert days_off.between(110, 130).all()
    assert made.loc["2029-08-15", "school_holiday"] == "Vacances d'été"


def test_whole_calendar_has_a_row_for_every_centre_and_day(
    french_centres: tuple[Centre, ...],
) -> None:
    made = build_calendar(french_centres, NO_EVENTS)
    assert list(made.columns) == list(CALENDAR_COLUMNS)
    assert len(made) == 5 * len(days_index(date(2005, 1, 1), date(2030, 12, 31)))
    assert not made.duplicated(["centre_id", "day"]).any()
    strasbourg = made[(made["centre_id"] == "5") & made["is_public_holiday"]]
    lyon = made[(made["centre_id"] == "2") & made["is_public_holiday"]]
    assert len(strasbourg) == len(lyon) + 2 * 26


def test_a_bridge_day_lies_between_a_holiday_and_free_days() -> None:
    made = calendar_of(french(), "2024-01-01", "2024-12-31")
    # Ascension and 15 August were Thursdays; 8 May a Wednesday before Ascension, so no working
    # day lay between them; 1 November a Friday, 25 December a Wednesday: no bridge.
    assert list(made.index[made["is_bridge_day"]]) == ["2024-05-10", "2024-08-16"]
    alsace = calendar_of(french("67"), "2024-12-20", "2024-12-31")
    assert list(alsace.index[alsace["is_bridge_day"]]) == ["2024-12-27"]


def test_distances_to_holidays_are_zero_on_them_and_capped() -> None:
    made = calendar_of(french(), "2024-01-01", "2024-12-31")
    assert (made["days_to_holiday"] == 0)["2024-07-14"]
    assert (made["days_since_holiday"] == 0)["2024-07-14"]
    assert made.loc["2024-07-13", "days_to_holiday"] == 1
    assert made.loc["2024-07-20", "days_since_holiday"] == 6
    assert made.loc["2024-12-31", "days_to_holiday"] == 1
    assert made["days_to_holiday"].max() == 30
    assert made["is_month_end"]["2024-02-29"] and not made["is_month_start"]["2024-02-29"]
    assert made.loc["2024-03-01", "is_month_start"]


@pytest.mark.parametrize("country", [None, "ZZ"])
def test_a_centre_without_a_known_country_has_days_without_holidays(country: str | None) -> None:
    made = calendar_of(replace(plain_centre("1"), country=country), "2024-12-20", "2025-01-05")
    assert len(made) == 17
    assert not made["is_public_holiday"].any()
    assert set(made["days_to_holiday"]) == {30}


def test_other_countries_have_their_own_holidays() -> None:
    bavaria = replace(plain_centre("1"), country="DE", subdivision="BY")
    assert calendar_of(bavaria, "2024-01-06", "2024-01-06")["is_public_holiday"].all()
    berlin = replace(bavaria, subdivision="DE-BE")
    assert not calendar_of(berlin, "2024-01-06", "2024-01-06")["is_public_holiday"].any()


def test_subdivisions_of_france_are_understood() -> None:
    for code in ("57", "67", "68", "GES", "alsace-moselle", "FR-67", "6AE"):
        assert holiday_subdivision("FR", code) == "57"
    for code in ("75", "IDF", "2A", "69"):
        assert holiday_subdivision("FR", code) is None
    assert holiday_subdivision("FR", "974") == "974"


def test_events_reach_the_centres_of_their_scope(french_centres: tuple[Centre, ...]) -> None:
    day = date(2024, 5, 14)
    events = events_frame(
        [
            (day, day, "2", "Grève", None),
            (day, date(2024, 5, 15), "FR", "Promo", None),
            (day, day, "DE", "Streik", None),
            (date(2024, 5, 1), date(2024, 5, 12), "all", "Before", None),
        ]
    )
    made = build_calendar(french_centres, events, date(2024, 5, 13), date(2024, 5, 16))
    names = made.pivot(index="day", columns="centre_id", values="event").fillna("")
    assert names["2"].tolist() == ["", "Grève; Promo", "Promo", ""]
    assert names["1"].tolist() == ["", "Promo", "Promo", ""]
    assert (made["is_event"] == made["event"].notna()).all()


def test_a_day_bears_the_last_announcement_of_its_events(
    french_centres: tuple[Centre, ...],
) -> None:
    day, after = date(2024, 5, 14), date(2024, 5, 15)
    events = events_frame(
        [
            (day, after, "FR", "Promo", date(2024, 4, 1)),
            (day, day, "2", "Grève", date(2024, 5, 10)),
            (after, after, "2", "Always known", None),
        ]
    )
    made = build_calendar(french_centres, events, date(2024, 5, 13), after)
    announced = made.pivot(index="day", columns="centre_id", values="event_announced")
    announced = announced.apply(lambda days: days.dt.strftime("%m-%d")).fillna("")
    assert announced["2"].tolist() == ["", "05-10", "04-01"]
    assert announced["1"].tolist() == ["", "04-01", "04-01"]


def test_days_close_at_the_later_of_utc_and_local_midnight() -> None:
    days = days_index(date(2024, 3, 30), date(2024, 3, 31))
    assert list(day_closes_at(days, "Europe/Paris").strftime("%d %H:%M")) == [
        "31 00:00",
        "01 00:00",
    ]
    assert list(day_closes_at(days, "America/New_York").strftime("%d %H:%M")) == [
        "31 04:00",
        "01 04:00",
    ]
    assert list(local_midnight_after(days, "Europe/Paris").strftime("%d %H:%M")) == [
        "30 23:00",
        "31 22:00",
    ]
