"""What chance may do to a share: its interval, and whether two shares differ beyond it."""

from __future__ import annotations

from math import sqrt

# Of fewer cases than this a share is chance; such marks are drawn pale.
FEW = 30
# Two standard deviations of the normal distribution hold 95 %.
_Z = 1.96


def wilson(hits: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of `n` (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    share = hits / n
    middle = (share + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    return min(share, middle - half), max(share, middle + half)


def beyond_chance(hits: float, n: float, other_hits: float, other_n: float) -> bool:
    """Whether the first share is above the other by more than chance allows (95 %)."""
    spread = sqrt(_variance(hits, n) + _variance(other_hits, other_n))
    return hits / n - other_hits / other_n > _Z * spread


def _variance(hits: float, n: float) -> float:
    # Two more cases on each side, so that no share is certain (Agresti and Caffo 2000).
    eased = (hits + 1) / (n + 2)
    return eased * (1 - eased) / (n + 2)
