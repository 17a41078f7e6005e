"""A what-if asks the same model again with one thing changed, and moves the forecast that way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.forecasting.daily.what_if import Change, altered
from flow_platform.ground.errors import ModelError
from flow_platform.models.vintage import TrainedModel

DAY = pd.Timestamp("2023-10-10")
SERIES = "C1"
Ask = Callable[..., tuple[pd.Series, pd.Series]]


@pytest.fixture(scope="module")
def issue(panel_data: SeriesData) -> pd.DataFrame:
    rows = panel_data.issues
    return rows[(rows["unique_id"] == SERIES) & (rows["issue"] == DAY)]


@pytest.fixture
def asked(
    panel_data: SeriesData, spec: SeriesSpec, models: dict[str, TrainedModel], issue: pd.DataFrame
) -> Ask:
    """The prediction of the issue as it is, and with one thing changed, each by target day."""

    def ask(**change: Any) -> tuple[pd.Series, pd.Series]:
        wanted = Change(DAY + pd.Timedelta(days=1), DAY + pd.Timedelta(days=7), **change)
        moment = issue["issued_at"].iloc[0]
        answers = []
        for data in (panel_data, altered(panel_data, SERIES, moment, wanted)):
            rows = forecast(models["effects"].artefacts, data, issue, spec)
            answers.append(rows.set_index("ds")["prediction"])
        return answers[0], answers[1]

    return ask


def test_a_campaign_raises_its_days_and_no_change_changes_nothing(asked: Ask) -> None:
    plain, same = asked()
    assert plain.equals(same)
    plain, changed = asked(event="Spring sale")
    inside = plain.index <= DAY + pd.Timedelta(days=5)
    assert (changed[inside] > 1.1 * plain[inside]).all()


def test_heavy_rain_lowers_and_a_higher_level_raises(asked: Ask) -> None:
    plain, wet = asked(weather={"precipitation_mm": 25.0})
    days = plain.index <= DAY + pd.Timedelta(days=7)
    assert (wet[days] < plain[days]).all()
    assert wet[~days].to_numpy() == pytest.approx(plain[~days].to_numpy())
    plain, higher = asked(level=0.2)
    assert (higher / plain).between(1.1, 1.25).all()


def test_what_cannot_be_known_is_refused(panel_data: SeriesData, issue: pd.DataFrame) -> None:
    moment = issue["issued_at"].iloc[0]
    soon = (DAY + pd.Timedelta(days=1), DAY + pd.Timedelta(days=2))
    with pytest.raises(ModelError, match=r"never had an event 'Moon landing'.*Spring sale"):
        altered(panel_data, SERIES, moment, Change(*soon, event="Moon landing"))
    with pytest.raises(ModelError, match="Unknown weather: fog"):
        altered(panel_data, SERIES, moment, Change(*soon, weather={"fog": 1.0}))
    late = (DAY + pd.Timedelta(days=90), DAY + pd.Timedelta(days=91))
    with pytest.raises(ModelError, match="was known"):
        altered(panel_data, SERIES, moment, Change(*late, weather={"precipitation_mm": 1.0}))
    with pytest.raises(ModelError, match="leaves no counts"):
        altered(panel_data, SERIES, moment, Change(*soon, level=-1.0))
