"""What holidays and campaigns are taken to do: learned from what is alike, not from neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.frame import build_frame
from flow_platform.forecasting.daily.panel import build_panel

DAYS = pd.date_range("2023-01-02", periods=760)
WEEK = np.log([1.1, 1.1, 1.0, 1.0, 1.0, 0.5, 0.05])


def world(
    holidays: dict[str, str],
    effects: dict[str, float],
    events: dict[str, tuple[str, str, float]] | None = None,
) -> SeriesData:
    """Four centres whose closed days move a tenth; `effects` are log effects of single days."""
    generator = np.random.default_rng(3)
    ahead = pd.date_range(DAYS[0], periods=len(DAYS) + 40)
    calendar = pd.DataFrame({"ds": ahead})
    text = calendar["ds"].dt.strftime("%Y-%m-%d")
    calendar["holiday"] = text.map(holidays)
    calendar["event"] = None
    usual = WEEK[ahead.day_of_week]
    moved = np.where(calendar["holiday"].notna(), np.minimum(usual, np.log(0.1)), usual)
    moved = np.where(text.isin(effects), usual + text.map(effects).fillna(0.0), moved)
    for name, (first, last, size) in (events or {}).items():
        inside = calendar["ds"].between(first, last)
        calendar.loc[inside, "event"] = name.split("@")[0]
        moved = moved + np.where(inside, size, 0.0)
    actuals, calendars, issues = [], [], []
    for number in range(4):
        noise = generator.normal(0, 0.03, len(DAYS))
        y = np.round(np.exp(9 + 0.3 * number + moved[: len(DAYS)] + noise))
        known = (DAYS + pd.Timedelta(days=1)).tz_localize("UTC")
        name = f"C{number}"
        actuals.append(pd.DataFrame({"unique_id": name, "ds": DAYS, "y": y, "available_at": known}))
        calendars.append(calendar.assign(unique_id=name))
        issues.append(pd.DataFrame({"unique_id": name, "issue": DAYS, "issued_at": known}))
    return SeriesData(
        actuals=pd.concat(actuals, ignore_index=True),
        calendar=pd.concat(calendars, ignore_index=True),
        weather=pd.DataFrame(),
        issues=pd.concat(issues, ignore_index=True),
    )


def effect_on(data: SeriesData, day: str) -> float:
    """Mean effect of `day` over centres as forecast the evening before, less its weekday's usual.

    In log units.
    """
    target = pd.Timestamp(day)
    wanted = [target - pd.Timedelta(days=n) for n in (1, 15, 22)]
    issues = data.issues[data.issues["issue"].isin(wanted)]
    frame = build_frame(data, issues, (1,), SeriesSpec(weather=()))
    effect = frame.groupby("ds")["effect"].mean()
    return float(effect[target] - effect[effect.index != target].mean())


EVERY_YEAR = {
    "2023-03-01": "Founding Day",
    "2023-05-04": "Spring Day",
    "2023-06-14": "Summer Day",
    "2023-08-17": "August Day",
    "2023-10-04": "October Day",
    "2023-11-14": "November Day",
    "2024-03-06": "Founding Day",
    "2024-05-02": "Spring Day",
    "2024-06-12": "Summer Day",
}


def test_a_holiday_seen_for_the_first_time_is_expected_to_close_like_the_others() -> None:
    data = world(EVERY_YEAR | {"2024-09-18": "New Day"}, {})
    assert effect_on(data, "2024-09-18") < -1.8


def test_a_holiday_on_its_first_saturday_is_expected_to_close() -> None:
    data = world(EVERY_YEAR | {"2024-08-17": "August Day"}, {})
    assert effect_on(data, "2024-08-17") < -1.0


def test_a_holiday_on_a_sunday_takes_nothing_from_a_centre_closed_on_sundays() -> None:
    sundays = {"2023-07-02": "July Day", "2024-06-30": "July Day", "2024-10-06": "October Day"}
    data = world(EVERY_YEAR | sundays, {})
    assert abs(effect_on(data, "2024-10-06")) < 0.3


def test_a_holiday_that_is_worked_keeps_its_own_effect() -> None:
    """Once, on a Monday, half open: the shared effect of closing must not swallow it."""
    worked = {"2023-05-29": "Whit Monday", "2024-05-20": "Whit Monday"}
    data = world(EVERY_YEAR | worked, {"2023-05-29": -0.7, "2024-05-20": -0.7})
    assert -0.9 < effect_on(data, "2024-05-20") < -0.45


def test_the_day_after_a_holiday_does_not_inherit_the_holiday_that_once_followed_it() -> None:
    """8 May 2024 was followed by Ascension; in 2025 the ninth was an ordinary Friday."""
    first = {"2023-05-10": "Victory Day", "2023-05-11": "Ascension"}
    later = {"2024-05-08": "Victory Day", "2024-05-30": "Ascension"}
    data = world(EVERY_YEAR | first | later, {})
    assert abs(effect_on(data, "2024-05-09")) < 0.15


def test_work_left_by_a_holiday_is_expected_on_the_first_open_day_past_a_weekend() -> None:
    """Learned from holidays within the week, applied on a Monday after a Friday off."""
    caught_up = {"2023-03-02", "2023-05-05", "2023-06-15", "2023-08-18", "2023-10-05"}
    caught_up |= {"2023-11-15", "2024-03-07", "2024-05-03", "2024-06-13", "2024-08-19"}
    data = world(EVERY_YEAR | {"2024-08-16": "August Day"}, dict.fromkeys(caught_up, 0.15))
    assert 0.07 < effect_on(data, "2024-08-19") < 0.2


def test_a_campaign_is_expected_again_but_a_little_smaller() -> None:
    sale = {
        "Sale@1": ("2023-09-04", "2023-09-17", 0.4),
        "Sale@2": ("2024-09-02", "2024-09-15", 0.4),
    }
    data = world(EVERY_YEAR, {}, sale)
    assert 0.22 < effect_on(data, "2024-09-05") < 0.4


def test_tokens_go_from_what_all_holidays_share_to_the_one() -> None:
    data = world(EVERY_YEAR, {})
    panel = build_panel(data, data.issues, SeriesSpec())
    day = (pd.Timestamp("2023-05-04") - DAYS[0]).days

    def tokens(at: int) -> set[str]:
        row = panel.calendar.tokens[at]
        return {
            panel.calendar.names[i] for i in row.indices if "holiday:" in panel.calendar.names[i]
        }

    assert tokens(day) == {"holiday:any", "holiday:any:workday", "holiday:Spring Day:workday"}
    assert tokens(day + 1) == {"holiday:reopening", "holiday:Spring Day:+1"}
    assert tokens(day - 1) == {"holiday:eve", "holiday:Spring Day:-1"}
