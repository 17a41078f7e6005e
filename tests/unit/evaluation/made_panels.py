"""Made rows of unique_id, ds, y that the tests of evaluation share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.evaluation.options import Options
from flow_platform.evaluation.series_matrix import SeriesMatrix, matrix_of

# Candidates without a fit, and the two combinations.
NO_FITS = ("seasonal_naive", "phase_means", "median", "weighted")
QUICK = ("seasonal_naive", "phase_means", "theta", "median", "weighted")


def rows(**series: list[float]) -> pd.DataFrame:
    """Series of whole-number ds from 1 on; NaN is a missing row."""
    return pd.concat(
        pd.DataFrame({"unique_id": name, "ds": range(1, len(y) + 1), "y": y})
        for name, y in series.items()
    ).dropna(subset=["y"])


def weeks(series: int = 12, steps: int = 140, seed: int = 1, noise: float = 8.0) -> pd.DataFrame:
    """Daily series with a week's pattern and independent noise."""
    generator = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=steps)
    pattern = np.array([120.0, 110, 100, 100, 105, 60, 20])
    return pd.concat(
        pd.DataFrame(
            {
                "unique_id": f"S{n:03d}",
                "ds": days,
                "y": np.maximum(
                    (1 + n / 4) * (pattern[days.day_of_week] + generator.normal(0, noise, steps)), 0
                ),
            }
        )
        for n in range(series)
    )


def daily(frame: pd.DataFrame) -> SeriesMatrix:
    """The matrix of daily rows with a week as season."""
    return matrix_of(frame, "D", (7,))


def options(**more: object) -> Options:
    """A week ahead with quick candidates in one process."""
    return Options(**{"horizon": 7, "candidates": QUICK, "workers": 1, **more})  # type: ignore[arg-type]
