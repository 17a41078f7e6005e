"""Which candidates of a flow are trained where an extra is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from flow_platform.flows.retail.flow import RETAIL
from flow_platform.forecasting.daily import lstm
from flow_platform.forecasting.daily.data import SeriesData
from flow_platform.stages.case import Case
from flow_platform.stages.training import ensure_vintages

MONTHS = [date(2025, month, 1) for month in (4, 5, 6)]


class NoVintages:
    """The registry of a home in which nothing was trained."""

    @contextmanager
    def training_lock(self, flow: str) -> Iterator[None]:
        yield

    def champions(self, flow: str, measure: str) -> list[Any]:
        return []


@pytest.fixture
def data() -> SeriesData:
    days = pd.date_range("2025-01-01", "2025-06-30")
    known = (days + pd.Timedelta(days=1)).tz_localize("UTC")
    return SeriesData(
        actuals=pd.DataFrame({"unique_id": "UK", "ds": days, "y": 5.0, "available_at": known}),
        calendar=pd.DataFrame(),
        weather=pd.DataFrame(),
        issues=pd.DataFrame({"unique_id": "UK", "issue": days, "issued_at": known}),
    )


def test_a_candidate_without_its_extra_is_left_out_and_logged_once_for_all_months(
    data: SeriesData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lstm, "is_installed", lambda: False)
    logged: list[str] = []
    platform: Any = SimpleNamespace(registry=NoVintages(), settings=SimpleNamespace(seed=1))
    flow = replace(RETAIL, candidates=("lstm",))
    case = Case(platform, flow, "quantity")
    trained = ensure_vintages(case, MONTHS, lambda: data, progress=logged.append)
    assert trained == []
    assert len(logged) == 1 and "make deep-install" in logged[0]
