"""Frames as the warehouse gives them back, for tests of functions that are pure.

A frame that a test makes in memory has other types than one that `Store.read` returns: text that is
no Arrow string, moments in nanoseconds, columns without a type where there is no row.
"""

from __future__ import annotations

import io
from dataclasses import fields, replace
from typing import Any, TypeVar

import pandas as pd

from flow_platform.warehouse.store import OIDS, frame_of

T = TypeVar("T")


def as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` (any columns) with the types it would have if it had been read from the warehouse.

    Naive moments that are no midnights have been stored as UTC, and are read back naive.
    """
    types = {str(name): _type_of(frame[name]) for name in frame.columns}
    text = pd.DataFrame(
        {name: _text(frame[name], kind) for name, kind in types.items()}, index=frame.index
    )
    buffer = io.BytesIO(text.to_csv(index=False, header=False).encode() if len(text) else b"")
    read = frame_of(buffer, {name: OIDS.get(kind, 0) for name, kind in types.items()})
    for name, kind in types.items():
        if kind == "timestamptz" and not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            read[name] = read[name].dt.tz_localize(None)
    return read


def as_stored(data: T) -> T:
    """A dataclass of frames, each as it would be read from the warehouse."""
    frames: dict[str, Any] = {
        one.name: as_read(getattr(data, one.name))
        for one in fields(data)  # type: ignore[arg-type]
        if isinstance(getattr(data, one.name), pd.DataFrame)
    }
    return replace(data, **frames)  # type: ignore[type-var]


def _type_of(column: pd.Series) -> str:
    known = column.dropna()
    if pd.api.types.is_bool_dtype(column) or (
        len(known) and known.map(lambda cell: isinstance(cell, bool)).all()
    ):
        return "bool"
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return "timestamptz"
    if pd.api.types.is_datetime64_dtype(column):
        return "date" if (known == known.dt.normalize()).all() else "timestamptz"
    if pd.api.types.is_integer_dtype(column):
        return "int8"
    return "float8" if pd.api.types.is_float_dtype(column) else "text"


def _text(column: pd.Series, kind: str) -> pd.Series:
    """The column as COPY writes it: nothing where it is null, text in quotes where it is empty."""
    if kind == "bool":
        return column.map({True: "t", False: "f"})
    if kind == "date":
        return column.dt.strftime("%Y-%m-%d")
    if kind == "timestamptz":
        moments = column if column.dt.tz is not None else column.dt.tz_localize("UTC")
        return moments.dt.tz_convert("UTC").dt.strftime("%Y-%m-%d %H:%M:%S.%fZ")
    if kind == "float8":
        return column.map(lambda value: repr(float(value)), na_action="ignore")
    return column
