"""Choosing an even part of many rows or series, the same one each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def evenly_placed(rows: int, most: int) -> NDArray[np.int64]:
    """Positions of at most `most` of `rows` rows, evenly spaced and in order.

    >>> evenly_placed(9, 3).tolist()
    [0, 4, 8]
    """
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)


def evenly_chosen(names: Sequence[str], most: int) -> list[str]:
    """At most `most` of `names`, evenly spaced and in order."""
    return [names[place] for place in evenly_placed(len(names), most)]
