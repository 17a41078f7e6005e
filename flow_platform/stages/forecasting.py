"""Issues the forecasts of a rectangle: for each day the champion who serves it.

Only the as-of choice of the vintage and the writing are here; predictions come from `forecasting/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from flow_platform.flows import SeriesFlow
from flow_platform.forecasting.data import SeriesData, SeriesSpec
from flow_platform.forecasting.explanation import EXPLANATION_COLUMNS
from flow_platform.forecasting.training import fallback_forecast, forecast
from flow_platform.partitions import months_between
from flow_platform.platform import Platform
from flow_platform.registry.promotions import Reign, vintage_for
from flow_platform.registry.vintages import ML_ROLE, Vintage
from flow_platform.sources.local_time import local_midnight
from flow_platform.stages.history import read_history, spec_of
from flow_platform.stages.trading import closed_weekdays
from flow_platform.stages.training import Progress, Trained, ensure_vintages, logger
from flow_platform.warehouse.store import Keys

FALLBACK_VERSION = "fallback"


@dataclass(frozen=True)
class Issued:
    """The forecasts of one rectangle and measure, as they stand in `ml.forecasts`.

    `closed_targets` counts for each issue day the targets that have no row, because the shop is
    closed on their weekday.
    """

    frame: pd.DataFrame
    vintages: list[Trained]
    issues_by_version: dict[str, int]
    closed_targets: dict[pd.Timestamp, int]


def issue_forecasts(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    keys: Keys,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> Issued:
    """Forecast every centre and day of `keys` with what was known then, and replace the partitions.

    Vintages that the days need are trained first. Days before any vintage, and series a vintage
    cannot forecast, get the fallback; a centre that never reported gets no row.
    """
    spec = spec_of(platform, flow)
    data = read_history(platform, flow, measure, keys.last_day)
    trained = ensure_vintages(
        platform,
        flow,
        measure,
        months_between(keys.first_day, keys.last_day),
        data,
        spec,
        refresh=refresh,
        progress=progress,
    )
    wanted = data.issues[
        data.issues["unique_id"].isin(keys.centres)
        & data.issues["issue"].between(pd.Timestamp(keys.first_day), pd.Timestamp(keys.last_day))
    ]
    line = platform.registry.line(flow.name, measure)
    parts = [
        forecast_with(platform, vintage, data, wanted[wanted["issue"].isin(days)], spec)
        for vintage, days in days_by_vintage(line, wanted["issue"])
    ]
    made = pd.concat(parts, ignore_index=True)
    closed = closed_weekdays(data.actuals, wanted) if flow.has_trading_days else {}
    frame = _as_rows(platform, flow, measure, _without_closed(made, closed))
    platform.store(ML_ROLE).replace(
        "ml.forecasts", frame, keys, equal={"flow": flow.name, "measure": measure}
    )
    counts = frame.groupby("model_version")["day"].nunique()
    return Issued(
        frame,
        trained,
        {str(name): int(count) for name, count in counts.items()},
        {
            day: sum((day.weekday() + step) % 7 in weekdays for step in flow.horizons)
            for day, weekdays in closed.items()
        },
    )


def _without_closed(made: pd.DataFrame, closed: Mapping[pd.Timestamp, set[int]]) -> pd.DataFrame:
    if not any(closed.values()):
        return made
    weekdays = pd.DatetimeIndex(made["ds"]).day_of_week
    kept = [
        weekday not in closed.get(pd.Timestamp(day), ())
        for day, weekday in zip(made["issue"], weekdays, strict=True)
    ]
    return made[kept]


def days_by_vintage(
    line: Sequence[Reign], days: pd.Series
) -> list[tuple[Vintage | None, list[pd.Timestamp]]]:
    """The days that each vintage of the line serves; None serves those before any."""
    groups: dict[str, tuple[Vintage | None, list[pd.Timestamp]]] = {}
    for day in sorted(days.unique()):
        vintage = vintage_for(line, pd.Timestamp(day).date())
        name = vintage.model_version if vintage else FALLBACK_VERSION
        groups.setdefault(name, (vintage, []))[1].append(day)
    return list(groups.values())


def forecast_with(
    platform: Platform,
    vintage: Vintage | None,
    data: SeriesData,
    issues: pd.DataFrame,
    spec: SeriesSpec,
) -> pd.DataFrame:
    """What is said at `issues` where `vintage` serves: `FORECAST_COLUMNS` and model_version.

    Where it cannot forecast a series, the fallback does.
    """
    if vintage is None:
        return fallback_forecast(data, issues, spec).assign(model_version=FALLBACK_VERSION)
    made = forecast(platform.registry.load(vintage), data, issues, spec)
    made = made.assign(model_version=vintage.model_version)
    complete = made.dropna(subset=["prediction"])
    done = complete.groupby(["unique_id", "issue"]).size().reset_index(name="steps")
    left = issues.merge(done, on=["unique_id", "issue"], how="left")
    left = left[left["steps"].fillna(0) < len(spec.horizons)].drop(columns="steps")
    if left.empty:
        return complete
    short = complete.merge(
        left[["unique_id", "issue"]], on=["unique_id", "issue"], how="left", indicator=True
    )
    rest = fallback_forecast(data, left, spec).assign(model_version=FALLBACK_VERSION)
    return pd.concat(
        [short[short["_merge"] == "left_only"].drop(columns="_merge"), rest], ignore_index=True
    )


def _as_rows(
    platform: Platform, flow: SeriesFlow, measure: str, made: pd.DataFrame
) -> pd.DataFrame:
    zones = {centre.centre_id: centre.timezone for centre in platform.centres_of(flow)}
    rows = made.rename(columns={"unique_id": "centre_id", "issue": "day", "ds": "date"})
    rows["target_at"] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    for zone in set(zones.values()):
        here = rows["centre_id"].map(zones) == zone
        rows.loc[here, "target_at"] = local_midnight(pd.DatetimeIndex(rows.loc[here, "date"]), zone)
    rows["flow"], rows["measure"] = flow.name, measure
    return rows[
        [
            "flow",
            "measure",
            "centre_id",
            "day",
            "date",
            "target_at",
            "horizon",
            "issued_at",
            "prediction",
            "lower_80",
            "upper_80",
            "lower_95",
            "upper_95",
            "model_version",
            *EXPLANATION_COLUMNS,
        ]
    ]
