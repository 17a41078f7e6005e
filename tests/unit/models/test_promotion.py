"""A challenger takes the place only for what is no luck, on rows that neither side had learned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from flow_platform.forecasting.daily.recipe import CANDIDATES
from flow_platform.ground.errors import ModelError
from flow_platform.models.champions import succeed
from flow_platform.models.promotion import (
    LEAST_DAYS,
    Comparison,
    Replay,
    Scores,
    compare,
    judge,
    score,
)
from flow_platform.models.vintage import Vintage
from flow_platform.registry.promotions import (
    ServingPeriod,
    predecessor,
    serving_history,
    vintage_for,
)

CUTOFF = pd.Timestamp("2024-03-01", tz="UTC")
SERIES = ("a", "b", "c")
HORIZONS = np.arange(1, 15)
BAND = 1.2816  # half of a normal 80 % band, in standard deviations


def wander(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Noise that remembers half of the day before: what a model misses today it misses tomorrow."""
    steps = generator.normal(size=shape)
    for day in range(1, shape[-1]):
        steps[..., day] = 0.5 * steps[..., day - 1] + 0.75**0.5 * steps[..., day]
    return steps


def make_sides(
    seed: int, days: int = 90, faults: tuple[float, float] = (0.5, 0.5), width: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Counts of 60 days before CUTOFF and `days` after, and what two models forecast of the latter.

    Each model errs by the world's own surprise and by its own fault on the target day, of the size
    in `faults`; `width` is the challenger's band over the right one.
    """
    generator = np.random.default_rng(seed)
    first = CUTOFF.tz_localize(None) - pd.Timedelta(days=60)
    dates = pd.date_range(first, periods=60 + days + 14)
    surprise = 6 * (wander(generator, 3, len(dates)) + 0.5 * wander(generator, 1, len(dates)))
    y = 100 + 20 * (dates.day_of_week < 5) + surprise
    actuals = pd.DataFrame(
        {
            "unique_id": np.repeat(SERIES, len(dates)),
            "ds": np.tile(dates, 3),
            "y": y.ravel(),
            "available_at": np.tile((dates + pd.Timedelta(days=1)).tz_localize("UTC"), 3),
        }
    )
    issue = np.arange(60, 60 + days - 14)
    target = issue[:, None] + HORIZONS
    sides = []
    for fault, wide in zip(faults, (1.0, width), strict=True):
        own = 6 * fault * wander(generator, 3, len(dates))
        forecast = (y - surprise + own)[:, target]
        half = BAND * 6 * np.sqrt(1.25 + fault**2) * wide
        shape = forecast.shape
        sides.append(
            pd.DataFrame(
                {
                    "unique_id": np.broadcast_to(np.array(SERIES)[:, None, None], shape).ravel(),
                    "issue": np.broadcast_to(dates[issue].to_numpy()[:, None], shape).ravel(),
                    "horizon": np.broadcast_to(HORIZONS, shape).ravel(),
                    "ds": np.broadcast_to(dates.to_numpy()[target], shape).ravel(),
                    "actual": y[:, target].ravel(),
                    "prediction": forecast.ravel(),
                    "lower_80": forecast.ravel() - half,
                    "upper_80": forecast.ravel() + half,
                    "trained_until": CUTOFF,
                }
            )
        )
        sides[-1]["issued_at"] = (sides[-1]["issue"] + pd.Timedelta(days=1)).dt.tz_localize("UTC")
    return actuals, sides[0], sides[1]


def verdict(actuals: pd.DataFrame, champion: pd.DataFrame, challenger: pd.DataFrame) -> Comparison:
    return compare(
        Replay("old", champion.assign(model_version="old")),
        Replay("new", challenger.assign(model_version="new")),
        actuals,
        season=7,
        seed=1,
    )


def test_a_clearly_better_challenger_is_promoted_and_the_figures_say_why() -> None:
    result = verdict(*make_sides(1, faults=(1.0, 0.2)))
    assert result.promoted
    assert result.reason.startswith("better beyond noise")
    assert result.challenger_mase < result.champion_mase
    assert result.difference_interval.low < result.difference < result.difference_interval.high < 0
    assert result.champion_coverage_interval.low < result.champion_coverage
    assert result.first_origin == pd.Timestamp("2024-03-01")
    assert result.origins == 76
    assert result.rows == 76 * 14 * 3


def test_a_tie_keeps_the_champion() -> None:
    actuals, champion, _ = make_sides(2)
    same = verdict(actuals, champion, champion)
    assert not same.promoted
    assert same.difference == 0
    assert same.reason.startswith("not better beyond noise")


def test_smaller_errors_do_not_excuse_a_band_that_misses() -> None:
    result = verdict(*make_sides(3, faults=(1.0, 0.2), width=0.5))
    assert result.difference_interval.high < 0
    assert not result.promoted
    assert result.reason.startswith("coverage worsens")
    assert verdict(*make_sides(3, faults=(1.0, 0.2), width=2.0)).reason.startswith("coverage")


def test_too_few_days_decide_nothing() -> None:
    result = verdict(*make_sides(4, days=LEAST_DAYS, faults=(2.0, 0.1)))
    assert not result.promoted
    assert not result.enough
    assert result.reason.startswith("not enough evidence")


def test_a_challenger_that_learned_the_test_rows_is_refused_however_good_it_looks() -> None:
    actuals, champion, challenger = make_sides(5)
    truth = challenger.merge(actuals[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    cheat = challenger.assign(prediction=truth["y"].to_numpy())
    assert verdict(actuals, champion, cheat).promoted  # as long as nobody looks at what it learned
    cheat["trained_until"] = pd.Timestamp("2024-04-01", tz="UTC")
    result = verdict(actuals, champion, cheat)
    assert not result.promoted
    assert result.reason.startswith("trained on test rows")
    assert "2024-04-01" in result.reason
    backwards = verdict(actuals, cheat, champion)
    assert backwards.reason.startswith("trained on test rows")


def test_only_targets_that_both_forecast_are_compared() -> None:
    actuals, champion, challenger = make_sides(6)
    lucky = challenger[challenger["unique_id"] != "a"]
    assert verdict(actuals, champion, lucky).rows == 2 / 3 * len(champion)
    without = actuals[~((actuals["unique_id"] == "b") & (actuals["ds"] > "2024-04-01"))]
    fewer = verdict(without, champion, challenger)
    assert fewer.rows < len(champion)
    shared = challenger.assign(model_version="old")
    result = compare(
        Replay("old", champion.assign(model_version="old")),
        Replay("new", shared),
        actuals,
        season=7,
        seed=1,
    )
    assert (result.rows, result.promoted) == (0, False)


def share_promoted(faults: tuple[float, float]) -> float:
    won = 0
    for seed in range(200):
        _, champion, challenger = make_sides(1000 + seed, days=98, faults=faults)
        both = [
            score(side.rename(columns={"actual": "y"}).assign(scale=10.0))
            for side in (champion, challenger)
        ]
        won += judge("old", "new", both[0], both[1], seed=seed).promoted
    return won / 200


def test_of_two_equal_models_the_challenger_is_hardly_ever_promoted() -> None:
    assert share_promoted((0.6, 0.6)) <= 0.06


def test_a_model_that_errs_clearly_less_is_promoted_nearly_always() -> None:
    assert share_promoted((1.0, 0.3)) >= 0.95


def test_the_same_comparison_has_the_same_result() -> None:
    assert verdict(*make_sides(7)) == verdict(*make_sides(7))


def test_a_replay_with_missing_columns_or_repeated_rows_is_refused() -> None:
    _, side, _ = make_sides(8)
    with pytest.raises(ModelError, match="lacks the column"):
        Replay("old", side)
    named = side.assign(model_version="old")
    with pytest.raises(ModelError, match="twice"):
        Replay("old", pd.concat([named, named.tail(1)]))


def monthly(current: str | None, days: int = 98, lead: float = 0.0) -> tuple[str, str]:
    """Who leads where `new` has the best backtest of three, and why; `lead` is by how much."""
    _, old, new = make_sides(9, days=days, faults=(0.3 + lead, 0.3))
    scores = {
        name: score(side.rename(columns={"actual": "y"}).assign(scale=10.0))
        for name, side in (("old", old), ("new", new))
    }

    def backtest(name: str) -> Scores:
        if name == "lost":
            raise ModelError("its files are gone.")
        return scores[name]

    metrics = {"old": {"mase": 0.8}, "new": {"mase": 0.7}, "lost": {"mase": 0.9}}
    outcome = succeed(current, metrics, backtest, seed=1, simplest_first=CANDIDATES)
    return outcome.champion, outcome.reason


def test_a_month_keeps_the_current_candidate_unless_the_best_backtest_is_truly_better() -> None:
    assert monthly("old")[0] == "old"
    assert monthly("old", lead=1.0)[0] == "new"
    assert monthly("new") == ("new", "the current candidate has the best backtest")


def test_the_best_backtest_leads_while_nothing_can_be_compared() -> None:
    assert monthly(None)[0] == "new"
    assert monthly("unknown")[0] == "new"
    champion, reason = monthly("old", days=LEAST_DAYS)
    assert champion == "new"
    assert "till then the best backtest leads" in reason
    assert monthly("lost") == (
        "lost",
        "not compared, the current candidate stays: its files are gone.",
    )


def vintage(candidate: str, month: str) -> Vintage:
    day = date.fromisoformat(f"{month}-01")
    return Vintage(
        flow="parcels",
        measure="parcels",
        candidate=candidate,
        month=day,
        cutoff=pd.Timestamp(day, tz="UTC"),
        model_version=f"{candidate}-{month}",
        is_champion=True,
        sha256="",
        artefact_path="",
        fingerprint="",
        metrics={},
        train_first=day,
        train_last=day,
        trained_rows=0,
    )


def test_a_promotion_holds_from_its_day_on_and_until_the_next_month() -> None:
    march, april = vintage("blend", "2025-03"), vintage("blend", "2025-04")
    other = vintage("effects", "2025-03")
    periods = serving_history([april, march], [ServingPeriod(date(2025, 3, 20), other)])
    served = {
        day: vintage_for(periods, date.fromisoformat(day))
        for day in ("2025-02-28", "2025-03-01", "2025-03-19", "2025-03-20", "2025-04-01")
    }
    assert list(served.values()) == [None, march, march, other, april]
    early = replace(other, cutoff=pd.Timestamp("2025-03-25", tz="UTC"))
    periods = serving_history([march], [ServingPeriod(date(2025, 3, 20), early)])
    assert vintage_for(periods, date(2025, 3, 24)) == march
    assert vintage_for(periods, date(2025, 3, 25)) == early


def test_rolling_back_twice_goes_two_champions_back() -> None:
    one, two, three = (vintage("blend", f"2025-0{n}") for n in (1, 2, 3))
    champions, day = [one, two, three], date(2025, 3, 10)
    assert predecessor(serving_history(champions, []), day) == two
    once = [ServingPeriod(day, two, is_rollback=True)]
    assert predecessor(serving_history(champions, once), day) == one
    twice = [*once, ServingPeriod(day, one, is_rollback=True)]
    assert vintage_for(serving_history(champions, twice), day) == one
    assert predecessor(serving_history(champions, twice), day) is None
