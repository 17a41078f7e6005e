"""Trains the candidates of an engine one after another, and prepares their shared work once.

What is prepared, and how it is fitted, is each engine's own.
"""

from __future__ import annotations

from typing import Generic

import pandas as pd

from flow_platform.models.engine import Data, Engine, Prepared, Spec
from flow_platform.models.vintage import TrainedModel


class Trainer(Generic[Data, Spec, Prepared]):
    """Keeps the newest prepared work of one engine while candidates are trained in a loop.

    It lives as long as the loop: what it keeps may fill most of the memory. Example:

        trainer = Trainer(ENGINE)
        models = {name: trainer.train(name, data, cutoff, spec) for name in ENGINE.trainable()}
    """

    def __init__(self, engine: Engine[Data, Spec, Prepared]) -> None:
        self.engine = engine
        self._fingerprint: str | None = None
        self._prepared: Prepared | None = None

    def train(
        self,
        candidate: str,
        data: Data,
        cutoff: pd.Timestamp,
        spec: Spec,
        fingerprint: str | None = None,
    ) -> TrainedModel:
        """`Engine.train` at `cutoff` (UTC), on the work of the candidate before where it is equal.

        `fingerprint` is that of the same data, cut-off and spec, if it is known already. Raises
        ModelError as `Engine.prepare` and `Engine.train` do.
        """
        self.engine.check(candidate)
        seen = fingerprint or self.engine.fingerprint(data, cutoff, spec)
        if self._prepared is None or seen != self._fingerprint:
            # Before the next is made: two of them may not fit into memory.
            self._prepared = None
            self._prepared, self._fingerprint = self.engine.prepare(data, cutoff, spec), seen
        return self.engine.train(candidate, self._prepared)
