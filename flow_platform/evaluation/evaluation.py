"""Evaluates candidates on a panel: rolling origins or a hold-out, the champion chosen beforehand.

At each cutoff the choice, the weights and the bands rest on earlier origins alone, where the same
candidates forecast without having seen what came. Files and tables are written by the command.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.evaluation.boosting import GlobalLightGBM, GlobalMLP
from flow_platform.evaluation.candidates import (
    BASELINES,
    COSTLY,
    OUT_OF_TIME,
    STATISTICAL,
    Candidate,
    Made,
    forecast_each,
    seconds_needed,
    with_fallback,
)
from flow_platform.evaluation.linear import GlobalLinear
from flow_platform.evaluation.neural import GlobalLSTM
from flow_platform.evaluation.scores import score, seasonal_scales
from flow_platform.evaluation.selection import (
    Backtest,
    Choice,
    bands,
    choose,
    weights_of,
    widths_help,
)
from flow_platform.evaluation.table import Panel
from flow_platform.ground.errors import ModelError

# Models that learn from all series together, simplest first.
GLOBAL: tuple[type[Any], ...] = (GlobalLinear, GlobalLightGBM, GlobalMLP, GlobalLSTM)
MEDIAN, WEIGHTED = "median", "weighted"
REFERENCE = "naive2"
NAMES = (*(c.name for c in STATISTICAL), *(g.name for g in GLOBAL), MEDIAN, WEIGHTED)
COLUMNS = [
    "unique_id",
    "cutoff",
    "ds",
    "candidate",
    "selected",
    "prediction",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
]
# A backtest has two origins at least, more where series or horizons are few.
LEAST_ORIGINS, MOST_ORIGINS = 2, 8
ERRORS_WANTED = 150

# Who comes after those that cost nothing: what brings much for its time, then the rest.
TURNS = ("linear", "mlp", "theta", "ets", "ces", "lightgbm", "mstl", "sarima", "arima", "lstm")
# What each of them may take of the time that is left.
SHARE = 0.4

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Options:
    """How a panel is evaluated.

    horizon     steps ahead; windows: rolling origins, `horizon` apart, the last one's targets
                being the last rows of the panel (ignored with a hold-out)
    candidates  names out of NAMES
    seconds     time for all of them together: each costly one may take `SHARE` of what is left.
                One that would not finish, by a few of its series, is left out before it begins;
                what learns from all series is not stopped once it has begun
    per_series  series with evidence enough choose for themselves
    """

    horizon: int
    windows: int = 1
    candidates: tuple[str, ...] = NAMES
    seconds: float = 420.0
    per_series: bool = False
    seed: int = 20240229
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass
class Cost:
    """Seconds and the most memory (MiB, this process and its children) a candidate took."""

    seconds: float = 0.0
    peak_memory_mib: float = 0.0


@dataclass
class Forecasts:
    """What the single candidates said, simplest first, and what it took.

    made      forecasts (origins, series, horizon) of each
    widths    distance between its quantiles, in the same shape, where a candidate tells
    notes     why the fallback serves at the scored cutoffs, counted
    left_out  why a candidate has no forecasts
    """

    made: dict[str, np.ndarray] = field(default_factory=dict)
    widths: dict[str, np.ndarray] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    notes: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass
class Evaluation:
    """What came out: `forecasts` has COLUMNS, `metrics` is what metrics.json holds."""

    forecasts: pd.DataFrame
    metrics: dict[str, Any]


def evaluate(
    panel: Panel,
    options: Options,
    holdout: pd.DataFrame | None = None,
    progress: Progress = lambda text, share: None,
) -> Evaluation:
    """Forecasts and scores of every candidate and of the champion.

    `holdout` (unique_id, ds, y) follows the panel; without it the panel's own last rows are the
    test. Raises ModelError where the panel is too short for one window, or where the hold-out and
    the panel do not meet.
    """
    _check(panel, options)
    windows = 1 if holdout is not None else options.windows
    tested = 0 if holdout is not None else options.horizon * windows
    if (panel.lengths > tested).sum() == 0:
        raise ModelError(
            f"No series has more than {tested} steps, which {windows} window(s) of"
            f" {options.horizon} steps take. Give fewer windows or a shorter horizon."
        )
    earlier = _origins(panel, options, tested)
    backs = [tested + options.horizon * k for k in range(earlier, 0, -1)]
    backs += [tested - options.horizon * k for k in range(windows)]
    actuals = np.stack([_actuals(panel, back, options.horizon) for back in backs])
    if holdout is not None:
        actuals[-1] = _held_out(panel, holdout, options.horizon)
    said = _forecast_all(panel, backs, earlier, options, progress)
    parts, choices = [], []
    for at in range(earlier, len(backs)):
        progress("choosing and scoring", 0.9 + 0.1 * (at - earlier) / windows)
        history = panel.before(backs[at])
        rows, choice, weights = _at_cutoff(said, actuals, at, history, options)
        parts.append(rows)
        choices.append((history, choice, weights))
    rows = pd.concat(parts, ignore_index=True)
    metrics = _metrics(panel, rows, options, said, choices, holdout is not None)
    progress("done", 1.0)
    return Evaluation(rows[COLUMNS], metrics)


def _check(panel: Panel, options: Options) -> None:
    unknown = [name for name in options.candidates if name not in NAMES]
    if unknown:
        raise ModelError(f"Unknown candidate(s) {', '.join(unknown)}. Known: {', '.join(NAMES)}.")
    if options.horizon < 1 or options.windows < 1:
        raise ModelError("The horizon and the number of windows must be 1 or more.")


def _origins(panel: Panel, options: Options, tested: int) -> int:
    """How many earlier origins the backtest has; 0 where series are too short for any."""
    wanted = -(-ERRORS_WANTED // max(len(panel.ids) * options.horizon, 1))
    wanted = int(np.clip(wanted, LEAST_ORIGINS, MOST_ORIGINS))
    known = np.median(panel.lengths[panel.lengths > 0]) - tested
    room = int((known - max(2 * panel.seasons[0], options.horizon)) // options.horizon)
    return int(np.clip(wanted, 0, max(room, 0)))


def _forecast_all(
    panel: Panel, backs: Sequence[int], earlier: int, options: Options, progress: Progress
) -> Forecasts:
    """What each single candidate says at each origin."""
    wanted: list[Candidate | type] = [
        c for c in STATISTICAL if c.name in options.candidates or c.name == REFERENCE
    ]
    wanted += [g for g in GLOBAL if g.name in options.candidates]
    names = [c.name for c in wanted]  # type: ignore[union-attr]
    deadline = time.monotonic() + options.seconds
    result = Forecasts()
    for number, candidate in enumerate(sorted(wanted, key=_turn)):
        name = candidate.name  # type: ignore[union-attr]
        share = 0.9 * number / len(wanted)
        step = 0.9 / len(wanted)

        def tell(done: float, name: str = name, share: float = share, step: float = step) -> None:
            progress(name, share + step * done)

        tell(0.0)
        seconds = SHARE * (deadline - time.monotonic())
        with _measured() as cost:
            try:
                if isinstance(candidate, Candidate):
                    parts = _each(candidate, panel, backs, seconds, options, tell)
                else:
                    parts = _global(candidate, panel, backs, earlier, seconds, options, tell)
            except ModelError as unfit:
                result.left_out[name] = str(unfit)
                continue
            except Exception as error:  # whatever it was, the others go on, and it is said
                result.left_out[name] = f"failed: {type(error).__name__}: {error}"
                continue
        result.made[name] = np.stack([part.values for part in parts])
        widths = [part.widths for part in parts if part.widths is not None]
        if widths:
            result.widths[name] = np.stack(widths)
        result.notes[name] = Counter(
            reason for part in parts[earlier:] for reason in part.reasons.values()
        )
        result.costs[name] = cost
    result.made = {name: result.made[name] for name in names if name in result.made}
    return result


def _turn(candidate: Candidate | type) -> int:
    """What costs nothing is forecast first, the others as in `TURNS`."""
    name = candidate.name  # type: ignore[union-attr]
    return 1 + TURNS.index(name) if name in TURNS else 0


def _each(
    candidate: Candidate,
    panel: Panel,
    backs: Sequence[int],
    seconds: float,
    options: Options,
    tell: Callable[[float], None],
) -> list[Made]:
    """Raises ModelError where no series fits, or where the time is too short for most series."""
    newest = panel.before(backs[-1])
    if not candidate.fits(newest).any():
        raise ModelError(f"no series fits: it needs {candidate.needs}")
    # What costs nothing is always there: combinations and fallbacks rest on it.
    seconds = max(seconds, 0.0) if candidate.name in COSTLY else np.inf
    started = time.monotonic()
    needed = seconds_needed(candidate, newest, options.horizon, options.workers) * len(backs)
    if needed > seconds:
        raise ModelError(f"it would take about {needed:.0f} s; its share is {seconds:.0f} s")
    parts: list[Made] = []
    done = 0
    total = len(backs) * len(panel.ids)

    def tick(count: int) -> None:
        nonlocal done
        done += count
        tell(done / total)

    # The last origins are the ones that are scored: they are forecast first.
    for back in reversed(backs):
        left = seconds - (time.monotonic() - started)
        history = panel.before(back)
        part = forecast_each(candidate, history, options.horizon, left, options.workers, tick)
        late = sum(reason.startswith(OUT_OF_TIME) for reason in part.reasons.values())
        if 2 * late > candidate.fits(history).sum():
            raise ModelError(f"out of time after its share of {seconds:.0f} s")
        parts.insert(0, part)
    return parts


def _global(
    kind: type[Any],
    panel: Panel,
    backs: Sequence[int],
    earlier: int,
    seconds: float,
    options: Options,
    tell: Callable[[float], None],
) -> list[Made]:
    """Fitted before the first origin, and again at each cutoff that is scored.

    Raises ModelError where no time is left, or where the panel is too short for it.
    """
    if seconds <= 0:
        raise ModelError("no time is left for it")
    model = kind(options.seed, options.workers)
    parts = []
    for number, back in enumerate(backs):
        history = panel.before(back)
        if number == 0 or number >= earlier:
            model.fit(history, options.horizon)
        values, widths = model.forecast(history, options.horizon)
        part = with_fallback(values, history, {}, kind.name)
        parts.append(replace(part, widths=widths))
        tell((number + 1) / len(backs))
    return parts


def _actuals(panel: Panel, back: int, horizon: int) -> np.ndarray:
    """What came after the origin `back` steps before the end, (series, horizon)."""
    result = np.full((len(panel.ids), horizon), np.nan)
    steps = panel.values.shape[1]
    known = min(horizon, back)
    result[:, :known] = panel.values[:, steps - back : steps - back + known]
    return result


def _held_out(panel: Panel, holdout: pd.DataFrame, horizon: int) -> np.ndarray:
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
    twice = holdout.duplicated(["unique_id", "ds"])
    if twice.any():
        row = holdout.loc[twice, ["unique_id", "ds"]].iloc[0].tolist()
        raise ModelError(
            f"{int(twice.sum())} repeated row(s) in the hold-out, first {row}. Add up or drop them."
        )
    met = holdout.merge(places, on=["unique_id", "ds"])
    if met.empty:
        first = holdout.iloc[0].tolist() if len(holdout) else "nothing"
        raise ModelError(
            f"No row of the hold-out lies within {horizon} steps after the panel's end; its first"
            f" is {first}. Give the rows that follow, under the same unique_id."
        )
    result = np.full(ahead.size, np.nan)
    result[met["place"].to_numpy()] = met["y"].to_numpy(dtype=float)
    return result.reshape(ahead.shape)


def _at_cutoff(
    said: Forecasts, actuals: np.ndarray, at: int, history: Panel, options: Options
) -> tuple[pd.DataFrame, Choice, dict[str, float]]:
    """Rows of one cutoff, what was chosen there, and the weights of the combination."""
    made, names = said.made, tuple(said.made)
    scale = seasonal_scales(history.values, history.seasons[0])
    singles = np.stack([made[name] for name in names])
    single = past = Backtest(names, singles[:, :at], actuals[:at], scale)
    now = dict(zip(names, singles[:, at], strict=True))
    weights: dict[str, float] = {}
    members = _members(single)
    if MEDIAN in options.candidates and len(members) > 1:
        rows = [names.index(name) for name in members]
        past = past.with_combination(MEDIAN, np.median(singles[rows, :at], axis=0))
        now[MEDIAN] = np.median(singles[rows, at], axis=0)
    if WEIGHTED in options.candidates and len(names) > 1 and at > 0:
        weights = weights_of(single)
        now[WEIGHTED] = _weighted(weights, names, singles[:, at])
        past = past.with_combination(WEIGHTED, _cross_weighted(single))
    offered = [name for name in past.names if name in options.candidates]
    places = [past.names.index(name) for name in offered]
    rivals = Backtest(tuple(offered), past.forecasts[places], past.actuals, scale)
    choice = choose(rivals, options.per_series)
    parts = []
    for place, name in enumerate(past.names):
        values = now[name]
        # A combination has the bands' shape of the candidate that is most of it.
        base = next((n for n, w in weights.items() if name == WEIGHTED and w >= 0.5), name)
        widths = said.widths[base][: at + 1] if base in said.widths else None
        told = past.forecasts[place], past.actuals, scale
        if widths is not None and not widths_help(*told, widths[:-1]):
            widths = None
        limits = bands(values, *told, widths)
        parts.append(_rows(history, name, values, limits, actuals[at], scale, choice))
    return pd.concat(parts, ignore_index=True), choice, weights


def _members(past: Backtest) -> list[str]:
    """Who takes part in the median: candidates that did better than Naive2 in the backtest."""
    rivals = [name for name in past.names if name not in BASELINES]
    mase = past.mase
    return [name for name in rivals if not mase[name] >= mase[REFERENCE]]


def _weighted(weights: dict[str, float], names: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    return np.sum([w * values[names.index(name)] for name, w in weights.items()], axis=0)


def _cross_weighted(backtest: Backtest) -> np.ndarray:
    """The combination at each origin, with weights that the other origins tell."""
    origins = backtest.actuals.shape[0]
    parts = []
    for k in range(origins):
        others = [j for j in range(origins) if j != k] or [k]
        rest = Backtest(
            backtest.names, backtest.forecasts[:, others], backtest.actuals[others], backtest.scale
        )
        parts.append(_weighted(weights_of(rest), backtest.names, backtest.forecasts[:, k]))
    return np.stack(parts)


def _rows(
    history: Panel,
    name: str,
    values: np.ndarray,
    limits: dict[str, np.ndarray],
    actual: np.ndarray,
    scale: np.ndarray,
    choice: Choice,
) -> pd.DataFrame:
    horizon = values.shape[1]
    floor = np.where(history.non_negative, 0.0, -np.inf)[:, None]
    begun = np.repeat(history.lengths > 0, horizon)
    rows = pd.DataFrame(
        {
            "unique_id": np.repeat(history.ids, horizon),
            "cutoff": np.repeat(history.last, horizon),
            "ds": history.ahead(horizon).ravel(),
            "horizon": np.tile(np.arange(1, horizon + 1), len(history.ids)),
            "candidate": name,
            "selected": np.repeat(choice.of_series == name, horizon),
            "prediction": values.ravel(),
            **{key: np.maximum(limit, floor).ravel() for key, limit in limits.items()},
            "y": actual.ravel(),
            "scale": np.repeat(scale, horizon),
        }
    )
    return rows[begun]


@contextmanager
def _measured() -> Iterator[Cost]:
    """Time and memory while the block runs; memory is looked at twenty times a second."""
    import psutil

    process = psutil.Process()
    cost = Cost()
    ended = threading.Event()

    def look() -> None:
        while True:
            total = 0
            for one in (process, *process.children(recursive=True)):
                try:
                    total += one.memory_info().rss
                except psutil.Error:
                    continue
            cost.peak_memory_mib = max(cost.peak_memory_mib, round(total / 2**20, 1))
            if ended.wait(0.05):
                return

    watcher = threading.Thread(target=look, daemon=True)
    started = time.monotonic()
    watcher.start()
    try:
        yield cost
    finally:
        cost.seconds = round(time.monotonic() - started, 3)
        ended.set()
        watcher.join()


def _metrics(
    panel: Panel,
    rows: pd.DataFrame,
    options: Options,
    said: Forecasts,
    choices: list[tuple[Panel, Choice, dict[str, float]]],
    held_out: bool,
) -> dict[str, Any]:
    from flow_platform.evaluation import scores

    reference = rows[rows["candidate"] == REFERENCE]
    groups = {str(name): part for name, part in rows.groupby("candidate", sort=False)}
    needs = {c.name: c.needs for c in STATISTICAL} | {g.name: g.needs for g in GLOBAL}
    needs |= {
        MEDIAN: "two candidates beyond the naive ones",
        WEIGHTED: "two candidates and one origin to backtest",
    }
    return {
        "panel": {
            "series": len(panel.ids),
            "rows": int(np.isfinite(panel.values).sum()),
            "frequency": panel.freq,
            "seasons": list(panel.seasons),
            "mase_season": panel.seasons[0],
            "horizon": options.horizon,
            "test": "hold-out" if held_out else "rolling origins",
            "cutoffs": len(choices),
            "scored_rows": int(reference["y"].notna().sum()),
        },
        "definitions": scores.DEFINITIONS,
        "champion": {
            **_scores(rows[rows["selected"]], reference),
            "choices": [
                {
                    "newest_row": str(history.last.max()),
                    "candidate": choice.champion,
                    "reason": choice.reason,
                    "series": {str(k): int(v) for k, v in Counter(choice.of_series).items()},
                    "backtest_mase": choice.mase,
                    "weights": weights,
                }
                for history, choice, weights in choices
            ],
        },
        "candidates": {
            name: {
                "needs": needs[name],
                "seconds": said.costs[name].seconds if name in said.costs else None,
                "peak_memory_mib": said.costs[name].peak_memory_mib if name in said.costs else None,
                "fallbacks": dict(said.notes.get(name, {})),
                **_scores(part, reference),
            }
            for name, part in groups.items()
        },
        "left_out": said.left_out,
    }


def _scores(rows: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    base = {step: part for step, part in reference.groupby("horizon")}
    return {
        "overall": score(rows, reference),
        "by_horizon": [
            {"horizon": int(str(step)), **score(part, base[step])}
            for step, part in rows.groupby("horizon")
        ],
    }
