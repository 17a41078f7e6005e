"""What an engine offers: the functions that train, and for series forecast, one kind of flow.

Each kind binds its own functions once, in a module `engine.py` such as that of
`forecasting/daily`, where mypy checks them against each other. Which flow has which engine is not
known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import pandas as pd

from flow_platform.ground.errors import ModelError
from flow_platform.models.boosters import Boosting
from flow_platform.models.vintage import TrainedModel

Data = TypeVar("Data")
Spec = TypeVar("Spec")
Prepared = TypeVar("Prepared")

# The columns that the forecasts of every series engine have.
FORECAST_COLUMNS = (
    "unique_id",
    "issue",
    "issued_at",
    "horizon",
    "ds",
    "prediction",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
)


def nothing_missing(candidate: str) -> str | None:
    """For engines whose candidates need nothing that is not always installed."""
    return None


def without_boosting(spec: Spec, boosting: Boosting) -> Spec:
    """For engines without tuned candidates: the spec as it is."""
    return spec


@dataclass(frozen=True, kw_only=True)
class Engine(Generic[Data, Spec, Prepared]):
    """The functions that train the models of one kind of flow.

    `Data` is what is known of a flow, each fact with the moment it became known; `Spec` the fixed
    choices of its models; `Prepared` the work that all candidates of one cut-off share.

    candidates           simplest first: of candidates that do about as well, the earlier one leads
    fingerprint          of (data, cutoff, spec): sha256 of all that training may see
    prepare              of (data, cutoff, spec): the shared work, computed as candidates need it;
                         raises TooLittleHistory where no candidate could be trained
    fit                  of (candidate, prepared): a trained model; `train` is this with its checks
    missing_requirement  of (candidate): what must be installed first, None if nothing
    tuned                candidates whose LightGBM parameters `flow tune` seeks
    with_boosting        of (spec, parameters): the spec with those parameters, for `tuned`

    Cut-offs are in UTC. Equal fingerprints mean equal bytes of every candidate's artefacts.

    Example, with the engine of daily series:

        from flow_platform.forecasting.daily.engine import ENGINE

        prepared = ENGINE.prepare(data, pd.Timestamp("2025-06-01", tz="UTC"), SeriesSpec())
        models = {name: ENGINE.train(name, prepared) for name in ENGINE.trainable()}
    """

    candidates: tuple[str, ...]
    fingerprint: Callable[[Data, pd.Timestamp, Spec], str]
    prepare: Callable[[Data, pd.Timestamp, Spec], Prepared]
    fit: Callable[[str, Prepared], TrainedModel]
    missing_requirement: Callable[[str], str | None] = nothing_missing
    tuned: tuple[str, ...] = ()
    with_boosting: Callable[[Spec, Boosting], Spec] = without_boosting

    def trainable(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Those of `names`, by default of all candidates, that lack no requirement here."""
        chosen = self.candidates if names is None else names
        return tuple(name for name in chosen if self.missing_requirement(name) is None)

    def check(self, candidate: str) -> None:
        """Raise ModelError for an unknown candidate, or one whose requirement is missing."""
        if candidate not in self.candidates:
            raise ModelError(
                f"Unknown candidate {candidate!r}; choose one of {', '.join(self.candidates)}."
            )
        missing = self.missing_requirement(candidate)
        if missing:
            raise ModelError(missing)

    def train(self, candidate: str, prepared: Prepared) -> TrainedModel:
        """One candidate, backtested, calibrated and fitted on what its cut-off may see.

        Raises ModelError for a candidate that `check` refuses, or that the data do not suit.
        """
        self.check(candidate)
        return self.fit(candidate, prepared)


@dataclass(frozen=True, kw_only=True)
class SeriesEngine(Engine[Data, Spec, Prepared]):
    """An engine whose models forecast series.

    forecast            of (artefacts, data, issues, spec): forecasts of one trained model, for
                        issues (unique_id, issue, issued_at UTC). `FORECAST_COLUMNS` and
                        `extra_columns`, ordered by unique_id, issue and horizon; never negative,
                        bands do not cross. Raises ModelError for artefacts that cannot be read
    fallback_forecast   of (data, issues, spec): the same columns without any model
    covers_every_series whether a model forecasts wherever the fallback could; where it does not,
                        the fallback has to fill in
    extra_columns       columns of forecasts beyond `FORECAST_COLUMNS`
    frequency           the step of the series as pandas has it: "D" or "h"

    Example:

        model = ENGINE.train("lightgbm", ENGINE.prepare(data, cutoff, spec))
        rows = ENGINE.forecast(model.artefacts, data, data.issues.tail(7), spec)
    """

    forecast: Callable[[Mapping[str, bytes], Data, pd.DataFrame, Spec], pd.DataFrame]
    fallback_forecast: Callable[[Data, pd.DataFrame, Spec], pd.DataFrame]
    covers_every_series: bool
    extra_columns: tuple[str, ...]
    frequency: str
