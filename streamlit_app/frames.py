"""Rows of frames, one by one. The types of their values are what SQL made them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


def each_row(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame in order, with its columns as attributes."""
    return iter(frame.itertuples())


def row_at(frame: pd.DataFrame, label: object) -> Any:
    """The row of a frame with this label of its index."""
    found: Any = frame.loc
    return found[label]
