"""Searches LightGBM's parameters for a month on what was known then, and records the result.

Nothing is trained here: the month's vintages, and later ones, use the result when they are trained.
How parameters are searched is in `forecasting/daily/tuning.py`; trials are kept in `registry/`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import SeriesFlow
from flow_platform.forecasting.daily.data import CODE_VERSION, fingerprint
from flow_platform.forecasting.daily.preparation import before_backtest
from flow_platform.forecasting.daily.tuning import SEARCH_VERSION, Clock, Standing, fold_rows, tune
from flow_platform.ground.errors import ConfigurationError, ModelError, TooLittleHistory
from flow_platform.ground.periods import cutoff_of
from flow_platform.platform import Platform
from flow_platform.registry.tunings import Tuning
from flow_platform.stages.case import Case
from flow_platform.stages.daily import daily_case, read_history


def tune_month(
    platform: Platform,
    flow: SeriesFlow,
    measure: str,
    month: date | None,
    seconds: float,
    progress: Callable[[Standing], None],
    clock: Clock = time.monotonic,
) -> Tuning:
    """Search for `seconds` for the parameters of `month`, by default the newest with vintages.

    A search of the same facts, code and choices goes on where the last one ended. Raises
    ConfigurationError for seconds, a measure or a month that cannot be, ModelError for a month with
    too little history.
    """
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ConfigurationError(
            f"{seconds:g} seconds are no time to search. Give a number above 0, such as 120."
        )
    flow.check_measure(measure)
    if not flow.is_tuned:
        raise ConfigurationError(
            f"{flow.name} is not tuned: its LightGBM has fixed parameters. `flow tune` is for"
            f" {', '.join(one.name for one in CATALOGUE if one.is_tuned)}."
        )
    case = daily_case(platform, flow, measure)
    chosen = month or _newest_month(case)
    if cutoff_of(chosen) > datetime.now(UTC):
        raise ConfigurationError(
            f"{chosen:%Y-%m} has not begun in UTC: its vintages cannot be trained yet. Give an"
            " earlier month."
        )
    spec, cutoff = case.spec, cutoff_of(chosen)
    data = read_history(case, chosen)
    try:
        known = before_backtest(data, cutoff, spec)
    except TooLittleHistory as error:
        raise TooLittleHistory(
            f"{flow.name} {measure} cannot be tuned for {chosen:%Y-%m}: fewer than"
            f" {spec.min_history_days} days were known before. Give a later month, or bring earlier"
            f" days in: flow backfill {flow.name}."
        ) from error
    folds = fold_rows(known)
    seen = fingerprint(data, known.moment, spec)[:12]
    name = f"{flow.name}.{measure}.{chosen:%Y-%m}.{CODE_VERSION}.{SEARCH_VERSION}.{seen}"
    with platform.tunings.study(name) as study:
        in_use = platform.tunings.boosting(flow.name, measure, chosen)
        tuned = tune(study, folds, spec, seconds, in_use, progress, clock)
        tuning = Tuning(flow.name, measure, chosen, name, tuned)
        platform.tunings.record(tuning)
    return tuning


def _newest_month(case: Case) -> date:
    vintages = case.vintages()
    if not vintages:
        name = case.flow.name
        raise ModelError(
            f"{name} {case.measure} has no vintage whose month could be tuned. Name a month, or"
            f" train one first: flow train {name} --from {datetime.now(UTC):%Y-%m}."
        )
    return vintages[-1].month
