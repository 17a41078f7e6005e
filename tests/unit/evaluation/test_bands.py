"""Bands are as wide as errors were, and never cross."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow_platform.evaluation import boosting
from flow_platform.evaluation.bands import bands, widths_help
from flow_platform.evaluation.evaluation import evaluate
from flow_platform.evaluation.series_matrix import matrix_of
from tests.unit.evaluation.made_panels import options


def loud_half(series: int = 20, steps: int = 240, seed: int = 3) -> pd.DataFrame:
    """Series of eight phases; in the last four the noise is five times as large."""
    generator = np.random.default_rng(seed)
    phase = np.arange(steps) % 8
    noise = np.where(phase < 4, 2.0, 10.0)
    return pd.concat(
        pd.DataFrame(
            {
                "unique_id": f"S{n:02d}",
                "ds": np.arange(1, steps + 1),
                "y": 100 + 5 * phase + generator.normal(0, 1, steps) * noise,
            }
        )
        for n in range(series)
    )


def test_bands_are_wide_where_errors_are_large_and_narrow_where_they_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Eight phases need no more rounds.
    monkeypatch.setattr(boosting, "ROUNDS", 60)
    panel = matrix_of(loud_half(), "D", (8,))
    result = evaluate(
        panel, options(horizon=12, windows=4, candidates=("seasonal_naive", "lightgbm"))
    )
    rows = result.forecasts
    actual = loud_half().set_index(["unique_id", "ds"])["y"]
    inside, wide = {}, {}
    for name in ("seasonal_naive", "lightgbm"):
        part = rows[rows["candidate"] == name].set_index(["unique_id", "ds"])
        calm = (part.index.get_level_values("ds") - 1) % 8 < 4
        y = actual.reindex(part.index)
        covered = (y >= part["lower_80"]) & (y <= part["upper_80"])
        inside[name] = (covered[calm].mean(), covered[~calm].mean())
        wide[name] = (part["upper_80"] - part["lower_80"])[calm].mean()
        ordered = part[["lower_95", "lower_80", "prediction", "upper_80", "upper_95"]].to_numpy()
        assert (np.diff(ordered, axis=1) >= 0).all()
    assert inside["lightgbm"] == pytest.approx((0.8, 0.8), abs=0.06)
    # One width for all phases covers nearly everything in the calm ones, too little in the others.
    assert inside["seasonal_naive"][0] > 0.9 > 0.76 > inside["seasonal_naive"][1]
    assert wide["lightgbm"] < 0.5 * wide["seasonal_naive"]


def test_bands_never_cross_whatever_the_widths_are() -> None:
    generator = np.random.default_rng(1)
    made = generator.normal(0, 1, (3, 20, 5))
    widths = np.abs(generator.normal(0, 1, (3, 20, 5)))
    widths[:, 0], widths[:, 1], widths[:, 2, 0] = np.nan, 0.0, 1e9
    scale = np.where(np.arange(20) < 2, np.nan, 1.0)
    for shape in (None, widths):
        found = bands(made[-1], made[:-1], generator.normal(0, 1, (2, 20, 5)), scale, shape)
        ordered = [found["lower_95"], found["lower_80"], made[-1]]
        ordered += [found["upper_80"], found["upper_95"]]
        assert np.isfinite(ordered).all()
        assert (np.diff(ordered, axis=0) >= 0).all()


def test_widths_that_are_unrelated_to_the_errors_are_not_used() -> None:
    generator = np.random.default_rng(2)
    width = np.exp(generator.normal(0, 1, (3, 60, 6)))
    made = np.zeros((3, 60, 6))
    actuals = made + generator.normal(0, 1, made.shape) * width
    assert widths_help(made, actuals, np.ones(60), width)
    assert not widths_help(made, actuals, np.ones(60), np.exp(generator.normal(0, 1, width.shape)))
    assert not widths_help(made[:1], actuals[:1], np.ones(60), width[:1])
