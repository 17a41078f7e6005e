"""An explanation adds up to the forecast, and names what really moved it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.explanation import DRIVERS, EXPLANATION_COLUMNS, driver_of
from flow_platform.forecasting.daily.forecasting import fallback_forecast, forecast
from flow_platform.forecasting.daily.frame import build_frame, feature_names
from flow_platform.models.vintage import TrainedModel

NAMED = [f"by_{driver}" for driver in DRIVERS]


@pytest.fixture(scope="module")
def explained(
    panel_data: SeriesData, spec: SeriesSpec, models: dict[str, TrainedModel]
) -> dict[str, pd.DataFrame]:
    issues = panel_data.issues[panel_data.issues["issue"] >= "2023-10-01"]
    return {
        name: forecast(model.artefacts, panel_data, issues, spec) for name, model in models.items()
    }


@pytest.mark.parametrize("candidate", ENGINE.trainable())
def test_usual_and_drivers_add_up_to_the_forecast(
    explained: dict[str, pd.DataFrame], candidate: str
) -> None:
    rows = explained[candidate]
    assert rows[list(EXPLANATION_COLUMNS)].notna().all().all()
    total = rows["usual"] + rows[NAMED].sum(axis=1)
    assert np.allclose(total, rows["prediction"], rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("candidate", ["effects", "lightgbm", "blend"])
def test_a_holiday_and_a_campaign_are_named_as_what_they_are(
    explained: dict[str, pd.DataFrame], candidate: str
) -> None:
    """All Saints' Day lowers the world's counts; Black Friday has no precedent in this history."""
    rows = explained[candidate]
    holiday = rows[rows["ds"] == "2023-11-01"]
    assert (holiday["by_calendar"] < -0.15 * holiday["usual"]).all()
    assert (holiday["by_calendar"].abs() > holiday["by_weather"].abs()).all()
    plain = rows[rows["ds"].between("2023-10-09", "2023-10-20")]
    assert (plain["by_events"].abs() < 0.1 * plain["usual"]).all()


def test_each_feature_belongs_to_a_driver_that_people_know(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    frame = build_frame(panel_data, panel_data.issues.tail(3), spec.horizons, spec)
    found = {name: driver_of(name, spec.weather) for name in feature_names(frame)}
    assert set(found.values()) == set(DRIVERS)
    assert found["temperature_max"] == "weather" and found["is_holiday"] == "calendar"
    assert found["event_day"] == "events" and found["last_year_growth"] == "trend"
    assert found["recent_0"] == "recent_level"
    assert not {"weekday_effect", "event_effect"} & set(found)


def test_the_fallback_explains_nothing(panel_data: SeriesData, spec: SeriesSpec) -> None:
    rows = fallback_forecast(panel_data, panel_data.issues.tail(2), spec)
    assert rows[list(EXPLANATION_COLUMNS)].isna().all().all()
