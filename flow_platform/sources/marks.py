"""Whether the numbers of a table have the marks that are expected: "1.234,5" and "4.462".

A table whose owner states its marks is not examined: what does not fit them is a faulty row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flow_platform.ground.number_texts import may_hide_thousands, unclear_point
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.judging import A_FEW
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.tables import Column, Table, clean_text
from flow_platform.sources.values import is_number

_PLAIN = "."
# The mark before fractions, and after it that between thousands.
_OTHERS = (",", ".,", ",.", ", ", ". ", ".'", ",'")
# From this share of a column on, and more than a few, numbers in other marks are no slips.
_SHARE = 0.01


def check_marks(
    table: Table, config: SourceConfig, layouts: Layouts, *, has_read_floats: bool = False
) -> None:
    """Raise FileUnreadableError where numbers have other marks, or may have.

    Nothing of such a file may be stored: the rows without marks would be a part of it.
    `has_read_floats` is whether floats of the table were texts in the file.
    """
    if {"decimal", "thousands"} & config.model_fields_set:
        return
    for ours in layouts.numbers:
        column = table.get(ours)
        if column is None:
            continue
        are_counts = ours in layouts.counts
        if column.numbers is not None:
            if has_read_floats:
                _check_floats(column.numbers, are_counts, table.header[ours], config)
            continue
        texts = [one.strip() if isinstance(one, str) else "" for one in column.values]
        if (text := unclear_point(texts, are_counts=are_counts)) is not None:
            raise _unclear(text, table.header[ours], config)
        if (found := _other_marks(texts, column)) is not None:
            text, marks = found
            keys = [f'decimal = "{marks[0]}"'] if marks[0] != _PLAIN else []
            keys += [f'thousands = "{one}"' for one in marks[1:]]
            raise FileUnreadableError(
                f"column {clean_text(table.header[ours])}: {clean_text(text)[:60]!r} is not a plain"
                f" number. Set {' and '.join(keys)} in section [{config.section}] of sources.toml."
            )


def _unclear(text: str, name: str, config: SourceConfig) -> FileUnreadableError:
    return FileUnreadableError(
        f"column {clean_text(name)}: {text} may be {text.replace('.', '')} or a number with a"
        f' fraction. Set thousands = "." or decimal = "." in section [{config.section}] of'
        " sources.toml."
    )


def _check_floats(numbers: np.ndarray, are_counts: bool, name: str, config: SourceConfig) -> None:
    """Raise FileUnreadableError as `check_marks`, of floats whose texts are gone."""
    if may_hide_thousands(numbers):
        texts = [
            f"{one:.3f}".removesuffix(".000") for one in numbers[np.isfinite(numbers)].tolist()
        ]
        if (text := unclear_point(texts, are_counts=are_counts)) is not None:
            raise _unclear(text, name, config)


def _other_marks(texts: Sequence[str], column: Column) -> tuple[str, str] | None:
    """A number in other marks, and the marks in which all numbers are read; None where the plain
    ones are as good, or what does not fit them are slips."""
    odd = [place for place, text in enumerate(texts) if text and not is_number(text, _PLAIN)]
    fitting = {
        place: marks
        for place in odd
        if (marks := {one for one in _OTHERS if is_number(texts[place], one)})
    }
    if not fitting:
        return None
    rows = int(np.isin(column.codes, list(fitting)).sum())
    if rows <= A_FEW or rows < _SHARE * len(column.codes):
        return None
    possible = set.intersection(*fitting.values())
    plain = [text for place, text in enumerate(texts) if text and place not in fitting]
    numbers = [text for text in plain if is_number(text, _PLAIN)]
    best = next(
        (
            marks
            for marks in _OTHERS
            if marks in possible and all(is_number(text, marks) for text in numbers)
        ),
        None,
    )
    return None if best is None else (texts[next(iter(fitting))], best)
