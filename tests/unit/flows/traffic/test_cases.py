"""Files of counters that users had, and that were once read wrongly: now their right values."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from flow_platform.flows.traffic.counters import Counter
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.sources.centres import read_centres
from flow_platform.sources.config import read_sources
from flow_platform.sources.landing import Landing
from tests.cases import CASES
from tests.unit.sources.samples import NOW

CLOCK = "traffic-clock-is-always-paris"
SHARES = "traffic-shares-of-an-hour-not-added"


def landing_of(case: str, **keys: Any) -> Landing:
    """What the file of a case gives of all days."""
    config = read_sources(CASES / case / "sources.toml").of(TrafficSource).model_copy(update=keys)
    centres = None
    if (path := CASES / case / "centres.csv").exists():
        centres = read_centres(path)
    ids = ("301", "L1", "B1")
    counters = [Counter(one, one, None, None, None) for one in ids]
    days = (date(2025, 1, 1), date(2026, 1, 1))
    return read_traffic(config, counters, *days, ids, now=NOW, centres=centres)


def test_hours_have_the_clock_of_their_place() -> None:
    landing = landing_of(CLOCK)
    assert landing.rejected.empty and len(landing.rows) == 96
    first = pd.Timestamp("2025-03-28 00:00", tz="America/Chicago")
    wanted = pd.date_range(first, periods=96, freq="h").tz_convert("UTC")
    assert landing.rows["counted_at"].tolist() == wanted.tolist()


def test_the_hour_24_is_the_next_day_s_first_moment() -> None:
    path = str(CASES / CLOCK / "hour24.csv")
    landing = landing_of(CLOCK, path=path, columns={})
    assert landing.rejected.empty and len(landing.rows) == 48
    first = pd.Timestamp("2025-05-05 01:00", tz="America/Chicago")
    wanted = pd.date_range(first, periods=48, freq="h").tz_convert("UTC")
    assert landing.rows["counted_at"].tolist() == wanted.tolist()


def test_quarters_of_an_hour_are_refused_until_it_is_known_what_they_are() -> None:
    error = landing_of(SHARES).files[0].error
    assert error is not None and 'set values = "count"' in error


def test_quarters_of_an_hour_are_added_up_or_averaged() -> None:
    for values, vehicles in (("count", 400.0), ("rate", 100.0)):
        landing = landing_of(SHARES, values=values)
        assert landing.rejected.empty and len(landing.rows) == 192
        hours = landing.rows.drop_duplicates("counted_at")
        assert len(hours) == 48 and set(hours["vehicles"]) == {vehicles}
