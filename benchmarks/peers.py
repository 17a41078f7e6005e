"""What the benchmarks on real series share: the platform's monthly vintages, and named peers.

Both forecast the same rows in the same run. Where the rows come from is in each benchmark.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np
import pandas as pd

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.forecasting import forecast
from flow_platform.forecasting.daily.recipe import CANDIDATES
from flow_platform.models.champions import succeed
from flow_platform.models.metrics import seasonal_scale
from flow_platform.models.promotion import Scores, backtest_scores
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel

PEERS = ("SeasonalNaive", "AutoETS", "DynamicOptimizedTheta", "MSTL", "mlforecast_lightgbm")
# How gaps of the history are closed for peers that need every day: zero, or the last value.
Gaps = Literal["carried", "zero"]


def near_holidays(days: pd.Series, holidays: list[Any]) -> pd.DataFrame:
    """days_to_holiday and days_since_holiday of each day, 30 at most, as raw.calendar has them."""
    marked = np.array(sorted(holidays), dtype="datetime64[D]")
    apart = (days.to_numpy()[:, None].astype("datetime64[D]") - marked).astype(int)
    return pd.DataFrame(
        {
            "days_to_holiday": np.where(apart <= 0, -apart, 30).min(axis=1).clip(0, 30),
            "days_since_holiday": np.where(apart >= 0, apart, 30).min(axis=1).clip(0, 30),
        },
        index=days.index,
    )


def paired(
    made: list[pd.DataFrame], actuals: pd.DataFrame, first: pd.Timestamp, season: int
) -> pd.DataFrame:
    """Forecasts with y and the MASE scale before `first`, of targets that every model forecast.

    A series too young for one of them is left out for all.
    """
    rows = pd.concat(made, ignore_index=True).merge(actuals, on=["unique_id", "ds"])
    keys = ["unique_id", "issue", "ds"]
    everyone = rows.groupby(keys)["model"].transform("nunique") == rows["model"].nunique()
    rows = rows[everyone].reset_index(drop=True)
    scales = {
        name: seasonal_scale(group.set_index("ds")["y"].asfreq("D").to_numpy(), season)
        for name, group in actuals[actuals["ds"] < first].groupby("unique_id")
    }
    return rows.assign(scale=rows["unique_id"].map(scales))


def champion_of(current: str | None, models: dict[str, TrainedModel], spec: SeriesSpec) -> str:
    """Who leads a month, as the platform decides it."""
    metrics = {name: model.metrics for name, model in models.items()}

    def backtest(name: str) -> Scores:
        return backtest_scores(models[name].artefacts)

    return succeed(current, metrics, backtest, spec.seed, CANDIDATES).champion


def platform(
    data: SeriesData, origins: pd.DatetimeIndex, spec: SeriesSpec, flow: SeriesFlow, say: Any
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The forecasts of a flow's candidates and champion, by monthly vintages; seconds by step.

    A candidate whose extra is not installed is left out.
    """
    names = ENGINE.trainable(flow.candidates)
    chosen = data.issues[data.issues["issue"].isin(origins)]
    months = chosen["issued_at"].dt.tz_localize(None).dt.to_period("M")
    pieces, seconds = [], {"train": 0.0, "forecast": 0.0}
    champion: str | None = None
    trainer = Trainer(ENGINE)
    for month in months.unique():
        cutoff = month.to_timestamp().tz_localize("UTC")
        issues = chosen[(months == month).to_numpy()]
        started = time.perf_counter()
        models = {name: trainer.train(name, data, cutoff, spec) for name in names}
        champion = champion_of(champion, models, spec)
        seconds["train"] += time.perf_counter() - started
        started = time.perf_counter()
        for name, model in models.items():
            rows = forecast(model.artefacts, data, issues, spec, explained=False)
            pieces.append(rows.assign(model=name))
            if name == champion:
                pieces.append(rows.assign(model="champion"))
        seconds["forecast"] += time.perf_counter() - started
        figures = ", ".join(f"{n} {m.metrics['mase']:.3f}" for n, m in models.items())
        say(f"vintage {month}: champion {champion} (backtest MASE: {figures})")
    return pd.concat(pieces, ignore_index=True), seconds


def calendar_features(calendar: pd.DataFrame) -> pd.DataFrame:
    """The global peer's inputs for each day: unique_id, ds and numbers."""
    known = calendar[["unique_id", "ds", "days_to_holiday", "days_since_holiday"]].copy()
    known["holiday"] = calendar["holiday"].notna().astype(int)
    event = calendar["event"].fillna("")
    known["event"] = event.astype("category").cat.codes
    block = (event != event.shift()).cumsum()
    known["event_day"] = np.where(event != "", event.groupby(block).cumcount() + 1, 0)
    return known


def global_learner(**trees: Any) -> Any:
    """mlforecast with LightGBM over the logs of all series, lags and rolling means."""
    import lightgbm
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import ExponentiallyWeightedMean, RollingMean
    from mlforecast.target_transforms import GlobalSklearnTransformer
    from sklearn.preprocessing import FunctionTransformer

    model = lightgbm.LGBMRegressor(**trees, verbosity=-1, num_threads=1, random_state=0)
    return MLForecast(
        {PEERS[-1]: model},
        freq="D",
        lags=[1, 2, 3, 7, 14, 21, 28],
        lag_transforms={1: [RollingMean(7), RollingMean(28), ExponentiallyWeightedMean(0.3)]},
        date_features=["dayofweek", "day", "month"],
        target_transforms=[GlobalSklearnTransformer(FunctionTransformer(np.log1p, np.expm1))],
    )


def peers(
    data: SeriesData, origins: pd.DatetimeIndex, horizon: int, gaps: Gaps, say: Any
) -> tuple[pd.DataFrame, float]:
    """statsforecast and mlforecast refitted at every origin, with the same calendar."""
    from statsforecast import StatsForecast
    from statsforecast.models import MSTL, AutoETS, DynamicOptimizedTheta, SeasonalNaive

    known = calendar_features(data.calendar)
    pieces, started = [], time.perf_counter()
    for number, origin in enumerate(origins):
        history = _regular(data.actuals, origin, gaps)
        statistical = StatsForecast(
            models=[
                SeasonalNaive(7),
                AutoETS(season_length=7),
                DynamicOptimizedTheta(season_length=7),
                MSTL(season_length=7),
            ],
            freq="D",
            fallback_model=SeasonalNaive(7),
        ).forecast(df=history, h=horizon)
        learner = global_learner(n_estimators=300, learning_rate=0.05, num_leaves=31)
        learner.fit(history.merge(known, on=["unique_id", "ds"]), static_features=[])
        direct = learner.predict(horizon, X_df=known[known["ds"] > origin])
        rows = statistical.merge(direct, on=["unique_id", "ds"])
        pieces.append(rows.assign(issue=origin))
        say(f"peers at {origin.date()} ({number + 1} of {len(origins)})")
    table = pd.concat(pieces, ignore_index=True)
    table = table.melt(["unique_id", "ds", "issue"], list(PEERS), "model", "prediction")
    table["prediction"] = table["prediction"].clip(lower=0)
    table["horizon"] = (table["ds"] - table["issue"]).dt.days
    return table, time.perf_counter() - started


def _regular(actuals: pd.DataFrame, origin: pd.Timestamp, gaps: Gaps) -> pd.DataFrame:
    """History up to `origin` without gaps, as statsforecast needs it; 30 known days at least."""
    pieces = []
    for name, group in actuals[actuals["ds"] <= origin].groupby("unique_id"):
        if len(group) < 30:
            continue
        days = pd.date_range(group["ds"].min(), origin)
        known = group.set_index("ds")["y"].reindex(days)
        filled = known.ffill() if gaps == "carried" else known.fillna(0.0)
        pieces.append(pd.DataFrame({"unique_id": name, "ds": days, "y": filled.to_numpy()}))
    return pd.concat(pieces, ignore_index=True)


def show(title: str, records: list[dict[str, Any]], keys: list[str]) -> None:
    """Print a table of figures, a row for each of `keys`."""
    columns = ["n", "wape", "mae", "rmse", "mase", "bias", "r2", "coverage_80", "coverage_95"]
    frame = pd.DataFrame(records)[[*keys, *columns]]
    formats = {c: "{:.3f}".format for c in columns if c not in ("n", "mae", "rmse")}
    formats |= {"mae": "{:,.0f}".format, "rmse": "{:,.0f}".format}
    print(f"\n{title}\n{frame.to_string(index=False, formatters=formats, na_rep='-')}")
