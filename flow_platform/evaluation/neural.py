"""Neural networks as global models: a dense one (scikit-learn), and an LSTM.

The LSTM is from the optional extra `deep` (neuralforecast on PyTorch for the CPU).
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.evaluation.boosting import GlobalLightGBM
from flow_platform.evaluation.direct_rows import rows_at, training_rows
from flow_platform.evaluation.series_matrix import SeriesMatrix
from flow_platform.ground.errors import ModelError

MLP_ROWS = 80_000
LSTM_STEPS = 300
# A window of the LSTM is so many seasons long, or so many steps where there is none.
SEASONS_BACK, STEPS_BACK = 2, 24


class GlobalMLP:
    """A dense network (scikit-learn) on direct rows, standardised; an unknown feature is 0."""

    name = "mlp"
    needs = GlobalLightGBM.needs

    def __init__(self, seed: int, workers: int) -> None:
        self.seed = seed
        self.cycles: tuple[int, ...] = ()
        self.model: Any = None

    def fit(self, panel: SeriesMatrix, horizon: int) -> None:
        """Raises ModelError where the panel has too few rows."""
        from sklearn.neural_network import MLPRegressor

        self.cycles = panel.cycles
        rows = training_rows(panel, horizon, self.cycles, MLP_ROWS)
        target = np.clip((rows.target - rows.anchors[:, 0]) / rows.level, -2, 2)
        known = np.isfinite(target)
        features = rows.features[known]
        with warnings.catch_warnings():
            # A feature that no row of a short panel has is zero once it is scaled.
            warnings.filterwarnings("ignore", "All-NaN slice")
            self.centre = np.nanmedian(features, axis=0)
            low, high = np.nanquantile(features, [0.1, 0.9], axis=0)
        self.width = np.maximum(high - low, 1e-3)
        self.model = MLPRegressor(
            hidden_layer_sizes=(64, 32),
            alpha=1e-3,
            batch_size=512,
            learning_rate_init=2e-3,
            max_iter=12,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(self._scaled(features), target[known])

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return np.clip(np.nan_to_num((features - self.centre) / self.width), -5, 5)

    def forecast(self, panel: SeriesMatrix, horizon: int) -> tuple[np.ndarray, None]:
        """Forecasts (series, horizon) of the steps after the panel's end; no widths."""
        rows = rows_at(panel, 0, horizon, self.cycles)
        made = rows.anchors[:, 0] + rows.level * self.model.predict(self._scaled(rows.features))
        return made.reshape(len(panel.ids), horizon), None


class GlobalLSTM:
    """An LSTM (Hochreiter and Schmidhuber 1997) over all series, direct for every horizon."""

    name = "lstm"
    needs = "the extra `deep` (make deep-install), and 2 windows of history in a series"

    def __init__(self, seed: int, workers: int) -> None:
        self.seed = seed
        self.model: Any = None

    def fit(self, panel: SeriesMatrix, horizon: int) -> None:
        """Raises ModelError where the extra is not installed, or every series is too short."""
        try:
            os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
            from neuralforecast import NeuralForecast
            from neuralforecast.losses.pytorch import MAE
            from neuralforecast.models import LSTM
        except ImportError as absent:
            raise ModelError(
                "the extra `deep` is not installed: `make deep-install` adds it to .venv"
            ) from absent
        season = max((s for s in panel.seasons if s > 1), default=0)
        look_back = max(SEASONS_BACK * season, STEPS_BACK, horizon)
        if (panel.lengths < 2 * (look_back + horizon)).all():
            raise ModelError(f"no series has {2 * (look_back + horizon)} steps")
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = LSTM(
                h=horizon,
                input_size=look_back,
                encoder_hidden_size=64,
                decoder_hidden_size=64,
                encoder_n_layers=2,
                loss=MAE(),
                max_steps=LSTM_STEPS,
                learning_rate=2e-3,
                batch_size=32,
                windows_batch_size=256,
                scaler_type="robust",
                random_seed=self.seed,
                start_padding_enabled=True,
                accelerator="cpu",
                enable_progress_bar=False,
                enable_model_summary=False,
                logger=False,
                enable_checkpointing=False,
            )
            self.model = NeuralForecast(models=[network], freq=1)
            self.model.fit(df=_long(panel))

    def forecast(self, panel: SeriesMatrix, horizon: int) -> tuple[np.ndarray, None]:
        """Forecasts (series, horizon) of the steps after the panel's end; no widths."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = self.model.predict(df=_long(panel))
        table = made.sort_values(["unique_id", "ds"])["LSTM"].to_numpy(dtype=float)
        result = np.full((len(panel.ids), horizon), np.nan)
        result[panel.lengths > 0] = table.reshape(-1, horizon)
        return result, None


def _long(panel: SeriesMatrix) -> pd.DataFrame:
    """unique_id (numbers, which keep the order), ds as whole steps, y without gaps."""
    table = panel.filled
    known = np.isfinite(table)
    series, step = np.nonzero(known)
    return pd.DataFrame(
        {"unique_id": series, "ds": step.astype("int64"), "y": table[known].astype("float32")}
    )
