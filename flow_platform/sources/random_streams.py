"""Random numbers of simulated sources: a stream of its own for each slice that is made alone."""

from __future__ import annotations

import hashlib

import numpy as np


def random_stream(*parts: object) -> np.random.Generator:
    """The stream that the texts of `parts` name, such as a seed, a centre and a day.

    Equal parts give equal numbers, on every machine and in any order of the calls.

    >>> random_stream(7, "Paris", "2025-01-01").integers(100, size=3).tolist()
    [69, 29, 33]
    """
    text = "\x1f".join(str(part) for part in parts)
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
    return np.random.Generator(np.random.Philox(key=key))
