"""Forecasts of a daily vintage from its artefacts, and those that need no model.

Which vintage serves which day is the registry's business.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily import correction, explanation, intervals
from flow_platform.forecasting.daily.artefacts import Stored, read
from flow_platform.forecasting.daily.bands import band_rows, with_bands
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.explanation import EXPLANATION_COLUMNS
from flow_platform.forecasting.daily.frame import build_frame
from flow_platform.forecasting.daily.panel import build_panel
from flow_platform.models.engine import FORECAST_COLUMNS
from flow_platform.models.moments import nanoseconds

# The largest log error that the fallback takes for usual. By coverage and interval score on the
# first 200 days of 5 and 20 real sites and 38 countries; 1.0 covers too little, 1.5 scores worse.
LARGEST_FALLBACK_SIZE = 1.25
# Quantiles of the fallback's errors, over their usual size, and how much wider special days are.
_FALLBACK_QUANTILES, _FALLBACK_SPECIAL = (-2.4, -1.4, 1.4, 2.4), 1.4
_COLUMNS = (*FORECAST_COLUMNS, *EXPLANATION_COLUMNS)


def forecast(
    artefacts: Mapping[str, bytes],
    data: SeriesData,
    issues: pd.DataFrame,
    spec: SeriesSpec,
    *,
    explained: bool = True,
) -> pd.DataFrame:
    """Forecasts with bands for `issues` (unique_id, issue, issued_at UTC) from one vintage.

    Returns `FORECAST_COLUMNS` and `EXPLANATION_COLUMNS` ordered by unique_id, issue, horizon:
    counts, never negative, bands that do not cross; usual and drivers add up to the prediction, and
    are NaN unless `explained`, which takes most of the time.
    Bands follow the errors of this vintage's own earlier forecasts, as far as their actuals were
    known at the issue time. A series of which nothing is known at an issue gets no row. Raises
    ModelError for incomplete artefacts.
    """
    stored = read(artefacts)
    wanted = _keyed(issues)
    if wanted.empty:
        return _empty()
    both = _with_earlier(wanted, data.issues, stored.cutoff, max(spec.horizons))
    frame = _predicted(stored, data, both, spec)
    known_at, positions = _positions(stored, frame)
    frame = frame.merge(both[["unique_id", "issue", "wanted"]], on=["unique_id", "issue"])
    frame = frame[frame["wanted"]]
    if frame.empty:
        return _empty()
    factor = intervals.recent_factors(nanoseconds(frame["issued_at"]), known_at, positions)
    factor = np.where(stored.calibration.is_sparse(frame), 1.0, factor)
    banded = with_bands(frame, stored.calibration, factor, spec.non_negative)
    if not explained:
        return _finish(banded)
    recipe = stored.recipe
    trend = recipe.memory.season * np.nan_to_num(banded[f"growth_{recipe.memory.half_life}"])
    drivers = explanation.explain(banded, recipe.corrections(banded), trend, spec.weather)
    return _finish(pd.concat([banded, drivers], axis=1))


def _with_earlier(
    wanted: pd.DataFrame, history: pd.DataFrame, cutoff: pd.Timestamp, steps: int
) -> pd.DataFrame:
    """`wanted` (wanted = True) and the issues before them whose errors show how bands fare.

    These are after the cut-off, so that their errors are out of sample too.
    """
    span = pd.Timedelta(days=intervals.RECENT_DAYS + steps + 2)
    near = (history["issued_at"] >= max(cutoff, wanted["issued_at"].min() - span)) & (
        history["issued_at"] < wanted["issued_at"].max()
    )
    both = pd.concat([wanted.assign(wanted=True), _keyed(history[near]).assign(wanted=False)])
    return both.drop_duplicates(["unique_id", "issue"], keep="first")


def _predicted(
    stored: Stored, data: SeriesData, issues: pd.DataFrame, spec: SeriesSpec
) -> pd.DataFrame:
    """The feature frame of `issues` with corrected log_prediction, where there is one."""
    recipe = stored.recipe
    frame = build_frame(data, issues[["unique_id", "issue", "issued_at"]], spec.horizons, spec)
    panel = build_panel(data, issues, spec) if recipe.needs_panel else None
    frame["log_prediction"] = recipe.predict(frame, panel)
    frame = frame[np.isfinite(frame["log_prediction"])]
    steady = ~stored.calibration.is_sparse(frame)
    later = correction.usual_errors(frame[(frame["issued_at"] >= stored.cutoff) & steady])
    errors = pd.concat([stored.errors, later], ignore_index=True)
    frame["log_prediction"] += correction.correction(
        stored.gain,
        correction.recent_bias(frame, errors, steady),
        frame["horizon"].to_numpy(dtype=float),
    )
    return frame


def _positions(stored: Stored, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """When counts became known (int64 ns), and where they fell in this vintage's bands."""
    learned = frame[frame["y"].notna() & (frame["issued_at"] >= stored.cutoff)]
    learned = learned[~stored.calibration.is_sparse(learned)]
    offsets = stored.calibration.bounds(band_rows(learned))
    error = np.log1p(learned["y"].to_numpy()) - learned["log_prediction"].to_numpy()
    known_at = np.concatenate([stored.known_at, nanoseconds(learned["y_available_at"])])
    return known_at, np.concatenate([stored.positions, intervals.position(error, offsets)])


def fallback_forecast(data: SeriesData, issues: pd.DataFrame, spec: SeriesSpec) -> pd.DataFrame:
    """As-of seasonal naive (mean of what is known where no season is) with wide bands.

    Needs no model and serves until there is history enough for one. Same columns as `forecast`,
    unexplained; a series of which nothing is known at an issue gets no row.
    """
    wanted = _keyed(issues)
    if wanted.empty or data.actuals["y"].notna().sum() == 0:
        return _empty()
    frame = build_frame(data, wanted, spec.horizons, spec)
    frame["log_prediction"] = frame["naive"]
    frame = frame[np.isfinite(frame["log_prediction"])]
    if frame.empty:
        return _empty()
    # The naive errs by the noise of two days; a short series by more than it shows. Each row's size
    # is its own: other rows that are forecast with it must not move its bands. A band beyond the
    # largest size would be too wide to be of any use.
    spread = frame["spread"].fillna(0.0).to_numpy()
    short = 1.0 + 4.0 / np.maximum(np.expm1(frame["mass"].to_numpy()), 1.0)
    size = np.minimum(np.maximum(spread * 1.6, 0.1) * short, LARGEST_FALLBACK_SIZE)
    horizons = tuple(sorted(spec.horizons))
    quantiles = np.array([list(_FALLBACK_QUANTILES)] * len(horizons))
    calibration = intervals.Calibration(horizons, quantiles, _FALLBACK_SPECIAL, {"": (1.0, 1.0)})
    return _finish(with_bands(frame.assign(spread=1.0), calibration, size, spec.non_negative))


def _keyed(issues: pd.DataFrame) -> pd.DataFrame:
    return issues[["unique_id", "issue", "issued_at"]].reset_index(drop=True)


def _finish(frame: pd.DataFrame) -> pd.DataFrame:
    ordered = frame.sort_values(["unique_id", "issue", "horizon"], kind="stable")
    # Forecasts that were not explained get empty columns.
    return ordered.reindex(columns=list(_COLUMNS)).reset_index(drop=True)


def _empty() -> pd.DataFrame:
    types = {
        "unique_id": "str",
        "issue": "datetime64[ns]",
        "issued_at": "datetime64[ns, UTC]",
        "horizon": "int64",
        "ds": "datetime64[ns]",
    }
    return pd.DataFrame({c: pd.Series(dtype=types.get(c, "float64")) for c in _COLUMNS})
