"""Scores are what their definitions say, figure by figure, whatever library computes them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses

from flow_platform.evaluation.naive_methods import naive, seasonal_naive
from flow_platform.evaluation.scores import DEFINITIONS, QUANTILES, owa, score, seasonal_scales
from flow_platform.evaluation.series_matrix import matrix_of
from tests.unit.evaluation.made_panels import rows

BOUNDS = ("lower_80", "upper_80", "lower_95", "upper_95")


def forecasts(**columns: object) -> pd.DataFrame:
    """Rows of a candidate "a", bounds equal to the prediction where none are given."""
    table = pd.DataFrame({"candidate": "a", **columns})
    return table.assign(**{name: table["prediction"] for name in BOUNDS if name not in table})


def figures(table: pd.DataFrame) -> pd.Series:
    return score(table, ["candidate"]).T["a"]


def test_scores_by_hand() -> None:
    """y = 10, 20, 0; f = 12, 15, 0; scale 4: figures worked out on paper."""
    bounds = {"lower_80": [11.0, 10.0, 0.0], "upper_80": [13.0, 20.0, 1.0]}
    table = forecasts(
        unique_id="a",
        y=[10.0, 20.0, 0.0],
        prediction=[12.0, 15.0, 0.0],
        scale=4.0,
        **bounds,
        lower_95=bounds["lower_80"],
        upper_95=bounds["upper_80"],
    )
    found = figures(table)
    assert found["rows"] == 3
    assert found["smape"] == pytest.approx((200 * 2 / 22 + 200 * 5 / 35 + 0) / 3)
    assert found["mase"] == pytest.approx((2 + 5 + 0) / 3 / 4)
    assert found["wape"] == pytest.approx(7 / 30)
    assert found["rmse"] == pytest.approx(np.sqrt(29 / 3))
    assert found["mae"] == pytest.approx(7 / 3)
    assert found["mape"] == pytest.approx((20 + 25) / 2)
    assert found["bias"] == pytest.approx(-3 / 30)
    assert found["coverage_80"] == pytest.approx(2 / 3)
    first = [0.975 * 1, 0.9 * 1, 0.5 * 2, 0.9 * 0 + 0.1 * 3, 0.025 * 3]
    second = [0.025 * 10, 0.1 * 10, 0.5 * 5, 0.0, 0.0]
    third = [0.0, 0.0, 0.0, 0.1 * 1, 0.025 * 1]
    assert found["pinball"] == pytest.approx(np.mean([*first, *second, *third]) / 4)


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def by_definition(table: pd.DataFrame) -> dict[str, float]:
    """The scores of one group, each written out as DEFINITIONS has it, row by row."""
    known = [row for row in table.to_dict("records") if not math.isnan(row["y"])]
    total = sum(abs(row["y"]) for row in known)
    of_series: dict[str, dict[str, list[float]]] = {}
    for row in known:
        y, f = row["y"], row["prediction"]
        losses_of = of_series.setdefault(row["unique_id"], {"smape": [], "mase": [], "pinball": []})
        size = abs(y) + abs(f)
        losses_of["smape"].append(200 * abs(y - f) / size if size else 0.0)
        losses_of["mase"].append(abs(y - f) / row["scale"])
        short = [(level, y - row[name]) for name, level in QUANTILES.items()]
        pinball = sum(max(level * d, (level - 1) * d) for level, d in short) / len(QUANTILES)
        losses_of["pinball"].append(pinball / row["scale"])
    found = {
        name: _mean([_mean(one[name]) for one in of_series.values()])
        for name in ("smape", "mase", "pinball")
    }
    errors = [row["prediction"] - row["y"] for row in known]
    relative = [abs(e / row["y"]) for e, row in zip(errors, known, strict=True) if row["y"]]
    return found | {
        "rows": float(len(known)),
        "wape": sum(map(abs, errors)) / total if total else math.nan,
        "rmse": math.sqrt(_mean([e * e for e in errors])) if known else math.nan,
        "mae": _mean([abs(e) for e in errors]),
        "mape": 100 * _mean(relative),
        "bias": sum(errors) / total if total else math.nan,
        **{
            f"coverage_{level}": _mean(
                [float(r[f"lower_{level}"] <= r["y"] <= r[f"upper_{level}"]) for r in known]
            )
            for level in (80, 95)
        },
    }


def random_panel(seed: int) -> pd.DataFrame:
    """Two candidates, two cutoffs, nine series: with zeros, gaps, no scale, and nothing known."""
    generator = np.random.default_rng(seed)
    parts = []
    for series in range(9):
        for cutoff in range(2):
            y = generator.normal(50, 40, 6) * (generator.random(6) > 0.3)
            y[generator.random(6) < 0.25] = np.nan
            y = np.full(6, np.nan) if series == 0 else np.zeros(6) if series == 1 else y
            scale = np.nan if series in (2, 3) else generator.uniform(0.5, 20)
            for candidate in ("a", "b"):
                made = np.nan_to_num(y) + generator.normal(0, 10, 6) * (generator.random(6) > 0.2)
                inner, outer = generator.uniform(0, 12, (2, 6))
                parts.append(
                    pd.DataFrame(
                        {
                            "candidate": candidate,
                            "unique_id": f"S{series}",
                            "cutoff": cutoff,
                            "horizon": range(1, 7),
                            "y": y,
                            "scale": scale,
                            "prediction": made,
                            "lower_80": made - inner,
                            "upper_80": made + inner,
                            "lower_95": made - inner - outer,
                            "upper_95": made + inner + outer,
                        }
                    )
                )
    table = pd.concat(parts, ignore_index=True)
    # One horizon where nothing is known, one where only zeros are, and a candidate that has
    # forecasts at one of the cutoffs alone.
    table.loc[table["horizon"] == 5, "y"] = np.nan
    table.loc[(table["horizon"] == 6) & table["y"].notna(), "y"] = 0.0
    return table[(table["candidate"] == "a") | (table["cutoff"] == 1)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by", [["candidate"], ["candidate", "horizon"]])
def test_scores_of_random_panels_are_those_of_the_definitions(seed: int, by: list[str]) -> None:
    table = random_panel(seed)
    found = score(table, by)
    assert set(found) == {*DEFINITIONS, "rows"} - {"owa"}
    groups = {tuple(key): part for key, part in table.groupby(by)}
    assert len(found) == len(groups)
    for key, figures_found in found.iterrows():
        part = groups[key if isinstance(key, tuple) else (key,)]
        for name, wanted in by_definition(part).items():
            assert figures_found[name] == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("season", [1, 24])
def test_scores_and_naive_candidates_agree_with_those_of_nixtla(season: int) -> None:
    """Two other implementations of the same definitions, on series of different lengths."""
    from statsforecast.models import Naive, SeasonalNaive

    generator = np.random.default_rng(3)
    whole = rows(
        a=(generator.random(200) * 100).tolist(),
        b=(generator.normal(0, 5, 140).cumsum() + 500).tolist(),
    )
    after = whole.groupby("unique_id").tail(30)
    history = whole[whole["ds"] <= whole.groupby("unique_id")["ds"].transform("max") - 30]
    panel = matrix_of(history, "h", (season,))
    models = {
        "naive": (naive, Naive()),
        "seasonal": (seasonal_naive, SeasonalNaive(season_length=season)),
    }
    for name, (ours, theirs) in models.items():
        made = ours(panel, 30)
        for row, series in zip(made, panel.filled, strict=True):
            known = series[np.isfinite(series)]
            assert row == pytest.approx(theirs.forecast(y=known, h=30)["mean"])
        scored = after.assign(prediction=made.ravel())
        scale = np.repeat(seasonal_scales(panel.values, season), 30)
        found = figures(forecasts(**scored, scale=scale))
        relative = losses.smape(scored, ["prediction"])["prediction"].mean()
        assert found["smape"] == pytest.approx(200 * relative), name
        scaled = losses.mase(scored, ["prediction"], season, history)["prediction"].mean()
        assert found["mase"] == pytest.approx(scaled), name


def test_a_gap_or_a_constant_series_is_why_the_mase_scale_is_not_that_of_utilsforecast() -> None:
    history = rows(a=[1, 9, np.nan, 9, 1, 9, 1, 9], b=[5.0] * 8)
    ahead = pd.DataFrame({"unique_id": ["a", "b"], "ds": 9, "y": 6.0, "prediction": 7.0})
    theirs = losses.mase(ahead, ["prediction"], 2, history).set_index("unique_id")["prediction"]
    ours = 1.0 / seasonal_scales(matrix_of(history, "h", (2,)).values, 2)
    # Two steps apart, no value differs; two rows apart, across the gap, most do.
    assert np.isnan(ours).all()
    assert np.isfinite(theirs["a"]) and np.isinf(theirs["b"])


def test_the_owa_of_naive2_is_one_and_series_count_alike_however_long() -> None:
    table = forecasts(
        unique_id=["a", "b", "b", "b"], y=10.0, prediction=[11.0, 14.0, 14.0, 14.0], scale=1.0
    )
    found = score(table, ["candidate"])
    assert owa(found, found.loc["a"])["a"] == 1.0
    assert found.loc["a", "mase"] == pytest.approx((1 + 4) / 2)


def test_the_owa_at_a_horizon_is_relative_to_naive2_at_that_horizon() -> None:
    table = forecasts(unique_id="s", y=100.0, prediction=[110.0, 140.0], scale=1.0, horizon=[1, 2])
    better = table.assign(candidate="b", prediction=[105.0, 130.0])
    found = score(pd.concat([table, better]), ["candidate", "horizon"])
    relative = owa(found, found.loc["a"])
    assert relative["a"].tolist() == [1.0, 1.0]
    smape = (200 * 30 / 230) / (200 * 40 / 240)
    assert relative["b", 2] == pytest.approx((smape + 30 / 40) / 2)


def test_the_owa_is_unknown_where_naive2_makes_no_error() -> None:
    table = forecasts(unique_id="s", y=5.0, prediction=[5.0, 5.0], scale=np.nan)
    found = score(table, ["candidate"])
    assert found.loc["a", "smape"] == 0
    assert owa(found, found.loc["a"]).isna().all()


def test_the_mase_scale_is_the_in_sample_seasonal_difference() -> None:
    values = np.array([[1.0, 5.0, 2.0, 7.0], [np.nan, 3.0, 3.0, 3.0]])
    assert np.array_equal(seasonal_scales(values, 2), [1.5, np.nan], equal_nan=True)
    assert np.array_equal(seasonal_scales(values, 1), [(4 + 3 + 5) / 3, np.nan], equal_nan=True)
