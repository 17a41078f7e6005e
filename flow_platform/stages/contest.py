"""A champion and a challenger that are to be compared, and the reasons not to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from flow_platform.models.promotion import Comparison, Scores, judge
from flow_platform.models.vintage import Vintage
from flow_platform.registry.promotions import ServingPeriod, vintage_for


@dataclass(frozen=True)
class Contest:
    """Two vintages, each with the history of its kind, and the day before which they are compared.

    `histories` are those of the champion and of the challenger: on a day each side predicts by its
    newest vintage that was cut off before. `today` is in UTC.
    """

    champion: Vintage
    challenger: Vintage
    histories: tuple[Sequence[ServingPeriod], Sequence[ServingPeriod]]
    today: date

    @property
    def _versions(self) -> tuple[str, str]:
        return self.champion.model_version, self.challenger.model_version

    def newest_days(self, days: pd.Series, most: int) -> list[pd.Timestamp]:
        """Those of `days`, newest first, that the histories give to different vintages."""
        chosen: list[pd.Timestamp] = []
        for day in sorted(days.unique(), reverse=True):
            own, rival = (vintage_for(one, pd.Timestamp(day).date()) for one in self.histories)
            if own and rival and own.model_version != rival.model_version:
                chosen.append(day)
        return chosen[:most]

    def judged(self, own: Scores, rival: Scores, seed: int) -> Comparison:
        """The verdict on the errors of both sides, see `judge`."""
        return judge(*self._versions, own, rival, seed=seed)

    def refused(self, reason: str) -> Comparison:
        """The verdict that the challenger does not win, and why."""
        return Comparison(*self._versions, promoted=False, reason=reason)

    def without_evidence(self, what: str) -> Comparison:
        """The verdict where nothing can be compared; `what` is such as "day with a count"."""
        return self.refused(f"not enough evidence: no {what} is after the cut-offs of both")

    def trained_on_test(self, vintage: Vintage, until: pd.Timestamp, what: str) -> Comparison:
        """The verdict where a vintage had learned, `until` then, of what it is compared on."""
        return self.refused(
            f"trained on test rows: {vintage.model_version} learned until"
            f" {until:%Y-%m-%d %H:%M} UTC, after {what} it is compared on"
        )
