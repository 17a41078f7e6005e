"""Fits one hourly candidate on the prepared work of a cut-off, backtests and calibrates it.

What candidates share is in `preparation`, what a vintage keeps in `artefacts`.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from flow_platform.forecasting.hourly import adaptation
from flow_platform.forecasting.hourly.adaptation import Positions
from flow_platform.forecasting.hourly.artefacts import Stored
from flow_platform.forecasting.hourly.candidates import BOOSTED, Recipe
from flow_platform.forecasting.hourly.data import ADAPTATION_DAYS, CODE_VERSION, HOUR
from flow_platform.forecasting.hourly.frame import Frame
from flow_platform.forecasting.hourly.intervals import calibrate
from flow_platform.forecasting.hourly.preparation import Prepared
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import compact_artefact, training_record
from flow_platform.models.metrics import backtest_figures, rounded
from flow_platform.models.promotion import score
from flow_platform.models.vintage import DECIMALS, TrainedModel


def fit(candidate: str, prepared: Prepared) -> TrainedModel:
    """`candidate` fitted on what was known before the cut-off, backtested and calibrated.

    The last `spec.backtest_days` are forecast by a model fitted before them; those errors give
    the metrics and the bands; then it is fitted again on all. Equal data give equal bytes. Raises
    ModelError where there are no readings to test on.
    """
    tested = prepared.tested
    if not len(tested):
        raise ModelError(
            f"Cannot backtest at {prepared.cutoff}: no reading in the last days before the cut-off."
            " Check that readings still arrive."
        )
    early, final = (_recipe(candidate, prepared, n) for n in (0, 1))
    prediction = early.predict(tested, prepared.ids)
    later = tested.target >= np.median(tested.target)
    rows = _scored(prepared, tested, prediction, later)
    stored = Stored(
        recipe=final,
        cutoff=prepared.cutoff,
        bands=calibrate(tested, prediction, later, prepared.spec.seed),
        positions=_positions(prepared, tested, rows),
    )
    return _trained(stored, rows, prepared)


def _recipe(candidate: str, prepared: Prepared, n: int) -> Recipe:
    """The candidate as fitted before the backtest (n = 0), and on all (n = 1)."""
    return Recipe(
        candidate,
        names=prepared.learned.names if candidate in BOOSTED else [],
        persistence=prepared.persistence[n] if candidate == "profile_ar" else {},
        boosters=prepared.boosters[n] if candidate in BOOSTED else {},
    )


def _trained(stored: Stored, rows: pd.DataFrame, prepared: Prepared) -> TrainedModel:
    candidate, metrics = stored.recipe.candidate, _metrics(rows)
    newest = int(min(prepared.tested.y_known.max(), prepared.end * HOUR))
    boosting = asdict(prepared.spec.boosting) if candidate in BOOSTED else {}
    return TrainedModel(
        candidate=candidate,
        cutoff=prepared.cutoff,
        artefacts={
            "training.json": training_record(
                candidate,
                prepared.cutoff,
                (prepared.first, prepared.last),
                len(prepared.learned),
                prepared.spec.horizons,
                f"hourly {CODE_VERSION}",
            ),
            **stored.as_artefacts(boosting, newest + prepared.panel.first * HOUR),
            "metrics.json": compact_artefact(metrics),
            "backtest.json": compact_artefact(
                score(rows.assign(ds=rows["ds"].dt.normalize())).as_json()
            ),
        },
        metrics=metrics,
        backtest=rows[["unique_id", "issue", "horizon", "ds", "prediction", "y"]],
        train_first=prepared.first.normalize(),
        train_last=prepared.last.normalize(),
        trained_rows=len(prepared.learned),
    )


def _scored(
    prepared: Prepared, tested: Frame, prediction: np.ndarray, later: np.ndarray
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


def _positions(prepared: Prepared, tested: Frame, rows: pd.DataFrame) -> Positions:
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
    """Figures over all horizons, each counted alike, and the MAE one hour and a day ahead."""
    figures = backtest_figures(rows)
    for step in (1, 24):
        ahead = rows[rows["horizon"] == step]
        figures[f"mae_{step}_h"] = rounded((ahead["y"] - ahead["prediction"]).abs().mean())
    return figures
