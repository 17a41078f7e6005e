"""Checks of the frames that engines are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from flow_platform.ground.errors import ModelError


def check_columns(data: object, wanted: Mapping[str, Sequence[str]]) -> None:
    """Raise ModelError unless the frames of `data`, by attribute, have the wanted columns."""
    owner = type(data).__name__
    for name, columns in wanted.items():
        missing = [one for one in columns if one not in getattr(data, name).columns]
        if missing:
            raise ModelError(
                f"{owner}.{name} lacks the column(s) {', '.join(missing)}. See the docstring of"
                f" {owner} for the columns of each frame."
            )


def check_unique(data: object, name: str, keys: list[str], remedy: str) -> None:
    """Raise ModelError, with the remedy, for rows of a frame of `data` whose `keys` are equal."""
    frame: pd.DataFrame = getattr(data, name)
    twice = frame.duplicated(keys)
    if twice.any():
        raise ModelError(
            f"{type(data).__name__}.{name} holds {int(twice.sum())} repeated row(s), first"
            f" {frame.loc[twice, keys].iloc[0].tolist()}. {remedy}"
        )
