"""The simulated world: centres, weather, campaigns, incidents and parcel counts that fit together.

Any slice (centres x days) can be made alone, in any order, and is always the same: each centre
has one random stream per purpose, keyed by seed, centre_id and purpose, drawn once for the whole
epoch 2005-2035. The world states its own noise floor. It writes nothing and knows no tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.ground.local_time import days_index, local_midnight_after
from flow_platform.sources.calendar import build_calendar
from flow_platform.sources.centres import Centre
from flow_platform.sources.events import EVENT_COLUMNS, EVERYWHERE, events_frame
from flow_platform.sources.random_streams import random_stream

EPOCH_FIRST = date(2005, 1, 1)
EPOCH_LAST = date(2035, 12, 31)
LEADS = 14

DEFAULT_SEED = 20240229

# Standard deviation of the day's multiplicative noise (logarithm), mean one.
NOISE = 0.05
# Unannounced incidents: about one day in 400 loses 10 to 35 % of its parcels (22.5 % on average).
INCIDENT_RATE = 1 / 400
INCIDENT_LOSS = (0.10, 0.35)

BLACK_FRIDAY = "Black Friday"
WINTER_SALES = "Soldes d'hiver"
SUMMER_SALES = "Soldes d'été"
_CAMPAIGN_EFFECT = {BLACK_FRIDAY: 0.32, WINTER_SALES: 0.11, SUMMER_SALES: 0.09}
# A user's own event: words in its name that mean fewer parcels.
_STRIKE_WORDS = ("grève", "greve", "strike", "closure", "fermeture", "blocage")

# Share of a usual weekday that moves on a public holiday: day of work by default, nearly closed,
# and all others.
_WHIT_MONDAY_SHARE = 0.45
_CLOSED_SHARE = 0.05
_HOLIDAY_SHARE = 0.12
_CLOSED_HOLIDAYS = ("noël", "jour de l'an", "fête du travail", "christmas", "new year", "labor day")

# Share of a day's weather variance that becomes known with each day of lead, from "only on the
# day itself" to "14 days ahead"; the rest is never known beforehand.
_REVEALED = np.array(
    [0.02, 0.02, 0.03, 0.04, 0.06, 0.08, 0.10, 0.12, 0.12, 0.11, 0.10, 0.08, 0.06, 0.04, 0.02]
)


@dataclass(frozen=True)
class NoiseFloor:
    """Errors of the best possible forecast: the true conditional mean, true weather known.

    `wape` = sum |actual - expected| / sum |actual|; `rmse` in parcels; `r2` against the mean of
    the actuals; `n` rows in which both are known.
    """

    wape: float
    rmse: float
    r2: float
    n: int


def noise_floor(actual: Iterable[float], expected: Iterable[float]) -> NoiseFloor:
    """The noise floor on exactly these rows; rows where either value is missing are left out.

    Raises ValueError where no row has both values.
    """
    y = np.asarray(list(actual), dtype=float)
    mean = np.asarray(list(expected), dtype=float)
    both = np.isfinite(y) & np.isfinite(mean)
    if not both.any():
        raise ValueError("The noise floor needs at least one row with an actual and an expected.")
    y, mean = y[both], mean[both]
    squared = float(np.sum((y - mean) ** 2))
    spread = float(np.sum((y - y.mean()) ** 2))
    return NoiseFloor(
        wape=float(np.abs(y - mean).sum() / np.abs(y).sum()),
        rmse=float(np.sqrt(squared / len(y))),
        r2=1 - squared / spread if spread > 0 else float("nan"),
        n=len(y),
    )


def _campaigns(year: int) -> list[tuple[date, date, str, str, date | None]]:
    january = date(year, 1, 8)
    winter = january + timedelta(days=(2 - january.weekday()) % 7)
    june_end = date(year, 6, 30)
    summer = june_end - timedelta(days=(june_end.weekday() - 2) % 7)
    thanksgiving = date(year, 11, 22)
    thanksgiving += timedelta(days=(3 - thanksgiving.weekday()) % 7)
    monday = thanksgiving - timedelta(days=3)
    return [
        (winter, winter + timedelta(days=13), EVERYWHERE, WINTER_SALES, None),
        (summer, summer + timedelta(days=13), EVERYWHERE, SUMMER_SALES, None),
        (monday, monday + timedelta(days=8), EVERYWHERE, BLACK_FRIDAY, None),
    ]


# Days drawn before the epoch, so that weather's memory has settled when it begins.
_WARM_UP = 64
_WEATHER_MEMORY = 0.6


def _with_memory(noise: np.ndarray) -> np.ndarray:
    """A stationary AR(1) of unit variance along the last axis, without the warm-up.

    The sum of memory**i * noise[t - i] over i < 64, by doubling.
    """
    made = noise * np.sqrt(1 - _WEATHER_MEMORY**2)
    reach = 1
    while reach < _WARM_UP:
        made[..., reach:] += _WEATHER_MEMORY**reach * made[..., :-reach].copy()
        reach *= 2
    return made[..., _WARM_UP:]


# Weather kept in tenths as int16: 2 MB a centre, and this many centres at a time.
_CENTRES_KEPT = 256


class World:
    """One coherent world of centres, the same for the same centres, seed and events.

    `events` (shaped as by `read_events`) are a user's own events; they move parcels too: strikes
    and closures by -30 %, others by 5 to 20 % drawn from the name. What is made for a centre
    depends on the seed and on the centre alone, except that the one centre closed on Sundays is
    chosen among all.
    """

    def __init__(
        self,
        centres: Sequence[Centre],
        seed: int = DEFAULT_SEED,
        events: pd.DataFrame | None = None,
    ) -> None:
        self.centres = tuple(centres)
        self.seed = seed
        self._own_events = events_frame([]) if events is None else events
        self._by_id = {centre.centre_id: centre for centre in self.centres}
        self._index = days_index(EPOCH_FIRST, EPOCH_LAST)
        self._of_countries: dict[tuple[str | None, str], np.ndarray] = {}
        self._weather: dict[str, dict[str, np.ndarray]] = {}
        self._counts: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    # -- random streams --------------------------------------------------------------------------

    def _random(self, *names: str) -> np.random.Generator:
        return random_stream(self.seed, *names)

    @cached_property
    def closed_on_sundays(self) -> str | None:
        """The one centre that reports nothing on Sundays and public holidays: no row, not zero."""
        if len(self.centres) < 2:
            return None
        return min(self._by_id, key=lambda centre_id: self._random(centre_id, "closed").random())

    # -- events ----------------------------------------------------------------------------------

    def events(self, first: date = EPOCH_FIRST, last: date = EPOCH_LAST) -> pd.DataFrame:
        """The events that a planner would know: built-in campaigns, and the user's, of these days.

        Shaped as by `read_events`; each event whole, even where it begins before `first`.
        """
        years = range(EPOCH_FIRST.year, EPOCH_LAST.year + 1)
        built_in = events_frame(event for year in years for event in _campaigns(year))
        own = self._own_events[list(EVENT_COLUMNS)]
        every = built_in if own.empty else pd.concat([built_in, own], ignore_index=True)
        touching = (every["first_day"] <= pd.Timestamp(last)) & (
            every["last_day"] >= pd.Timestamp(first)
        )
        return every.loc[touching].reset_index(drop=True)

    def _event_effect(self, name: str) -> float:
        if name in _CAMPAIGN_EFFECT:
            return _CAMPAIGN_EFFECT[name]
        if any(word in name.casefold() for word in _STRIKE_WORDS):
            return float(np.log(0.7))
        return float(self._random("event", name).uniform(0.05, 0.20))

    # -- weather ---------------------------------------------------------------------------------

    def _signal(self, centre: Centre, what: str) -> np.ndarray:
        """Standard normal weather anomalies as known at each lead: array (lead, day).

        A day's anomaly is a sum of parts, each of which becomes known one day closer to the
        target. So errors grow with lead, later forecasts correct earlier ones without bias, and
        lead 0 is the truth. Four fifths of the variance are shared by a country's centres.
        """
        shape = (LEADS + 1, len(self._index) + _WARM_UP)
        shared = (centre.country, what)
        if shared not in self._of_countries:
            country = self._random(f"country {centre.country}", what)
            self._of_countries[shared] = country.standard_normal(shape, dtype=np.float32)
        own = self._random(centre.centre_id, what).standard_normal(shape, dtype=np.float32)
        parts = _with_memory(np.sqrt(0.8) * self._of_countries[shared] + np.sqrt(0.2) * own)
        weighted = parts * np.sqrt(_REVEALED)[:, None]
        return np.cumsum(weighted[::-1], axis=0)[::-1]

    def _weather_of(self, centre: Centre) -> dict[str, np.ndarray]:
        """Weather in tenths by name: arrays (lead 0..14, day); lead 0 is the truth."""
        if centre.centre_id in self._weather:
            return self._weather[centre.centre_id]
        draw = self._random(centre.centre_id, "climate")
        latitude = 47.0 + draw.uniform(-2, 2) if centre.latitude is None else centre.latitude
        turn = 2 * np.pi * (self._index.day_of_year.to_numpy() - 20) / 365.25
        season = -np.cos(turn) * np.sign(latitude if latitude else 1)
        away = abs(latitude)
        normal = 27.5 - 0.0068 * away**2 + season * min(0.19 * away, 13)
        revealed = np.cumsum(_REVEALED[::-1])[::-1][:, None]

        warmth = self._signal(centre, "temperature")
        mean = normal + (3.6 - 0.6 * season) * warmth
        # Rain and wind keep their own spread at every lead, as a model run does: a shrunken
        # forecast would never announce a wet day.
        wetness = self._signal(centre, "rain") / np.sqrt(revealed)
        gale = self._signal(centre, "wind") / np.sqrt(revealed)
        rain = 4.2 * np.clip(wetness - 0.35, 0, None) ** 1.5
        spread = np.clip(4.6 + 1.3 * season - 1.1 * wetness, 1.5, 9.0)
        snow = rain * np.clip((1.5 - mean) / 3, 0, 1)
        wind = np.exp(3.05 + 0.34 * gale - 0.10 * season)
        values = {
            "temperature_mean": mean,
            "temperature_min": mean - spread,
            "temperature_max": mean + spread,
            "precipitation_mm": rain,
            "snowfall_cm": snow,
            "wind_max_kmh": wind,
        }
        if len(self._weather) >= _CENTRES_KEPT:
            self._weather.pop(next(iter(self._weather)))
        self._weather[centre.centre_id] = {
            name: np.rint(table * 10).astype(np.int16) for name, table in values.items()
        }
        return self._weather[centre.centre_id]

    def _window(self, first: date, last: date) -> slice:
        start = max((first - EPOCH_FIRST).days, 0)
        stop = min((last - EPOCH_FIRST).days + 1, len(self._index))
        return slice(start, max(stop, start))

    def _weather_frame(
        self, centre: Centre, issued: np.ndarray, leads: np.ndarray, vintage: str, hours: int
    ) -> pd.DataFrame:
        targets = issued + leads
        inside = targets < len(self._index)
        issued, leads, targets = issued[inside], leads[inside], targets[inside]
        day = self._index[issued]
        frame = pd.DataFrame(
            {
                "centre_id": np.full(len(day), centre.centre_id, dtype=object),
                "day": day,
                "vintage": np.full(len(day), vintage, dtype=object),
                "target_day": self._index[targets],
                "lead_days": leads.astype("int32"),
                "available_at": (day + pd.Timedelta(hours=hours)).tz_localize("UTC").as_unit("us"),
            }
        )
        for name, tenths in self._weather_of(centre).items():
            frame[name] = tenths[leads, targets] / 10
        return frame

    def weather_observed(self, centre_ids: Iterable[str], first: date, last: date) -> pd.DataFrame:
        """Observed weather of the days, one row per centre and day; known on D+1 at 06:00 UTC.

        Columns of raw.weather with vintage "observed", lead 0, target_day = day.
        """
        window = self._window(first, last)
        days = np.arange(window.start, window.stop)
        return self._stack(
            [
                self._weather_frame(self._by_id[one], days, np.zeros_like(days), "observed", 30)
                for one in centre_ids
            ]
        )

    def weather_forecast(self, centre_ids: Iterable[str], first: date, last: date) -> pd.DataFrame:
        """Forecasts issued on the days for 1 to 14 days ahead; known at 18:00 UTC of the day.

        Columns of raw.weather with vintage "forecast", 14 rows per centre and day.
        """
        window = self._window(first, last)
        days = np.repeat(np.arange(window.start, window.stop), LEADS)
        leads = np.tile(np.arange(1, LEADS + 1), window.stop - window.start)
        return self._stack(
            [
                self._weather_frame(self._by_id[one], days, leads, "forecast", 18)
                for one in centre_ids
            ]
        )

    @staticmethod
    def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
        if not frames:
            return pd.DataFrame(columns=[*WEATHER_KEYS, *WEATHER_COLUMNS])
        return pd.concat(frames, ignore_index=True)

    # -- parcels ---------------------------------------------------------------------------------

    def _log_season(self, draw: np.random.Generator) -> np.ndarray:
        day = self._index.day_of_year.to_numpy()
        turn = 2 * np.pi * day / 365.25
        phase = draw.uniform(-0.3, 0.3)
        yearly = draw.uniform(0.03, 0.05) * np.cos(turn - phase)
        half = draw.uniform(0.01, 0.025) * np.cos(2 * turn - phase)
        summer = -draw.uniform(0.08, 0.13) * np.exp(-(((day - 222) / 17.0) ** 2))
        christmas = draw.uniform(0.24, 0.34) * np.exp(-(((day - 349) / 10.0) ** 2))
        return np.asarray(yearly + half + summer + christmas)

    def _share_of_holidays(self, calendar: pd.DataFrame) -> np.ndarray:
        names = calendar["holiday"].fillna("").str.casefold()
        share = np.where(calendar["is_public_holiday"], _HOLIDAY_SHARE, 1.0)
        closed = np.zeros(len(names), dtype=bool)
        for word in _CLOSED_HOLIDAYS:
            closed |= names.str.contains(word, regex=False).to_numpy()
        share = np.where(closed, _CLOSED_SHARE, share)
        whit = names.str.contains("pentecôte", regex=False).to_numpy() & (
            calendar["weekday"].to_numpy() == 0
        )
        return np.where(whit, _WHIT_MONDAY_SHARE, share)

    def _counts_of(self, centre: Centre) -> tuple[np.ndarray, np.ndarray]:
        """Counts and their conditional means over the epoch; NaN where the centre reports none."""
        if centre.centre_id in self._counts:
            return self._counts[centre.centre_id]
        draw = self._random(centre.centre_id, "parcels")
        calendar = build_calendar([centre], self.events(), EPOCH_FIRST, EPOCH_LAST)
        weekday = calendar["weekday"].to_numpy()

        capacity = draw.uniform(np.log(9_000), np.log(130_000))
        level = np.log(centre.daily_capacity * 0.68) if centre.daily_capacity else capacity
        level = float(np.clip(level, np.log(5_000), np.log(150_000)))
        years = (self._index - pd.Timestamp(2024, 1, 1)).days.to_numpy() / 365.25
        wave = draw.uniform(0.0, 0.015) * np.sin(2 * np.pi * (years / 5 + draw.random()))
        log_mean = level + draw.uniform(0.0, 0.03) * years + wave + self._log_season(draw)

        profile = np.array([1.06, 1.08, 1.02, 0.99, 0.96, 0.48, 0.05])
        profile[:5] *= np.exp(draw.uniform(-0.05, 0.05, 5))
        profile[5] *= draw.uniform(0.75, 1.15)
        profile[6] = draw.uniform(0.03, 0.08)
        share = np.minimum(profile[weekday], self._share_of_holidays(calendar))

        free = calendar["is_public_holiday"].to_numpy() & (weekday < 5)
        log_mean += np.where(calendar["is_bridge_day"], np.log(0.84), 0.0)
        open_day = ~calendar["is_public_holiday"].to_numpy() & (weekday < 5)
        catch_up = draw.uniform(0.12, 0.18)
        since = calendar["days_since_holiday"].to_numpy()
        after = open_day & (np.roll(free, 1) | ((weekday == 0) & np.roll(free, 3)))
        after[0] = False
        log_mean += np.where(after & (since <= 3), catch_up, 0.0)
        log_mean += np.where(calendar["is_school_holiday"], -draw.uniform(0.02, 0.05), 0.0)

        effects = {name: self._event_effect(name) for name in self._event_names(calendar)}
        log_mean += (
            calendar["event"]
            .map(lambda text: sum(effects[name] for name in text.split("; ")), na_action="ignore")
            .astype(float)
            .fillna(0.0)
            .to_numpy()
        )

        truth = {name: tenths[0] / 10 for name, tenths in self._weather_of(centre).items()}
        log_mean += 0.003 * np.minimum(truth["precipitation_mm"], 20)
        log_mean -= 0.012 * np.clip(truth["temperature_max"] - 29, 0, 10)
        log_mean -= 0.030 * np.minimum(truth["snowfall_cm"], 8)

        mean = np.exp(log_mean) * share
        noise = self._random(centre.centre_id, "noise").standard_normal(len(mean))
        incident = self._random(centre.centre_id, "incident")
        happens = incident.random(len(mean)) < INCIDENT_RATE
        loss = np.where(happens, incident.uniform(*INCIDENT_LOSS, len(mean)), 0.0)
        counts = np.round(mean * np.exp(NOISE * noise - NOISE**2 / 2) * (1 - loss))
        expected = mean * (1 - INCIDENT_RATE * (INCIDENT_LOSS[0] + INCIDENT_LOSS[1]) / 2)
        if centre.centre_id == self.closed_on_sundays:
            closed = (weekday == 6) | calendar["is_public_holiday"].to_numpy()
            counts = np.where(closed, np.nan, counts)
            expected = np.where(closed, np.nan, expected)
        self._counts[centre.centre_id] = (counts, expected)
        return self._counts[centre.centre_id]

    @staticmethod
    def _event_names(calendar: pd.DataFrame) -> set[str]:
        return {name for text in calendar["event"].dropna().unique() for name in text.split("; ")}

    def parcels(self, centre_ids: Iterable[str], first: date, last: date) -> pd.DataFrame:
        """Counts of the local days: centre_id, day, parcels (float), available_at (UTC).

        No row where a centre reports nothing. Available at the local midnight after the day.
        Raises KeyError for an unknown centre.
        """
        return self._series(centre_ids, first, last, 0, "parcels")

    def expected(self, centre_ids: Iterable[str], first: date, last: date) -> pd.DataFrame:
        """The true conditional means: centre_id, day, expected. Same rows as `parcels`.

        Given everything that could be known: calendar, events and the day's true weather; not the
        day's noise nor incidents, whose mean loss is taken off.
        """
        return self._series(centre_ids, first, last, 1, "expected").drop(columns="available_at")

    def _series(
        self, centre_ids: Iterable[str], first: date, last: date, which: int, name: str
    ) -> pd.DataFrame:
        window = self._window(first, last)
        index = self._index[window]
        frames = []
        for centre_id in centre_ids:
            centre = self._by_id[centre_id]
            values = self._counts_of(centre)[which][window]
            frame = pd.DataFrame(
                {
                    "centre_id": np.full(len(index), centre_id, dtype=object),
                    "day": index,
                    name: values,
                    "available_at": local_midnight_after(index, centre.timezone),
                }
            )
            frames.append(frame.loc[np.isfinite(values)])
        if not frames:
            return pd.DataFrame(columns=["centre_id", "day", name, "available_at"])
        return pd.concat(frames, ignore_index=True)
