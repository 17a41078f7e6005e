"""A month's segments in use: which segment a customer is in. Reads JSON alone.

Segments are made in `training.py`; artefacts hold centres and scaling and no customer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.segments.choice import Grouping, nearest
from flow_platform.flows.deliveries.segments.customers import COLUMNS, Floats, matrix_of
from flow_platform.flows.deliveries.segments.names import NAMES, Known, names_of
from flow_platform.flows.deliveries.segments.scaling import Scaling
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import artefact

SEGMENTS = "segments.json"


@dataclass(frozen=True)
class Segments:
    """The segments of one month. Make it with `load`.

    `centres` (segments, columns) are coordinates of `scaling`; `choices` has the quality of each
    number of segments: k, silhouette, stability, chosen.
    """

    scaling: Scaling
    centres: Floats
    names: tuple[str, ...]
    stabilities: tuple[float, ...]
    choices: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, scaling: Scaling, found: Sequence[Grouping], best: Grouping) -> Segments:
        """The segments of the chosen grouping, named by their traits."""
        return cls(
            scaling=scaling,
            centres=best.centres,
            names=names_of(best.centres, scaling),
            stabilities=best.stabilities,
            choices=tuple(
                {
                    "k": one.k,
                    "silhouette": round(one.silhouette, 9),
                    "stability": round(one.stability, 9),
                    "chosen": one.k == best.k,
                }
                for one in found
            ),
        )

    @classmethod
    def load(cls, artefacts: Mapping[str, bytes]) -> Segments:
        """The segments of these artefacts. Raises ModelError where they are not whole."""
        try:
            kept = json.loads(artefacts[SEGMENTS])
            scaling = Scaling.from_json(kept["scaling"])
            made = cls(
                scaling=scaling,
                centres=np.array(kept["centres"], dtype=np.float64),
                names=tuple(kept["names"]),
                stabilities=tuple(float(one) for one in kept["stabilities"]),
                choices=tuple(kept["choices"]),
            )
            segments = len(made.names)
            if (
                made.centres.shape != (segments, len(scaling.columns))
                or len(made.stabilities) != segments
                or not np.isfinite(made.centres).all()
                or not set(scaling.columns) <= set(COLUMNS)
                or not set(made.names) <= set(NAMES)
            ):
                raise ValueError("centres, columns, names and stabilities do not agree")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(
                f"The artefacts of these segments are not whole ({error!r}). Materialise the month"
                " of ml/deliveries_segments again."
            ) from error
        return made

    def as_bytes(self) -> bytes:
        """What `load` reads; equal segments give equal bytes."""
        content = {
            "scaling": self.scaling.as_json(),
            "centres": self.centres.tolist(),
            "names": list(self.names),
            "stabilities": [round(one, 9) for one in self.stabilities],
            "choices": [dict(one) for one in self.choices],
        }
        return artefact(content)

    def named_after(self, earlier: Segments | None) -> Segments:
        """The same segments; those at the place of an earlier one have its name."""
        known = earlier.known() if earlier else ()
        return replace(self, names=names_of(self.centres, self.scaling, known))

    def known(self) -> tuple[Known, ...]:
        """Names and centres as another month can place them."""
        return tuple(
            Known(name, dict(zip(self.scaling.columns, map(float, row), strict=True)))
            for name, row in zip(self.names, self.scaling.original(self.centres), strict=True)
        )

    @property
    def k(self) -> int:
        return len(self.names)

    @property
    def choice(self) -> Mapping[str, Any]:
        """The chosen one of `choices`."""
        return next(one for one in self.choices if one["chosen"])

    def assign(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Segment and name of each customer of `customers_of`, on its index."""
        segment = nearest(self.scaling.apply(matrix_of(customers)), self.centres)
        return pd.DataFrame(
            {"segment": segment, "name": np.array(self.names, dtype=object)[segment]},
            index=customers.index,
        )


def assign(artefacts: Mapping[str, bytes], customers: pd.DataFrame) -> pd.DataFrame:
    """Segment and name of each customer, by the artefacts of a month; see `Segments.assign`."""
    return Segments.load(artefacts).assign(customers)
