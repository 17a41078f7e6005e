"""An LSTM over all series (Hochreiter and Schmidhuber 1997), from the optional extra `deep`.

The network is neuralforecast's; its windows are made here, alike for training and for forecasts,
from what each issue may know. Its weights travel as JSON. Selection is in `training`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.forecasting.daily.data import SeriesSpec
from flow_platform.forecasting.daily.panel import Panel, places
from flow_platform.ground.errors import ModelError
from flow_platform.models.moments import day_numbers, nanoseconds

ABSENT = "the extra `deep` is not installed: `make deep-install` adds it to .venv"
# Days that a forecast looks back on.
LOOK_BACK = 42
HIDDEN, LAYERS = 32, 1
STEPS, BATCH, RATE = 300, 128, 0.01
# Windows that know fewer days than this teach nothing.
LEAST_KNOWN = 14
# In logs: below this, the scatter of a window is that of a series that hardly moves.
LEAST_SCATTER = 0.05
# Windows that are forecast at a time: more would only take memory.
CHUNK = 2048
# Log forecasts keep so many decimals: a row's last bits depend on the other rows of its batch.
DECIMALS = 9

KNOWN_AHEAD = (*(f"weekday_{n}" for n in range(7)), "is_holiday", "is_event")
SEEN = ("seen",)
OF_WINDOW = ("level", "scatter")


@dataclass(frozen=True)
class Network:
    """A trained network: its sizes, and layer -> {"shape": [...], "values": [...]}, ready for JSON.

    It forecasts any number of days ahead; it has learned those of its training.
    """

    look_back: int = LOOK_BACK
    hidden: int = HIDDEN
    layers: int = LAYERS
    season: int = 7
    weights: dict[str, dict[str, list[Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Windows:
    """What issues may know, one window each: the days looked back on, then those ahead.

    values   (issues, days) log counts less `level`, over `scatter`; days that are not known, those
             ahead among them, have the value of the same weekday before, or 0
    seen     (issues, days) 1 where the count was known
    ahead    (issues, days, KNOWN_AHEAD) the calendar, as known at the issue
    level, scatter   (issues,) mean and deviation of the known log counts; NaN where none is known
    """

    values: np.ndarray
    seen: np.ndarray
    ahead: np.ndarray
    level: np.ndarray
    scatter: np.ndarray

    def part(self, chosen: Any) -> Windows:
        """The windows at `chosen` (places, or a slice)."""
        return Windows(
            self.values[chosen],
            self.seen[chosen],
            self.ahead[chosen],
            self.level[chosen],
            self.scatter[chosen],
        )


def is_installed() -> bool:
    """Whether the extra `deep` is there; nothing is imported."""
    return all(importlib.util.find_spec(name) for name in ("torch", "neuralforecast"))


def fit_frame(panel: Panel, frame: pd.DataFrame, spec: SeriesSpec) -> Network:
    """A network that learns the targets of a frame's rows; each issue is one window.

    Raises ModelError without the extra, or where no window has enough to learn from.
    """
    heads, row = _heads(frame)
    target = np.full((len(heads), max(spec.horizons)), np.nan)
    target[row, frame["horizon"].to_numpy() - 1] = np.log1p(frame["y"].to_numpy())
    shell = Network(season=spec.season)
    return fit(shell, build_windows(panel, heads, target.shape[1], shell), target, spec.seed)


def forecast_frame(panel: Panel, frame: pd.DataFrame, network: Network) -> np.ndarray:
    """Log forecasts (rows,) of a frame's rows; NaN for issues that know nothing of their window.

    Raises ModelError without the extra, or where the weights are not this network's.
    """
    heads, row = _heads(frame)
    steps = int(frame["horizon"].max())
    table = forecast(network, build_windows(panel, heads, steps, network))
    return table[row, frame["horizon"].to_numpy() - 1]


def _heads(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The issues of a frame, and for each of its rows the number of its issue."""
    keys = ["unique_id", "issue"]
    return frame.drop_duplicates(keys), frame.groupby(keys, sort=False).ngroup().to_numpy()


def build_windows(panel: Panel, issues: pd.DataFrame, steps: int, network: Network) -> Windows:
    """What `network` reads of `issues` (unique_id, issue, issued_at UTC), `steps` days ahead."""
    series = places(panel.ids, issues["unique_id"])
    day = day_numbers(issues["issue"]) - panel.first_day
    issued = nanoseconds(issues["issued_at"])
    days = day[:, None] + np.arange(1 - network.look_back, steps + 1)
    inside = (days >= 0) & (days < panel.days)
    own, at = series[:, None], np.clip(days, 0, panel.days - 1)
    moment = issued[:, None]
    seen = inside & (days <= day[:, None]) & (panel.known_at[own, at] <= moment)
    logs = np.where(seen, np.log1p(panel.y[own, at]), np.nan)
    count = seen.sum(axis=1)
    total = np.where(count > 0, count, np.nan)
    level = np.nansum(logs, axis=1) / total
    scatter = np.sqrt(np.nansum((logs - level[:, None]) ** 2, axis=1) / total)
    scatter = np.maximum(scatter, LEAST_SCATTER)
    values = (logs - level[:, None]) / scatter[:, None]
    for place in range(network.season, values.shape[1]):
        before = values[:, place - network.season]
        values[:, place] = np.where(seen[:, place], values[:, place], before)
    calendar = panel.calendar
    announced = calendar.event_known_at[own, at] <= moment
    ahead = np.zeros((*days.shape, len(KNOWN_AHEAD)))
    weekday = (panel.first_day + days + 3) % 7
    ahead[..., :7] = weekday[..., None] == np.arange(7)
    ahead[..., 7] = inside * calendar.columns["is_holiday"][own, at]
    ahead[..., 8] = inside * announced * calendar.columns["is_event"][own, at]
    return Windows(np.nan_to_num(values), seen.astype(float), ahead, level, scatter)


def fit(shell: Network, windows: Windows, target: np.ndarray, seed: int) -> Network:
    """`shell` with weights by the absolute error of scaled log counts, over seeded batches.

    `target` (issues, steps) are log counts. Windows that know too little, and targets that are
    NaN, teach nothing. One thread and fixed seeds: equal windows give equal weights. Raises
    ModelError without the extra, or without a window to learn from.
    """
    usable = (windows.seen.sum(axis=1) >= LEAST_KNOWN) & np.isfinite(target).any(axis=1)
    if not usable.any():
        raise ModelError(
            f"The LSTM has no window with {LEAST_KNOWN} known days and a known target. Give more"
            " history."
        )
    windows, target = windows.part(usable), target[usable]
    scaled = (target - windows.level[:, None]) / windows.scatter[:, None]
    with _alike_everywhere(seed) as torch:
        network = _untrained(shell, target.shape[1], seed)
        inputs = _inputs(windows, torch.float32)
        wanted = torch.tensor(np.nan_to_num(scaled), dtype=torch.float32)
        counts = torch.tensor(np.isfinite(scaled), dtype=torch.float32)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
        for _ in range(STEPS):
            batch = torch.randint(len(target), (BATCH,))
            made = network({name: part[batch] for name, part in inputs.items()})[..., 0]
            error = torch.abs(made - wanted[batch]) * counts[batch]
            optimizer.zero_grad()
            (error.sum() / counts[batch].sum().clamp(min=1)).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        weights = {
            name: {
                "shape": list(layer.shape),
                "values": [float(f"{value:.7g}") for value in layer.flatten().tolist()],
            }
            for name, layer in network.state_dict().items()
        }
    return replace(shell, weights=weights)


def forecast(trained: Network, windows: Windows) -> np.ndarray:
    """Log forecasts (issues, steps) of windows; NaN where nothing is known. All in one call.

    In double precision: an issue gets the same forecast alone and among others. Raises ModelError
    without the extra, or where the weights are not this network's.
    """
    steps = windows.values.shape[1] - trained.look_back
    made = np.full((len(windows.level), steps), np.nan)
    with _alike_everywhere(seed=0) as torch:
        network = _untrained(trained, steps, seed=0).double()
        try:
            network.load_state_dict(
                {
                    name: torch.tensor(layer["values"], dtype=torch.float64).reshape(layer["shape"])
                    for name, layer in trained.weights.items()
                }
            )
        except (KeyError, RuntimeError) as other:
            raise ModelError(
                f"The vintage's network cannot be read ({other}); restore it or train it again."
            ) from other
        with torch.no_grad():
            for first in range(0, len(made), CHUNK):
                chosen = slice(first, first + CHUNK)
                inputs = _inputs(windows.part(chosen), torch.float64)
                made[chosen] = network(inputs)[..., 0].numpy()
    return np.round(windows.level[:, None] + windows.scatter[:, None] * made, DECIMALS)


def _inputs(windows: Windows, kind: Any) -> dict[str, Any]:
    """Tensors under the names by which neuralforecast's network knows them."""
    import torch

    level = np.nan_to_num(windows.level)
    scatter = np.log(np.nan_to_num(windows.scatter, nan=LEAST_SCATTER))
    parts = {
        "insample_y": windows.values[..., None],
        "hist_exog": windows.seen[..., None],
        "futr_exog": windows.ahead,
        # Log counts are some units: a tenth of them is of the size of the other inputs.
        "stat_exog": np.column_stack([level / 10, scatter]),
    }
    return {name: torch.tensor(part, dtype=kind) for name, part in parts.items()}


def _untrained(shape: Network, steps: int, seed: int) -> Any:
    """neuralforecast's network, which reads the days ahead as well, as days that are not known.

    Left to its own windows, neuralforecast 3.3 decodes the first day ahead from the state of
    `steps` - 1 days before the issue, which has not seen the newest counts.
    """
    from neuralforecast.losses.pytorch import MAE
    from neuralforecast.models import LSTM

    return LSTM(
        h=steps,
        input_size=shape.look_back + steps,
        encoder_hidden_size=shape.hidden,
        encoder_n_layers=shape.layers,
        decoder_hidden_size=shape.hidden,
        futr_exog_list=list(KNOWN_AHEAD),
        hist_exog_list=list(SEEN),
        stat_exog_list=list(OF_WINDOW),
        loss=MAE(),
        scaler_type="identity",
        random_seed=seed,
    )


@contextmanager
def _alike_everywhere(seed: int) -> Iterator[Any]:
    """torch with one thread, deterministic and seeded; as it was afterwards.

    Raises ModelError without the extra.
    """
    if not is_installed():
        raise ModelError(ABSENT)
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    import torch
    from pytorch_lightning.utilities.seed import isolate_rng

    # Its import sets the level; at that level it logs a line at each seed.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        # A network of neuralforecast seeds every generator of the process when it is made.
        with isolate_rng():
            torch.manual_seed(seed)
            yield torch
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
