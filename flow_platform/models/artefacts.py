"""The files in which vintages keep what they know: how JSON is written, and read with checks.

A vintage is named after its bytes, so the two forms of JSON stay apart: with the other one,
registered vintages would change their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from flow_platform.ground.errors import ModelError


def artefact(content: Any) -> bytes:
    """JSON of a vintage that scores records; equal contents give equal bytes."""
    return json.dumps(content, sort_keys=True).encode()


def compact_artefact(content: Any) -> bytes:
    """JSON of a vintage that forecasts series, without spaces; equal contents give equal bytes."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def training_record(
    candidate: str,
    cutoff: pd.Timestamp,
    days: tuple[pd.Timestamp, pd.Timestamp],
    rows: int,
    horizons: Sequence[int],
    code_version: str,
) -> bytes:
    """training.json of a vintage that forecasts series.

    `days` are the first and the last one that was learned from, `rows` how many rows.
    """
    return compact_artefact(
        {
            "candidate": candidate,
            "cutoff": cutoff.isoformat(),
            "train_first": str(days[0].date()),
            "train_last": str(days[1].date()),
            "trained_rows": rows,
            "horizons": list(horizons),
            "code_version": code_version,
        }
    )


def required(artefacts: Mapping[str, bytes], names: Sequence[str]) -> list[bytes]:
    """The contents of `names`. Raises ModelError for one that is missing."""
    missing = [name for name in names if name not in artefacts]
    if missing:
        raise ModelError(
            f"The vintage lacks {', '.join(missing)}; restore its artefacts or train it again."
        )
    return [artefacts[name] for name in names]


def parsed(artefacts: Mapping[str, bytes], names: Sequence[str]) -> list[Any]:
    """The JSON of `names`. Raises ModelError for one that is missing or is no JSON."""
    contents = required(artefacts, names)
    with reading():
        return [json.loads(content) for content in contents]


@contextmanager
def reading() -> Iterator[None]:
    """Turn what broken contents raise while artefacts are read into ModelError."""
    try:
        yield
    except (KeyError, ValueError, TypeError) as broken:
        raise ModelError(
            f"The vintage's artefacts cannot be read ({broken}); restore them or train it again."
        ) from broken
