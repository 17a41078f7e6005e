"""The rows that follow a panel, as values at its next steps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.evaluation.series_matrix import SeriesMatrix
from flow_platform.ground.errors import ModelError


def held_out_values(panel: SeriesMatrix, holdout: pd.DataFrame, horizon: int) -> np.ndarray:
    """y of the `horizon` steps after the panel's end, (series, horizon), NaN where unknown.

    Rows of other series or steps are not used. Raises ModelError where ds are of another kind than
    the panel's, for repeated rows, and where no row follows the panel.
    """
    holdout = holdout[holdout["y"].notna()]
    ahead = panel.ahead(horizon)
    places = pd.DataFrame(
        {
            "unique_id": np.repeat(panel.ids, horizon),
            "ds": ahead.ravel(),
            "place": np.arange(ahead.size),
        }
    )
    if places["ds"].dtype.kind != holdout["ds"].dtype.kind:
        raise ModelError(
            f"ds of the hold-out ({holdout['ds'].dtype}) and of the panel ({places['ds'].dtype})"
            " are of different kinds. Write both alike."
        )
    repeated = holdout.duplicated(["unique_id", "ds"])
    if repeated.any():
        row = holdout.loc[repeated, ["unique_id", "ds"]].iloc[0].tolist()
        raise ModelError(
            f"{int(repeated.sum())} repeated row(s) in the hold-out, first {row}."
            " Add up or drop them."
        )
    following = holdout.merge(places, on=["unique_id", "ds"])
    if following.empty:
        first = holdout.iloc[0].tolist() if len(holdout) else "nothing"
        raise ModelError(
            f"No row of the hold-out is within {horizon} steps after the panel's end; its first"
            f" is {first}. Give the rows that follow, with the same unique_id."
        )
    result = np.full(ahead.size, np.nan)
    result[following["place"].to_numpy()] = following["y"].to_numpy(dtype=float)
    return result.reshape(ahead.shape)
