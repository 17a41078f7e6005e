"""Hours of the present day are added to what was forecast this morning, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pytest

from flow_platform.flows.traffic import stage
from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages import hourly
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.predictions import predict
from flow_platform.stages.weather import load_weather
from flow_platform.warehouse import embedded
from tests.integration.flows.traffic.roads import COUNTERS, make_settings, merge, read

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("quick")]


def test_the_present_day_grows_in_place_and_what_was_said_this_morning_stands(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    before = today - timedelta(days=20)
    chosen = make_settings(scratch / "t6", "simulated", first_day=before)
    platform = Platform(chosen)
    rectangle = Rectangle(COUNTERS, today, today)
    query = "select * from ml.forecasts order by centre_id, issued_at, horizon"
    try:
        prepare(platform)
        load_calendar(platform)
        platform.dbt.run(platform.server, ["seed"], {})
        load_weather(platform, Rectangle(("paris",), before, today - timedelta(days=1)))
        merge(platform, Rectangle(COUNTERS, before, today - timedelta(days=1)))
        said = {}
        for hour in (5, 9):
            stop_the_clocks(monkeypatch, datetime(today.year, today.month, today.day, hour, 10))
            merge(platform, rectangle, "monitoring__traffic_accuracy")
            issued = predict(platform, TRAFFIC, rectangle)
            said[hour] = read(platform, query)
            assert issued.rows == len(COUNTERS) * 24 * (6 if hour == 5 else 4)
        assert said[9]["issued_at"].max() == pd.Timestamp(today, tz="UTC") + pd.Timedelta("9h")
        earlier = said[9]["issued_at"] <= said[5]["issued_at"].max()
        pd.testing.assert_frame_equal(
            said[9][earlier].reset_index(drop=True), said[5], check_exact=True
        )
        assert len(said[9]) == len(COUNTERS) * 24 * 10
        to_come = read(platform, "select count(*) from merged.traffic where target_at > now()")
        assert to_come.iloc[0, 0] == 0
    finally:
        embedded.stop(chosen.home_path)


def stop_the_clocks(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Self:
            return cls.combine(now.date(), now.time(), tz)

    for module in (stage, hourly):
        monkeypatch.setattr(module, "datetime", Stopped)
