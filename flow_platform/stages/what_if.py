"""Asks the vintage that serves a day what it would have forecast under other conditions."""

from __future__ import annotations

import pandas as pd

from flow_platform.flows import SeriesFlow
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.forecasting.daily.what_if import Change, altered
from flow_platform.ground.errors import ModelError
from flow_platform.platform import Platform
from flow_platform.registry.promotions import vintage_for
from flow_platform.stages.daily import daily_case, read_history


def ask(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    centre_id: str,
    day: pd.Timestamp,
    change: Change,
) -> pd.DataFrame:
    """Forecasts issued on `day` (naive) as they are and with the change; nothing is stored.

    Columns date, horizon, prediction, changed, model_version. Raises ModelError where no model
    serves the day, or where the centre was unknown then.
    """
    case = daily_case(platform, flow, measure)
    data = read_history(case, day.date())
    issues = data.issues[(data.issues["unique_id"] == centre_id) & (data.issues["issue"] == day)]
    vintage = vintage_for(case.serving_history(), day.date())
    if vintage is None or issues.empty:
        raise ModelError(
            f"No model of {flow.name} {measure} serves {centre_id} on {day:%Y-%m-%d}. Choose a"
            f" centre of `flow centres list {flow.name}` and a day after its first vintage."
        )
    artefacts, spec = case.load(vintage), case.spec
    other = altered(data, centre_id, issues["issued_at"].iloc[0], change)
    plain, changed = (forecast(artefacts, facts, issues, spec) for facts in (data, other))
    rows = plain[["ds", "horizon", "prediction"]].merge(
        changed[["ds", "prediction"]].rename(columns={"prediction": "changed"}), on="ds"
    )
    return rows.rename(columns={"ds": "date"}).assign(model_version=vintage.model_version)
