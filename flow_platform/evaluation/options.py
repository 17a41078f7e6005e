"""How a panel is evaluated, and the names of all candidates."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from flow_platform.evaluation.candidates import PER_SERIES
from flow_platform.evaluation.combinations import MEDIAN, WEIGHTED
from flow_platform.evaluation.global_models import GLOBAL
from flow_platform.ground.errors import ModelError

NAMES = (*(c.name for c in PER_SERIES), *(g.name for g in GLOBAL), MEDIAN, WEIGHTED)

# Called with what is being done, and the share of all that is done.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Options:
    """How a panel is evaluated.

    horizon     steps ahead
    windows     cutoffs to score, `horizon` steps apart; the targets of the last one are the last
                rows of the panel. Not used with a hold-out
    candidates  names out of NAMES
    seconds     time for all candidates together. A costly one may take a share of what is left; it
                is left out when a few series show that it would not finish. A global model is not
                stopped once it has begun
    per_series  whether series with enough evidence choose their own champion
    seed        of the models that draw numbers
    workers     processes

    Raises ModelError for an unknown candidate, and for a horizon or number of windows below 1.

    Example: Options(horizon=24, windows=3, candidates=("seasonal_naive", "theta", "lightgbm"))
    """

    horizon: int
    windows: int = 1
    candidates: tuple[str, ...] = NAMES
    seconds: float = 420.0
    per_series: bool = False
    seed: int = 20240229
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        unknown = [name for name in self.candidates if name not in NAMES]
        if unknown:
            raise ModelError(
                f"Unknown candidate(s) {', '.join(unknown)}. Known: {', '.join(NAMES)}."
            )
        if self.horizon < 1 or self.windows < 1:
            raise ModelError("The horizon and the number of windows must be 1 or more.")
