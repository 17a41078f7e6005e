"""Numbers as texts whose marks are not known: is the point of "4.462" before a fraction?

What is done about it is up to each reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+", re.ASCII)
_SHORT = re.compile(r"[+-]?\d{1,3}", re.ASCII)


def unclear_point(texts: Iterable[str], *, are_counts: bool) -> str | None:
    """The first text whose point may be between thousands, None where the texts show otherwise.

    It may be where every text with a point has three digits after it, and every other text has
    three at most. Numbers that are no counts are often written with three digits after the point:
    of those, some text must have no point.

        >>> unclear_point(["987", "4.462"], are_counts=False)
        '4.462'
        >>> unclear_point(["987", "4.462", "0.5"], are_counts=False)
    """
    first, has_short = None, False
    for text in texts:
        if "." in text:
            if _GROUPED.fullmatch(text) is None:
                return None
            first = first or text
        elif _SHORT.fullmatch(text) is not None:
            has_short = True
        elif text.isascii() and text.isdigit():
            return None
    return first if are_counts or has_short else None


def may_hide_thousands(numbers: np.ndarray) -> bool:
    """Whether `unclear_point` may find a text among those that these floats were read from."""
    fractions = numbers[np.isfinite(numbers) & (numbers != np.floor(numbers))]
    if not len(fractions) or np.abs(fractions).max() >= 1000 or np.abs(fractions).min() < 1:
        return False
    return bool(_is_whole(fractions * 1000).all() and not _is_whole(fractions * 100).all())


def _is_whole(numbers: np.ndarray) -> np.ndarray:
    return np.isclose(numbers, np.round(numbers), rtol=0, atol=1e-6)
