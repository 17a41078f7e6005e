"""How a CSV file that is read in parts is to be cut: its encoding, and what is above its rows.

Where the header is, is found in `heads.py`; files that are read whole are in `csv_tables.py`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flow_platform.sources.config import SourceConfig
from flow_platform.sources.encodings import detected_encoding
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import EncodingBy, encoding_found
from flow_platform.sources.heads import cut_line, found_head, named


@dataclass(frozen=True)
class PartsHead:
    """How a CSV file is to be cut: the names of its `header` without empty ones at the end, how
    many fields its rows have, and the lines up to the header, which is one of them. `detected` is
    its encoding where none is set and it is not UTF-8.
    """

    encoding: str
    encoding_by: EncodingBy
    detected: str | None
    separator: str
    header: list[str]
    width: int
    lines_above: int


def parts_head(
    head: bytes, config: SourceConfig, fits: Callable[[Sequence[str]], bool] | None
) -> PartsHead:
    """The head of a file that begins with these bytes; `fits` knows the header.

    Raises FileUnreadableError where there is no line; LookupError where the encoding that is set
    does not exist.
    """
    detected = None if config.encoding else detected_encoding(head[: head.rfind(b"\n") + 1] or head)
    encoding, known_by = encoding_found(head, config.encoding, detected)
    # The last character may be cut off.
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")
    lines = re.split(r"\r\n|\n|\r", text)
    found = found_head(
        lines,
        fits or (lambda names: False),
        separator=config.separator,
        skip_rows=config.skip_rows,
    )
    if found is None:
        raise FileUnreadableError("holds no row. Remove it, or fetch it again.")
    header = found.names[: max(named(found.names), 1)]
    rows = (line for line in lines[found.place + 1 :] if line.strip())
    following = cut_line(next(rows, ""), found.separator)
    beyond = following[len(header) :]
    # A row with something beyond the header is a broken one, and shows nothing of the others.
    width = len(following) if beyond and not any(beyond) else len(header)
    names = [name or f"(column {place})" for place, name in enumerate(header, start=1)]
    return PartsHead(encoding, known_by, detected, found.separator, names, width, found.place + 1)
