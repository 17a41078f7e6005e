"""From log forecasts of a feature frame to counts with bands.

How wide bands are is calibrated in `intervals`, which knows no frame.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.intervals import Calibration, calibrate
from flow_platform.models.moments import day_numbers
from flow_platform.models.vintage import DECIMALS

# An effect of a holiday or event, in logs, from which a day is special.
_LARGE_EFFECT = 0.25


def special_days(frame: pd.DataFrame) -> np.ndarray:
    """Rows (bool) whose errors are of another size: campaigns, holidays, large named effects."""
    return (
        (frame["is_event"].to_numpy() > 0)
        | (frame["is_holiday"].to_numpy() > 0)
        | (np.abs(frame["named_effect"].to_numpy()) > _LARGE_EFFECT)
    )


def band_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """What a band's width depends on, in the columns that `intervals` wants."""
    return pd.DataFrame(
        {
            "unique_id": frame["unique_id"].to_numpy(dtype=object),
            "horizon": frame["horizon"].to_numpy(),
            "spread": frame["spread"].to_numpy(dtype=float),
            "special": special_days(frame),
            "day": day_numbers(frame["ds"]),
            "log_prediction": frame["log_prediction"].to_numpy(dtype=float),
        }
    )


def calibrated(tested: pd.DataFrame) -> Calibration:
    """The calibration that out-of-sample rows with log_prediction and error (logs) give."""
    return calibrate(tested["error"].to_numpy(), band_rows(tested))


def with_bands(
    frame: pd.DataFrame, calibration: Calibration, factor: np.ndarray, non_negative: bool = True
) -> pd.DataFrame:
    """`frame` with prediction, lower_80, upper_80, lower_95, upper_95: rounded counts, in order.

    `factor` (rows,) widens the bands.
    """
    log = frame["log_prediction"].to_numpy()
    rows = band_rows(frame)
    edges = log[:, None] + calibration.bounds(rows, factor)
    values = np.expm1(np.column_stack([calibration.point(rows), edges]).clip(-30.0, 30.0))
    if non_negative:
        values = np.maximum(values, 0.0)
    values = np.round(values, DECIMALS)
    point = values[:, 0]
    result = frame.copy()
    result["prediction"] = point
    result["lower_95"] = np.minimum.reduce([values[:, 1], values[:, 2], point])
    result["lower_80"] = np.minimum(values[:, 2], point)
    result["upper_80"] = np.maximum(values[:, 3], point)
    result["upper_95"] = np.maximum.reduce([values[:, 4], values[:, 3], point])
    return result
