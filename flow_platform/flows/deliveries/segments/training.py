"""Training a month's segments: from customers' features to artefacts and profiles.

Segments have the form of every other vintage, so that the registry keeps them in the same way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.segments.choice import chosen, groupings
from flow_platform.flows.deliveries.segments.customers import SegmentSpec, fingerprint, matrix_of
from flow_platform.flows.deliveries.segments.model import SEGMENTS, Segments
from flow_platform.flows.deliveries.segments.scaling import scaling_of
from flow_platform.ground.errors import ModelError
from flow_platform.models.artefacts import artefact
from flow_platform.models.moments import utc
from flow_platform.models.vintage import TrainedModel

CANDIDATE = "k_means"
_PROFILED = ("recency_days", "orders", "value", "late_share", "mean_days")

__all__ = ["CANDIDATE", "fingerprint", "profiles_of", "renamed", "train"]


def train(customers: pd.DataFrame, cutoff: pd.Timestamp, spec: SegmentSpec) -> TrainedModel:
    """One vintage from `customers_of` at `cutoff` (UTC): scaling, number of segments, names.

    Segments are numbered by their centres, those of the newest customers first, and named by what
    they are; `renamed` gives them the names of the month before. Customers without a delivery have
    no experience that is known: they count as the mean of those with one. Raises ModelError where
    too few customers are known, or no feature separates them.
    """
    cutoff = utc(cutoff)
    if len(customers) < spec.least_customers:
        raise ModelError(
            f"Cannot make segments of {cutoff:%Y-%m}: {len(customers)} customers had ordered before"
            f" {cutoff:%Y-%m-%d %H:%M} UTC, {spec.least_customers} are needed. Wait until more are"
            " known, or choose a later month."
        )
    matrix = matrix_of(customers)
    scaling = scaling_of(matrix)
    if not scaling.columns:
        reasons = "; ".join(f"{name} is {why}" for name, why in scaling.dropped.items())
        raise ModelError(
            f"Cannot make segments of {cutoff:%Y-%m}: no feature separates the {len(customers)}"
            f" customers ({reasons})."
        )
    found = groupings(scaling.apply(matrix), spec)
    segments = Segments.of(scaling, found, chosen(found))
    newest = customers["known_until"].max()
    ordered = cutoff - pd.to_timedelta(customers["recency_days"], unit="D")
    choice = segments.choice
    return TrainedModel(
        candidate=CANDIDATE,
        cutoff=cutoff,
        artefacts={
            SEGMENTS: segments.as_bytes(),
            "training.json": artefact(
                {
                    "candidate": CANDIDATE,
                    "cutoff": str(cutoff),
                    "train_last": str(_day(ordered.max()).date()),
                    "customers": len(customers),
                    "unknown_experience": int((customers["delivered"] == 0).sum()),
                    "seed": spec.seed,
                }
            ),
            # Until when the facts were known that segments rest on; they have no bands.
            "calibration.json": artefact(
                {
                    "recent": {"known_at": []},
                    "errors": {"known_at": [str(newest.tz_convert("UTC").tz_localize(None))]},
                }
            ),
        },
        metrics={
            "k": float(choice["k"]),
            "silhouette": float(choice["silhouette"]),
            "stability": float(choice["stability"]),
            "customers": float(len(customers)),
        },
        backtest=pd.DataFrame(),
        train_first=_day(ordered.min()),
        train_last=_day(ordered.max()),
        trained_rows=min(len(customers), spec.most_fitted),
    )


def renamed(artefacts: dict[str, bytes], earlier: Segments | None) -> dict[str, bytes]:
    """The same segments, named after those at the same place in the month before."""
    named = Segments.load(artefacts).named_after(earlier)
    return {**artefacts, SEGMENTS: named.as_bytes()}


def profiles_of(customers: pd.DataFrame, segments: Segments) -> pd.DataFrame:
    """One row a segment that has customers: segment, name, customers, means, stability.

    Means are over customers; `late_share` and `mean_days` over those with a delivery, NaN where
    there is none.
    """
    assigned = customers.join(segments.assign(customers))
    by = assigned.groupby(["segment", "name"], sort=True)
    made = by[list(_PROFILED)].mean()
    made.insert(0, "customers", by.size())
    made = made.reset_index()
    made["stability"] = np.array(segments.stabilities)[made["segment"].to_numpy()]
    return made


def _day(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_convert("UTC").tz_localize(None).normalize()
