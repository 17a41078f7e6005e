"""A small world of parcel counts with known effects and a known noise floor, for the tests here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesData

HOLIDAYS = {
    "01-01": ("New Year's Day", -1.1),
    "05-01": ("Labour Day", -0.9),
    "05-08": ("Victory Day", -0.7),
    "07-14": ("National Day", -0.8),
    "08-15": ("Assumption Day", -0.6),
    "11-01": ("All Saints' Day", -0.5),
    "11-11": ("Armistice Day", -0.6),
    "12-25": ("Christmas Day", -1.4),
}
EVENTS = (("Spring sale", "04-10", "04-14", 0.25), ("Black Friday", "11-24", "11-30", 0.45))


def make_world(
    centres: int = 5,
    days: int = 760,
    noise: float = 0.055,
    seed: int = 7,
    first: str = "2023-01-01",
    weather: bool = True,
) -> tuple[SeriesData, pd.DataFrame]:
    """The panel and, per centre and day, `expected`: what no model can better (mean count)."""
    generator = np.random.default_rng(seed)
    dates = pd.date_range(first, periods=days)
    ahead = pd.date_range(first, periods=days + 30)
    ids = [f"C{number}" for number in range(centres)]
    actuals, calendars, forecasts, issues, truth = [], [], [], [], []
    for name in ids:
        base = np.exp(generator.uniform(7, 9.5))
        weekday = np.log(np.array([1.1, 1.15, 1.1, 1.05, 1.0, 0.5, 0.25]))
        weekday = weekday + generator.normal(0, 0.06, 7)
        frame = pd.DataFrame({"unique_id": name, "ds": ahead})
        key = frame["ds"].dt.strftime("%m-%d")
        frame["holiday"] = [HOLIDAYS.get(k, (None, 0.0))[0] for k in key]
        effect = np.array([HOLIDAYS.get(k, (None, 0.0))[1] for k in key])
        effect[1:] += np.where(effect[:-1] < -0.4, 0.12, 0.0)
        frame["event"] = None
        for event, start, end, size in EVENTS:
            inside = (key >= start) & (key <= end)
            frame.loc[inside, "event"] = event
            effect = effect + np.where(inside, size, 0.0)
        frame["is_school_holiday"] = ((key >= "07-08") & (key <= "08-31")).to_numpy()
        effect = effect - 0.08 * frame["is_school_holiday"].to_numpy()
        frame["is_bridge_day"] = False
        calendars.append(frame)

        rain = np.where(generator.random(len(ahead)) < 0.3, generator.gamma(1.2, 6, len(ahead)), 0)
        year = np.arange(len(ahead)) / 365.25
        warm = 13 - 10 * np.cos(2 * np.pi * year) + generator.normal(0, 3, len(ahead))
        effect = effect - 0.06 * (rain > 5) - 0.02 * np.maximum(warm + 5 - 30, 0)
        season = 0.12 * np.cos(2 * np.pi * (year - 0.95)) + 0.06 * year
        expected = base * np.exp(weekday[frame["ds"].dt.day_of_week] + season + effect)[:days]
        y = np.round(expected * np.exp(generator.normal(0, noise, days)))
        midnight = dates + pd.Timedelta(days=1) - pd.Timedelta(hours=1)
        actuals.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": dates,
                    "y": y,
                    "available_at": midnight.tz_localize("UTC"),
                }
            )
        )
        truth.append(pd.DataFrame({"unique_id": name, "ds": dates, "expected": expected}))
        closing = (dates + pd.Timedelta(days=1)).tz_localize("UTC")
        issues.append(pd.DataFrame({"unique_id": name, "issue": dates, "issued_at": closing}))
        if weather:
            forecasts.extend(_weather(name, ahead, rain, warm, generator))
    return (
        SeriesData(
            actuals=pd.concat(actuals, ignore_index=True),
            calendar=pd.concat(calendars, ignore_index=True),
            weather=pd.concat(forecasts, ignore_index=True) if forecasts else pd.DataFrame(),
            issues=pd.concat(issues, ignore_index=True),
        ),
        pd.concat(truth, ignore_index=True),
    )


def with_strikes(data: SeriesData, *strikes: tuple[str, str, str, str]) -> SeriesData:
    """`data` with strikes (series, first day, last day, moment of announcement in UTC)."""
    calendar = data.calendar.copy()
    if "event_known_at" not in calendar:
        calendar["event_known_at"] = pd.Series(pd.NaT, calendar.index, dtype="datetime64[ns, UTC]")
    for name, first, last, announced in strikes:
        days = (calendar["unique_id"] == name) & calendar["ds"].between(first, last)
        calendar.loc[days, "event"] = "Strike"
        calendar.loc[days, "event_known_at"] = pd.Timestamp(announced, tz="UTC")
    return replace(data, calendar=calendar)


def _weather(
    name: str,
    ahead: pd.DatetimeIndex,
    rain: np.ndarray,
    warm: np.ndarray,
    generator: np.random.Generator,
) -> list[pd.DataFrame]:
    """Forecasts one, three and seven days before and the observation, ever less blurred."""
    found = []
    for lead in (0, 1, 3, 7):
        blur = 0.05 * lead
        wet = rain * np.exp(generator.normal(0, blur, len(rain)))
        temperature = warm + generator.normal(0, 4 * blur, len(rain))
        known = ahead - pd.Timedelta(days=lead) + pd.Timedelta(hours=30 if lead == 0 else 18)
        found.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": ahead,
                    "vintage": "forecast" if lead else "observed",
                    "available_at": known.tz_localize("UTC"),
                    "temperature_mean": temperature,
                    "temperature_min": temperature - 5,
                    "temperature_max": temperature + 5,
                    "precipitation_mm": wet,
                    "snowfall_cm": 0.0,
                    "wind_max_kmh": 20.0,
                }
            )
        )
    return found
