"""How a file was understood: its kind, encoding and header, and which column is which of ours.

It is found by the modules that read files; what `flow load check` makes of it is in
`stages/looking.py`.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# How an encoding is known: by sources.toml, by its letters, by its byte order mark, or as UTF-8.
EncodingBy = Literal["set", "detected", "mark", "default"]


@dataclass(frozen=True)
class FileForm:
    """How one file or sheet was read.

    `names` is its header, `columns` our names of columns to those of it that are read, `missing`
    our names of columns without which it cannot be read to the names that were looked for, `absent`
    our names of other columns that it has not.
    `header_line` counts from 1, as an editor does. `encoding` is as Python knows it, and
    `encoding_by` how it was found. None where a file has no such thing, or it was not reached.
    """

    kind: Literal["CSV", "Parquet", "sheet"] | None = None
    names: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    header_line: int | None = None
    separator: str | None = None
    encoding: str | None = None
    encoding_by: EncodingBy | None = None

    @property
    def unused(self) -> tuple[str, ...]:
        """The names of the header that are not read."""
        used = set(self.columns.values())
        return tuple(name for name in self.names if name and name not in used)


def encoding_found(data: bytes, stated: str | None, detected: str | None) -> tuple[str, EncodingBy]:
    """The encoding of a text file that begins with these bytes, and how it is known."""
    if stated is not None:
        return stated, "set"
    if detected is not None:
        return detected, "detected"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "mark"
    return "utf-8", "mark" if data.startswith(codecs.BOM_UTF8) else "default"
