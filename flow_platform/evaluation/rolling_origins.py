"""Every single candidate's forecasts at rolling origins: earlier ones, then the cutoffs scored.

The time limit is shared out here. What is made of the forecasts is in `evaluation`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from flow_platform.evaluation.candidates import COSTLY, PER_SERIES, REFERENCE, Candidate
from flow_platform.evaluation.cost import Cost, measured
from flow_platform.evaluation.fallback import CandidateForecasts, with_fallback
from flow_platform.evaluation.global_models import GLOBAL, GlobalModel
from flow_platform.evaluation.options import Options, Progress
from flow_platform.evaluation.per_series import OUT_OF_TIME, forecast_each, seconds_needed
from flow_platform.evaluation.series_matrix import SeriesMatrix
from flow_platform.ground.errors import ModelError

# A backtest has two earlier origins at least, more where series or horizons are few.
LEAST_ORIGINS, MOST_ORIGINS = 2, 8
ERRORS_WANTED = 150

# The order after those that cost nothing: what gains much for its time first.
TURNS = ("linear", "mlp", "theta", "ets", "ces", "lightgbm", "mstl", "sarima", "arima", "lstm")
# Share of the time left that each of them may take.
SHARE = 0.4


@dataclass(frozen=True)
class Origins:
    """Where forecasts are made: numbers of steps before the panel's end, oldest first.

    earlier  those that the choice, the weights and the bands may rest on
    cutoffs  those whose forecasts are scored
    """

    earlier: tuple[int, ...]
    cutoffs: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        """The earlier ones, then the cutoffs."""
        return self.earlier + self.cutoffs


def origins_of(panel: SeriesMatrix, options: Options, held_out: bool) -> Origins:
    """The origins of an evaluation, `horizon` steps apart.

    With a hold-out the only cutoff is the panel's end, 0. There is no earlier origin where the
    series are too short. Raises ModelError where no series is longer than what is scored.
    """
    horizon = options.horizon
    windows = 1 if held_out else options.windows
    scored = 0 if held_out else horizon * windows
    if (panel.lengths > scored).sum() == 0:
        raise ModelError(
            f"No series has more than {scored} steps, which {windows} window(s) of"
            f" {horizon} steps take. Give fewer windows or a shorter horizon."
        )
    wanted = -(-ERRORS_WANTED // max(len(panel.ids) * horizon, 1))
    wanted = int(np.clip(wanted, LEAST_ORIGINS, MOST_ORIGINS))
    known = np.median(panel.lengths[panel.lengths > 0]) - scored
    room = int((known - max(2 * panel.seasons[0], horizon)) // horizon)
    earlier = int(np.clip(wanted, 0, max(room, 0)))
    return Origins(
        tuple(scored + horizon * k for k in range(earlier, 0, -1)),
        tuple(scored - horizon * k for k in range(windows)),
    )


@dataclass
class OriginForecasts:
    """The forecasts of the single candidates at all origins, and their costs, by candidate.

    points     (origins, series, horizon), candidates simplest first
    widths     distance between its quantiles, in the same shape, where a candidate has them
    costs      seconds and memory
    fallbacks  reasons for forecasts of the fallback at the cutoffs, counted
    left_out   why a candidate has no forecasts
    """

    points: dict[str, np.ndarray] = field(default_factory=dict)
    widths: dict[str, np.ndarray] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    fallbacks: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def forecast_all(
    panel: SeriesMatrix, origins: Origins, options: Options, progress: Progress
) -> OriginForecasts:
    """Forecasts of each candidate in the options, and of Naive2, from every origin.

    A forecast uses only the steps up to its origin. A candidate that fails, fits no series or has
    too little time is left out with the reason; the others go on.
    """
    wanted: list[Candidate | type[GlobalModel]] = [
        *(c for c in PER_SERIES if c.name in options.candidates or c.name == REFERENCE),
        *(model for model in GLOBAL if model.name in options.candidates),
    ]
    deadline = time.monotonic() + options.seconds
    result = OriginForecasts()
    for number, candidate in enumerate(sorted(wanted, key=lambda one: _turn(one.name))):
        name = candidate.name
        report = _part_of(progress, name, 0.9 * number / len(wanted), 0.9 / len(wanted))
        report(0.0)
        seconds = SHARE * (deadline - time.monotonic())
        with measured() as cost:
            try:
                parts = _forecast(candidate, _Task(panel, origins, options, seconds, report))
            except ModelError as unfit:
                result.left_out[name] = str(unfit)
                continue
            except Exception as error:  # of any type: the others go on, and the reason is kept
                result.left_out[name] = f"failed: {type(error).__name__}: {error}"
                continue
        result.points[name] = np.stack([part.values for part in parts])
        widths = [part.widths for part in parts if part.widths is not None]
        if widths:
            result.widths[name] = np.stack(widths)
        result.fallbacks[name] = Counter(
            reason for part in parts[len(origins.earlier) :] for reason in part.reasons.values()
        )
        result.costs[name] = cost
    ordered = [one.name for one in wanted if one.name in result.points]
    result.points = {name: result.points[name] for name in ordered}
    return result


def _turn(name: str) -> int:
    """Candidates that cost nothing first, the others as in TURNS."""
    return 1 + TURNS.index(name) if name in TURNS else 0


def _part_of(progress: Progress, name: str, begin: float, length: float) -> Callable[[float], None]:
    """Progress of one candidate, from 0 to 1, as progress of the whole."""
    return lambda done: progress(name, begin + length * done)


@dataclass(frozen=True)
class _Task:
    """What a candidate is to forecast, in how many seconds, and where it reports its progress."""

    panel: SeriesMatrix
    origins: Origins
    options: Options
    seconds: float
    report: Callable[[float], None]


def _forecast(candidate: Candidate | type[GlobalModel], task: _Task) -> list[CandidateForecasts]:
    """The forecasts of one candidate, one for each origin."""
    if isinstance(candidate, Candidate):
        return _forecast_per_series(candidate, task)
    return _forecast_globally(candidate, task)


def _forecast_per_series(candidate: Candidate, task: _Task) -> list[CandidateForecasts]:
    """Raises ModelError where no series fits, or where the time is too short for most series."""
    panel, origins, options = task.panel, task.origins.all, task.options
    newest = panel.before(origins[-1])
    if not candidate.fits(newest).any():
        raise ModelError(f"no series fits: it needs {candidate.needs}")
    # What costs nothing always runs: combinations and fallbacks rest on it.
    seconds = max(task.seconds, 0.0) if candidate.name in COSTLY else np.inf
    started = time.monotonic()
    needed = seconds_needed(candidate, newest, options.horizon, options.workers) * len(origins)
    if needed > seconds:
        raise ModelError(f"it would take about {needed:.0f} s; its share is {seconds:.0f} s")
    parts: list[CandidateForecasts] = []
    done = 0

    def on_progress(series: int) -> None:
        nonlocal done
        done += series
        task.report(done / (len(origins) * len(panel.ids)))

    # The last origins are the ones that are scored: they are forecast first.
    for origin in reversed(origins):
        left = seconds - (time.monotonic() - started)
        history = panel.before(origin)
        part = forecast_each(
            candidate, history, options.horizon, left, options.workers, on_progress
        )
        late = sum(reason.startswith(OUT_OF_TIME) for reason in part.reasons.values())
        if 2 * late > candidate.fits(history).sum():
            raise ModelError(f"out of time after its share of {seconds:.0f} s")
        parts.insert(0, part)
    return parts


def _forecast_globally(kind: type[GlobalModel], task: _Task) -> list[CandidateForecasts]:
    """Forecasts of a model that is fitted at the first origin and again at each cutoff.

    Raises ModelError where no time is left, or where the panel is too short for it.
    """
    if task.seconds <= 0:
        raise ModelError("no time is left for it")
    origins, horizon = task.origins, task.options.horizon
    model = kind(task.options.seed, task.options.workers)
    parts = []
    for number, origin in enumerate(origins.all):
        history = task.panel.before(origin)
        if number == 0 or origin in origins.cutoffs:
            model.fit(history, horizon)
        values, widths = model.forecast(history, horizon)
        part = with_fallback(values, history, {}, kind.name)
        parts.append(replace(part, widths=widths))
        task.report((number + 1) / len(origins.all))
    return parts
