"""What the models of single records share: their figures, golden scores and explanations.

What is scored, and by which candidates, is each engine's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flow_platform.ground.errors import ModelError
from flow_platform.models.metrics import summarise

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# What a vintage's `TrainedModel.backtest` has of each row.
BACKTEST_COLUMNS = ["unique_id", "issue", "horizon", "ds", "prediction", "y"]


def tested_rows(
    began_at: NDArray[np.datetime64], predicted: Floats, outcome: Floats, usual: Floats
) -> pd.DataFrame:
    """The rows of a backtest of records: BACKTEST_COLUMNS, the band, and what MASE is scaled by.

    `predicted` has shape (n, 3): the outcome, and both sides of its 80 % band. MASE is against the
    `usual` outcome of each record, over the same records.
    """
    day = pd.DatetimeIndex(began_at).normalize()
    return pd.DataFrame(
        {
            "unique_id": [f"{number}" for number in range(len(outcome))],
            "issue": day,
            "horizon": 1,
            "ds": day,
            "prediction": predicted[:, 0],
            "lower_80": predicted[:, 1],
            "upper_80": predicted[:, 2],
            "y": outcome,
            "scale": float(np.abs(outcome - usual).mean()),
        }
    )


def figures(tested: pd.DataFrame) -> dict[str, float]:
    """The figures of `summarise` over all rows of a backtest, without their number."""
    row = summarise(tested).iloc[0].to_dict()
    return {str(name): float(value) for name, value in row.items() if name != "n"}


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Those of `metrics` that are numbers."""
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}


def typical_row(frame: Floats) -> Floats:
    """A row in the middle of all, shape (columns,): medians, 0 where a column is unknown in all."""
    known = np.flatnonzero(~np.isnan(frame).all(axis=0))
    made = np.zeros(frame.shape[1])
    made[known] = np.nanmedian(frame[:, known], axis=0)
    return made


def learned_until(moment: np.datetime64) -> dict[str, object]:
    """What calibration.json holds of time, for `promotion.trained_until`.

    `moment` (UTC) is the last from which anything was known that calibration and figures rest on.
    """
    return {"recent": {"known_at": []}, "errors": {"known_at": [second(moment)]}}


def second(moment: np.datetime64) -> str:
    """A moment in UTC as artefacts hold it."""
    return str(moment.astype("datetime64[s]"))


def check_golden(scores: Floats, golden: Mapping[str, Any], tolerance: float) -> None:
    """Raise ModelError unless `scores` of a vintage's golden rows are those of its training.

    They may differ by `tolerance` (relative): a sum's order may change with the processor.
    """
    expected = np.array(golden["scores"], dtype=np.float64)
    if scores.shape != expected.shape or not np.allclose(scores, expected, rtol=tolerance):
        raise ModelError(
            f"The vintage scores its golden row {scores[0].tolist()}, but"
            f" {expected[0].tolist()} when it was trained: its files or libraries changed."
            " Train it again with the libraries that are installed."
        )


def not_whole(flow: str, error: Exception) -> ModelError:
    """The error for artefacts of a vintage that cannot be read."""
    return ModelError(
        f"The artefacts of this vintage are not whole ({error!r}). Train it again:"
        f" flow train {flow} --from MONTH."
    )
