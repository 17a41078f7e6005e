"""Training an hourly vintage at a cut-off, and forecasting from its artefacts.

The same functions as in `forecasting/daily/training.py`, and vintages of the same form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import training as daily
from flow_platform.forecasting.hourly import adaptation
from flow_platform.forecasting.hourly.adaptation import Positions
from flow_platform.forecasting.hourly.candidates import (
    BOOSTED,
    CANDIDATES,
    USUAL_PERSISTENCE,
    Recipe,
    fit_boosters,
    fit_persistence,
    profile_ar,
    seasonal_naive,
)
from flow_platform.forecasting.hourly.data import (
    ADAPTATION_DAYS,
    CODE_VERSION,
    HOUR,
    LOOKBACK_DAYS,
    HourlyData,
    HourlySpec,
    fingerprint,
)
from flow_platform.forecasting.hourly.frame import Frame, build_frame
from flow_platform.forecasting.hourly.intervals import Bands, calibrate, ordered
from flow_platform.forecasting.hourly.levels import LEVELS, level_of
from flow_platform.forecasting.hourly.panel import Panel, build_panel
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import compact_artefact
from flow_platform.models.metrics import seasonal_scale, summarise
from flow_platform.models.moments import utc
from flow_platform.models.preparation import Newest
from flow_platform.models.promotion import score
from flow_platform.models.sampling import evenly_chosen
from flow_platform.models.vintage import DECIMALS, TrainedModel

FORECAST_COLUMNS = (*daily.FORECAST_COLUMNS, "level")
# Rows that are learned from one hour ahead and later, and rows of the backtest.
TRAINING_ROWS = {"next": 40_000, "later": 80_000}
BACKTEST_ROWS = 45_000
# Rows of a frame that are made at once: bounds memory.
CHUNK = 250_000
# The bands of a forecast without a model, over the size of recent residuals.
_FALLBACK_WIDTHS = np.array([-3.5, -1.9, 1.9, 3.5])


def has_enough_history(data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec) -> bool:
    """Whether `train` at `cutoff` would find a series with `spec.min_history_days` days."""
    return _history_gap(data.before(cutoff), spec) is None


def _history_gap(visible: HourlyData, spec: HourlySpec) -> str | None:
    known = visible.actuals[visible.actuals["y"].notna()]
    if known.empty:
        return f"no reading is known, {spec.min_history_days} days of them are needed"
    days = known.groupby(["unique_id", known["ds"].dt.normalize()], sort=False).size()
    longest = int((days >= 6).groupby("unique_id").sum().max())
    if longest < spec.min_history_days:
        return f"the longest series has {longest} days, {spec.min_history_days} are needed"
    return None


class _Prepared:
    """What all candidates share at one cut-off: the panel, the rows and the fits."""

    def __init__(self, data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec) -> None:
        self.spec, self.cutoff = spec, cutoff
        visible = data.before(cutoff)
        gap = _history_gap(visible, spec)
        if gap:
            raise ModelError(
                f"Cannot train at {cutoff}: {gap}. Use the fallback forecast until more is known."
            )
        end = cutoff.tz_localize(None)
        first = max(visible.actuals["ds"].min(), end - pd.Timedelta(days=spec.training_days))
        # More series would hardly say more.
        ids = sorted(visible.actuals["unique_id"].astype(str).unique())
        visible = visible.of(evenly_chosen(ids, spec.most_series))
        known = visible.actuals[visible.actuals["y"].notna() & (visible.actuals["ds"] >= first)]
        self.first, self.last = known["ds"].min(), known["ds"].max()
        self.panel = build_panel(visible, first, end, spec)
        # The hour that ends at the cut-off is known at the cut-off, not before it.
        self.end = self.panel.hours - 1
        length = min(spec.backtest_days * 24, (self.end - spec.min_history_days * 24) // 2)
        self.fold = self.end - max(length, 24 * 7)

    @property
    def ids(self) -> np.ndarray:
        return self.panel.ids.to_numpy()

    def _rows(self, low: int, high: int, limits: Mapping[tuple[int, int], int]) -> Frame:
        """About so many rows of each range of horizons, issues from `low` to before `high`."""
        random = np.random.default_rng(self.spec.seed)
        series, issue, horizon = [], [], []
        known = np.isfinite(self.panel.y)
        for (first, last), limit in limits.items():
            steps = [h for h in self.spec.horizons if first <= h <= last]
            if not steps:
                continue
            for row in range(len(self.ids)):
                hours = np.flatnonzero(known[row, low:high]) + low
                share = limit // len(self.ids)
                pairs = len(hours) * len(steps)
                if not pairs:
                    continue
                chosen = (
                    np.arange(pairs)
                    if pairs <= share
                    else np.sort(random.choice(pairs, share, replace=False))
                )
                target = hours[chosen // len(steps)]
                step = np.array(steps)[chosen % len(steps)]
                series.append(np.full(len(chosen), row))
                issue.append(target - step)
                horizon.append(step)
        if not series:
            raise ModelError(
                f"Cannot train at {self.cutoff}: no reading between the hours that are learned"
                " from. Check that readings still arrive."
            )
        return build_frame(
            self.panel,
            np.concatenate(series),
            np.concatenate(issue),
            np.concatenate(horizon),
            self.spec,
        )

    @cached_property
    def learned(self) -> Frame:
        """Rows to learn from: readings before the cut-off, with a level behind the issue."""
        last = max(self.spec.horizons)
        low = min(24 * 28, self.fold // 2)
        frame = self._rows(
            low, self.end, {(1, 1): TRAINING_ROWS["next"], (2, last): TRAINING_ROWS["later"]}
        )
        return frame.where(np.isfinite(frame.level))

    @cached_property
    def tested(self) -> Frame:
        """Rows of the backtest: readings after the fold began, of issues after it too."""
        last = max(self.spec.horizons)
        frame = self._rows(
            self.fold + last,
            self.end,
            {(1, 1): BACKTEST_ROWS // 3, (2, last): 2 * BACKTEST_ROWS // 3},
        )
        return frame.where((frame.issue >= self.fold) & np.isfinite(frame.level))

    def before(self, hour: int) -> Frame:
        """Of the rows to learn from those whose reading was known before that column's hour."""
        return self.learned.where(self.learned.y_known < hour * HOUR)

    @cached_property
    def persistence(self) -> list[dict[str, float]]:
        return [fit_persistence(self.before(hour), self.ids) for hour in (self.fold, self.end)]

    @cached_property
    def boosters(self) -> list[dict[str, str]]:
        return [fit_boosters(self.before(hour), self.spec) for hour in (self.fold, self.end)]

    @cached_property
    def scales(self) -> np.ndarray:
        """(series,) the seasonal naive's error before the backtest: the unit of MASE."""
        until = max(self.fold, 24 * 21)
        return np.array([seasonal_scale(row[:until], self.spec.season) for row in self.panel.y])


_latest = Newest[_Prepared]()


def _prepare(data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec) -> _Prepared:
    """The shared work at a cut-off."""
    return _latest.of(fingerprint(data, cutoff, spec), lambda: _Prepared(data, cutoff, spec))


def train(candidate: str, data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec) -> TrainedModel:
    """Fit `candidate` on what was known before `cutoff` (UTC), backtest and calibrate it.

    The last `spec.backtest_days` are forecast by a model fitted before them; those errors give
    the metrics and the bands; then it is fitted again on all. Equal data give equal bytes. Raises
    ModelError for an unknown candidate or too little history.
    """
    if candidate not in CANDIDATES:
        raise ModelError(f"Unknown candidate {candidate!r}; choose one of {', '.join(CANDIDATES)}.")
    moment = utc(cutoff)
    prepared = _prepare(data, moment, spec)
    early, final = (
        Recipe(
            candidate,
            names=prepared.learned.names if candidate in BOOSTED else [],
            persistence=prepared.persistence[n] if candidate == "profile_ar" else {},
            boosters=prepared.boosters[n] if candidate in BOOSTED else {},
        )
        for n in (0, 1)
    )
    tested = prepared.tested
    if not len(tested):
        raise ModelError(
            f"Cannot backtest at {moment}: no reading in the last days before the cut-off. Check"
            " that readings still arrive."
        )
    prediction = early.predict(tested, prepared.ids)
    later = tested.target >= np.median(tested.target)
    bands = calibrate(tested, prediction, later, spec.seed)
    rows = _scored(prepared, tested, prediction, later)
    metrics = _metrics(rows)
    newest = int(min(tested.y_known.max(), prepared.end * HOUR) + prepared.panel.first * HOUR)
    artefacts = {
        "training.json": compact_artefact(
            {
                "candidate": candidate,
                "cutoff": moment.isoformat(),
                "train_first": str(prepared.first.date()),
                "train_last": str(prepared.last.date()),
                "trained_rows": len(prepared.learned),
                "horizons": list(spec.horizons),
                "code_version": f"hourly {CODE_VERSION}",
            }
        ),
        "features.json": compact_artefact(final.names),
        "parameters.json": compact_artefact(
            {
                "persistence": dict(sorted(final.persistence.items())),
                "lightgbm": asdict(spec.boosting) if candidate in BOOSTED else {},
            }
        ),
        "calibration.json": compact_artefact(
            bands.as_json()
            | {
                "positions": _positions(prepared, tested, rows).as_json(),
                "recent": {"known_at": [newest * 1_000_000_000]},
                "errors": {"unique_id": [], "known_at": [], "error": []},
            }
        ),
        "size.txt": bands.size.encode(),
        "metrics.json": compact_artefact(metrics),
        "backtest.json": compact_artefact(
            score(rows.assign(ds=rows["ds"].dt.normalize())).as_json()
        ),
        **{f"model.{name}.txt": text.encode() for name, text in final.boosters.items()},
    }
    return TrainedModel(
        candidate=candidate,
        cutoff=moment,
        artefacts=artefacts,
        metrics=metrics,
        backtest=rows[["unique_id", "issue", "horizon", "ds", "prediction", "y"]],
        train_first=prepared.first.normalize(),
        train_last=prepared.last.normalize(),
        trained_rows=len(prepared.learned),
    )


def _scored(
    prepared: _Prepared, tested: Frame, prediction: np.ndarray, later: np.ndarray
) -> pd.DataFrame:
    """The backtest's rows with bands and scale; bands of a half come from the other half."""
    edges = np.full((len(tested), 4), np.nan)
    for own, other in ((later, ~later), (~later, later)):
        if own.any() and other.any():
            half = tested.where(other)
            parts = half.target >= np.median(half.target)
            bands = calibrate(half, prediction[other], parts, prepared.spec.seed)
            edges[own] = bands.around(tested.where(own), prediction[own])
    hours = pd.to_datetime(
        (np.array([tested.issue, tested.target]) + prepared.panel.first).ravel() * HOUR, unit="s"
    )
    issue, target = hours[: len(tested)], hours[len(tested) :]
    return pd.DataFrame(
        {
            "unique_id": prepared.ids[tested.series],
            "issue": issue,
            "horizon": tested.horizon,
            "ds": target,
            "prediction": np.round(prediction, DECIMALS),
            "y": tested.y,
            "lower_95": edges[:, 0],
            "lower_80": edges[:, 1],
            "upper_80": edges[:, 2],
            "upper_95": edges[:, 3],
            "scale": prepared.scales[tested.series],
        }
    )


def _positions(prepared: _Prepared, tested: Frame, rows: pd.DataFrame) -> Positions:
    """Where the backtest's newest readings fell in bands that were made without them."""
    first = prepared.panel.first
    near, far = adaptation.STEPS
    chosen = (tested.horizon == near) | (np.abs(tested.horizon - far) <= 2)
    chosen &= tested.target > prepared.end - ADAPTATION_DAYS * 24
    chosen &= np.isfinite(rows["lower_80"].to_numpy()) & (tested.y_known < prepared.end * HOUR)
    part = rows[chosen]
    return Positions(
        part["unique_id"].to_numpy(),
        tested.target[chosen] + first,
        tested.y_known[chosen] / HOUR + first,
        adaptation.positions(
            part["y"].to_numpy(),
            part["prediction"].to_numpy(),
            part[["lower_80", "upper_80"]].to_numpy(),
        ),
        tested.horizon[chosen] >= adaptation.LATER,
    )


def _metrics(rows: pd.DataFrame) -> dict[str, float]:
    """Figures over all horizons, each counted alike, and the MAE one hour ahead."""
    row = summarise(rows).iloc[0]
    names = ("mae", "rmse", "mape", "wape", "mase", "bias", "r2", "coverage_80", "coverage_95")
    figures = {name: float(f"{row[name]:.10g}") for name in names} | {"n": float(row["n"])}
    for step in (1, 24):
        ahead = rows[rows["horizon"] == step]
        error = (ahead["y"] - ahead["prediction"]).abs().mean()
        figures[f"mae_{step}_h"] = float(f"{error:.10g}")
    return figures


@dataclass(frozen=True)
class _Stored:
    cutoff: pd.Timestamp
    recipe: Recipe
    bands: Bands
    positions: Positions

    def said(self, frame: Frame, ids: np.ndarray) -> np.ndarray:
        return np.round(self.recipe.predict(frame, ids), DECIMALS)


def _read(artefacts: Mapping[str, bytes]) -> _Stored:
    wanted = (
        "training.json",
        "features.json",
        "parameters.json",
        "calibration.json",
        "size.txt",
    )
    missing = [name for name in wanted if name not in artefacts]
    if missing:
        raise ModelError(
            f"The vintage lacks {', '.join(missing)}; restore its artefacts or train it again."
        )
    try:
        training, names, parameters, calibration = (json.loads(artefacts[n]) for n in wanted[:4])
        return _Stored(
            utc(pd.Timestamp(training["cutoff"])),
            Recipe(
                training["candidate"],
                names=list(names),
                persistence=parameters["persistence"],
                boosters={
                    name.removeprefix("model.").removesuffix(".txt"): content.decode()
                    for name, content in artefacts.items()
                    if name.startswith("model.")
                },
            ),
            Bands(
                artefacts["size.txt"].decode(),
                tuple(calibration["horizons"]),
                np.array(calibration["quantiles"], dtype=float),
                float(calibration["least"]),
            ),
            Positions.from_json(calibration["positions"]),
        )
    except (KeyError, ValueError, TypeError) as broken:
        raise ModelError(
            f"The vintage's artefacts cannot be read ({broken}); restore them or train it again."
        ) from broken


def forecast(
    artefacts: Mapping[str, bytes], data: HourlyData, issues: pd.DataFrame, spec: HourlySpec
) -> pd.DataFrame:
    """Forecasts with bands and levels for `issues` (unique_id, issue: naive UTC hour, issued_at).

    Returns `FORECAST_COLUMNS` ordered by unique_id, issue, horizon; never negative, bands that do
    not cross. A series of which nothing is known at an issue gets no row. Raises ModelError for
    incomplete artefacts.
    """
    stored = _read(artefacts)
    seen: Positions | None = None

    def said(frame: Frame, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        nonlocal seen
        if seen is None:
            seen = _lately(stored, panel, issues, spec)
        ids = panel.ids.to_numpy()
        prediction = stored.said(frame, ids)
        wider = adaptation.factors(
            ids[frame.series], (frame.issue + panel.first) // 24, frame.horizon, seen
        )
        return prediction, stored.bands.around(frame, prediction, wider)

    return _forecast(data, issues, spec, said)


def _lately(stored: _Stored, panel: Panel, issues: pd.DataFrame, spec: HourlySpec) -> Positions:
    """Where readings fell that this vintage forecast, after its cut-off, of late."""
    hours = panel.hour_index(issues["issue"])
    last = (int(hours.max()) + panel.first) // 24 * 24 - panel.first
    begin = (int(hours.min()) + panel.first) // 24 * 24 - panel.first - ADAPTATION_DAYS * 24
    cutoff = int(panel.hour_index(pd.DatetimeIndex([stored.cutoff]))[0])
    seen = stored.positions
    for step in adaptation.STEPS:
        # Issues from the cut-off on, whose readings lie in the days that count.
        targets = np.arange(max(begin + 1, cutoff + step, step), last + 1)
        targets = targets[(targets + panel.first) % adaptation.EVERY == 0]
        series = np.repeat(np.arange(len(panel.ids)), len(targets))
        target = np.tile(targets, len(panel.ids))
        known = np.isfinite(panel.y[series, target])
        series, target = series[known], target[known]
        for start in range(0, len(series), CHUNK):
            part = slice(start, start + CHUNK)
            own, at = series[part], target[part]
            seen = seen.and_then(_fallen(stored, panel, own, at, step, spec))
    return seen


def _fallen(
    stored: _Stored,
    panel: Panel,
    series: np.ndarray,
    target: np.ndarray,
    step: int,
    spec: HourlySpec,
) -> Positions:
    """Where the readings at `target` fell in what was said of them `step` hours before."""
    frame = build_frame(panel, series, target - step, np.full(len(target), step), spec)
    frame = frame.where(np.isfinite(frame.level))
    ids = panel.ids.to_numpy()
    prediction = stored.said(frame, ids)
    edges = stored.bands.around(frame, prediction)[:, 1:3]
    return Positions(
        ids[frame.series],
        frame.target + panel.first,
        frame.y_known / HOUR + panel.first,
        adaptation.positions(frame.y, prediction, edges),
        np.full(len(frame), step >= adaptation.LATER),
    )


def fallback_forecast(data: HourlyData, issues: pd.DataFrame, spec: HourlySpec) -> pd.DataFrame:
    """As-of profile and AR(1) with wide bands, until there is a vintage. Columns of `forecast`."""

    def said(frame: Frame, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        made = profile_ar(frame, panel.ids.to_numpy(), {"": USUAL_PERSISTENCE})
        prediction = np.round(
            np.maximum(np.where(np.isfinite(made), made, seasonal_naive(frame)), 0.0), DECIMALS
        )
        size = np.where(np.isfinite(frame.size), frame.size, 0.3 * frame.level)
        size = np.maximum(np.nan_to_num(size), 0.05 * np.nan_to_num(frame.level))
        edges = prediction[:, None] + size[:, None] * _FALLBACK_WIDTHS
        return prediction, ordered(edges, prediction)

    return _forecast(data, issues, spec, said)


def _forecast(data: HourlyData, issues: pd.DataFrame, spec: HourlySpec, said: Any) -> pd.DataFrame:
    if issues.empty or data.actuals.empty:
        return _empty()
    look_back = pd.Timedelta(days=LOOKBACK_DAYS)
    last = issues["issue"].max() + pd.Timedelta(hours=max(spec.horizons))
    own = data.of(set(issues["unique_id"].astype(str)))
    panel = build_panel(own, issues["issue"].min() - look_back, last, spec)
    ordered_issues = issues.sort_values(["unique_id", "issue"])
    place = panel.ids.get_indexer(pd.Index(ordered_issues["unique_id"].astype(str)))
    hour = panel.hour_index(ordered_issues["issue"])
    steps = np.array(sorted(spec.horizons))
    size = max(1, CHUNK // len(steps))
    parts = []
    for start in range(0, len(place), size):
        rows = slice(start, start + size)
        series, issue = (np.repeat(part[rows], len(steps)) for part in (place, hour))
        horizon = np.tile(steps, len(place[rows]))
        frame = build_frame(panel, series, issue, horizon, spec)
        # Nothing known for four weeks: there is nothing to forecast from.
        frame = frame.where(np.isfinite(frame.level))
        if not len(frame):
            continue
        prediction, edges = said(frame, panel)
        times = (np.array([frame.issue, frame.target]) + panel.first) * HOUR
        issued, target = (pd.to_datetime(row, unit="s").as_unit("us") for row in times)
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": panel.ids.to_numpy()[frame.series],
                    "issue": issued,
                    "issued_at": issued.tz_localize("UTC"),
                    "horizon": frame.horizon,
                    "ds": target,
                    "prediction": prediction,
                    "lower_80": np.round(edges[:, 1], DECIMALS),
                    "upper_80": np.round(edges[:, 2], DECIMALS),
                    "lower_95": np.round(edges[:, 0], DECIMALS),
                    "upper_95": np.round(edges[:, 3], DECIMALS),
                    "level": np.array([*LEVELS, None], dtype=object)[level_of(frame)],
                }
            )
        )
    if not parts:
        return _empty()
    made = pd.concat(parts, ignore_index=True)
    return made[np.isfinite(made["prediction"])].reset_index(drop=True)


def _empty() -> pd.DataFrame:
    frame = pd.DataFrame({name: pd.Series(dtype="float64") for name in FORECAST_COLUMNS})
    return frame.astype({"unique_id": object, "level": object, "issue": "datetime64[us]"}).assign(
        ds=pd.Series(dtype="datetime64[us]"), issued_at=pd.Series(dtype="datetime64[us, UTC]")
    )[list(FORECAST_COLUMNS)]
