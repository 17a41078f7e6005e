"""How many segments there are: K-Means for each number, silhouette, and bootstrap stability.

Stability is Hennig's (2007, Cluster-wise assessment of cluster stability, Computational Statistics
& Data Analysis 52): a cluster is real if other samples of the same customers show it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow_platform.flows.deliveries.segments.customers import Floats, SegmentSpec
from flow_platform.ground.errors import ModelError

Labels = NDArray[np.int64]

# From here on Hennig calls a cluster stable; below 0.6 it should not be trusted.
STABLE, DOUBTFUL = 0.75, 0.6
# Views hide figures of fewer customers, so that a smaller segment could not be shown to anyone.
LEAST_SEGMENT = 10
# With fewer starts K-Means itself ends in different places, and stable segments look unstable.
_STARTS, _STARTS_RESAMPLED = 10, 5


@dataclass(frozen=True)
class Grouping:
    """K-Means with one number of segments.

    `stabilities` has the mean Jaccard similarity of each segment over bootstrap samples;
    `smallest` is how many of the fitted customers the smallest segment has.
    """

    centres: Floats
    silhouette: float
    stabilities: tuple[float, ...]
    smallest: int

    @property
    def k(self) -> int:
        return len(self.centres)

    @property
    def stability(self) -> float:
        """The stability of the least stable segment, by which the grouping is judged."""
        return min(self.stabilities)


def groupings(points: Floats, spec: SegmentSpec) -> list[Grouping]:
    """K-Means with each number of segments, and the quality of each.

    Raises ModelError if there are fewer different points than two segments need.
    """
    from threadpoolctl import threadpool_limits

    draw = np.random.default_rng(spec.seed)
    fitted = points[_some(len(points), spec.most_fitted, draw)]
    compared = fitted[_some(len(fitted), spec.most_compared, draw)]
    different = len(np.unique(compared, axis=0))
    counts = [k for k in spec.counts if k < different]
    if not counts:
        raise ModelError(
            f"Customers cannot be separated: only {different} of {len(compared)} differ in any"
            " way. Wait until more orders and deliveries are known."
        )
    # Threads add up in another order each time.
    with threadpool_limits(1):
        return [_grouping(fitted, compared, k, spec) for k in counts]


def chosen(found: Sequence[Grouping]) -> Grouping:
    """The best separated of the stable groupings, or the most stable one if none is stable.

    A grouping with a segment that is too small to be shown is chosen only if there is no other.
    """
    shown = [one for one in found if one.smallest >= LEAST_SEGMENT] or list(found)
    stable = [one for one in shown if one.stability >= STABLE]
    if stable:
        return max(stable, key=lambda one: (one.silhouette, -one.k))
    return max(shown, key=lambda one: (one.stability, -one.k))


def nearest(points: Floats, centres: Floats) -> Labels:
    """The position of the nearest centre, for each point."""
    # A centre at a time: all at once would hold millions of customers in memory as often.
    away = np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    return np.asarray(away.argmin(axis=1), dtype=np.int64)


def _grouping(fitted: Floats, compared: Floats, k: int, spec: SegmentSpec) -> Grouping:
    from sklearn.metrics import silhouette_score

    centres = _ordered(_k_means(k, _STARTS, spec.seed).fit(fitted).cluster_centers_)
    labels = nearest(compared, centres)
    several = len(np.unique(labels)) > 1
    return Grouping(
        centres=centres,
        silhouette=float(silhouette_score(compared, labels)) if several else -1.0,
        stabilities=_stabilities(compared, labels, k, spec),
        smallest=int(np.bincount(nearest(fitted, centres), minlength=k).min()),
    )


def _stabilities(points: Floats, labels: Labels, k: int, spec: SegmentSpec) -> tuple[float, ...]:
    """Mean over bootstrap samples of the best Jaccard similarity that each cluster finds there.

    A sample is clustered with its repetitions; clusters are compared over the points drawn, each
    once.
    """
    draw = np.random.default_rng([spec.seed, k])
    found = np.zeros(k)
    for number in range(spec.resamples):
        times = np.bincount(draw.integers(len(points), size=len(points)), minlength=len(points))
        own = times > 0
        model = _k_means(k, _STARTS_RESAMPLED, spec.seed + number)
        again = model.fit(points[own], sample_weight=times[own].astype("float64")).labels_
        shared = np.zeros((k, k))
        np.add.at(shared, (labels[own], again), 1)
        either = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
        found += np.divide(shared, either, out=np.zeros_like(shared), where=either > 0).max(axis=1)
    return tuple(float(one) for one in found / spec.resamples)


def _k_means(k: int, starts: int, seed: int) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=starts, random_state=seed % 2**31, algorithm="lloyd")


def _ordered(centres: Floats) -> Floats:
    """Centres to nine digits, by the first coordinate, then the next: newest customers first."""
    kept = np.array([[float(f"{one:.9g}") for one in row] for row in centres])
    return kept[np.lexsort(kept.T[::-1])]


def _some(rows: int, most: int, draw: np.random.Generator) -> Labels:
    """At most `most` of `rows` positions, drawn at random, in ascending order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(draw.choice(rows, most, replace=False))
