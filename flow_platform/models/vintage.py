"""The record of a trained model, and what the predictions of all models share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

# A prediction is stored with this many decimals: below any count, above rounding in sums.
DECIMALS = 4
# The version that predictions have which no vintage made.
FALLBACK_VERSION = "fallback"


@dataclass(frozen=True)
class TrainedModel:
    """One vintage: all it saw was known before `cutoff` (UTC).

    artefacts     name -> bytes; LightGBM text and JSON, nothing executable
    metrics       mae, rmse, mape, wape, mase, bias, coverage_80, coverage_95 of the backtest
    backtest      unique_id, issue, horizon, ds, prediction, y of the rolling origins
    train_first, train_last   first and last day with a count that was learned from
    trained_rows  rows of the frame that the final fit used (known days for the others)
    """

    candidate: str
    cutoff: pd.Timestamp
    artefacts: dict[str, bytes]
    metrics: dict[str, float]
    backtest: pd.DataFrame
    train_first: pd.Timestamp
    train_last: pd.Timestamp
    trained_rows: int


@dataclass(frozen=True)
class Vintage:
    """A registered vintage. `month` is the first day of the month of its cut-off."""

    flow: str
    measure: str
    candidate: str
    month: date
    cutoff: pd.Timestamp
    model_version: str
    is_champion: bool
    sha256: str
    artefact_path: str
    fingerprint: str
    metrics: Mapping[str, float]
    train_first: date
    train_last: date
    trained_rows: int
