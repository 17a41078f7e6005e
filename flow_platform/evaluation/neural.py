"""The LSTM candidate, from the optional extra `deep` (neuralforecast on PyTorch for the CPU)."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.evaluation.table import Panel
from flow_platform.ground.errors import ModelError

STEPS = 300
# Windows look back on so many seasons, or on so many steps where there is none.
SEASONS_BACK, STEPS_BACK = 2, 24


class GlobalLSTM:
    """An LSTM (Hochreiter and Schmidhuber 1997) over all series, direct for every horizon."""

    name = "lstm"
    needs = "the extra `deep` (make deep-install), and 2 windows of history in a series"

    def __init__(self, seed: int, workers: int) -> None:
        self.seed = seed
        self.model: Any = None

    def fit(self, panel: Panel, horizon: int) -> None:
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
                max_steps=STEPS,
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

    def forecast(self, panel: Panel, horizon: int) -> tuple[np.ndarray, None]:
        """Forecasts (series, horizon) of what follows the panel; no quantiles."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = self.model.predict(df=_long(panel))
        table = made.sort_values(["unique_id", "ds"])["LSTM"].to_numpy(dtype=float)
        result = np.full((len(panel.ids), horizon), np.nan)
        result[panel.lengths > 0] = table.reshape(-1, horizon)
        return result, None


def _long(panel: Panel) -> pd.DataFrame:
    """unique_id (numbered, so that their order stays), ds as whole steps, y without gaps."""
    table = panel.filled
    known = np.isfinite(table)
    series, step = np.nonzero(known)
    return pd.DataFrame(
        {"unique_id": series, "ds": step.astype("int64"), "y": table[known].astype("float32")}
    )
