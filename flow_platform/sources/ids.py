"""Ids of centres: which texts can be one, and the order in which people expect them.

An id that a spreadsheet has written as a number is read in `values.py`. Which ids exist is the
business of each flow's module.
"""

from __future__ import annotations

import re

# What the key of a multi-partition cannot carry, or what Dagster's UI reads as a range or list.
_FORBIDDEN_IN_IDS = ("|", ",", "[", "]", '"', "...")
# Words that mean "all centres" in events and in published.accuracy.
_RESERVED_IDS = frozenset({"*", "all"})
_LONGEST_ID = 100
# What spreadsheets write where a centre would be, in a row that adds up the others.
_TOTALS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sub-total", "sum", "total général", "totaux"}
    | {"total general", "sous-total", "somme", "gesamt", "gesamtsumme", "summe", "totale", "suma"}
    | {"итого", "合计", "合計", "总计", "總計"}
)


def is_total(centre_id: str) -> bool:
    """Whether a text is what a totals row has in the place of a centre."""
    return centre_id.casefold().rstrip(":").strip() in _TOTALS


def why_not_an_id(centre_id: str) -> str | None:
    """Why this text cannot be a centre's id, or None where it can."""
    if not centre_id:
        return "centre_id is empty: give each centre an id"
    if centre_id.casefold() in _RESERVED_IDS:
        return f'centre_id "{centre_id}" means all centres: choose another id'
    if is_total(centre_id):
        return f"centre_id {centre_id!r} is what a totals row has: choose another id"
    if len(centre_id) > _LONGEST_ID:
        return f"centre_id is longer than {_LONGEST_ID} characters: choose a shorter id"
    for text in _FORBIDDEN_IN_IDS:
        if text in centre_id:
            return f"centre_id {centre_id!r} contains {text!r}, which partition keys cannot carry"
    if not centre_id.isprintable():
        return f"centre_id {centre_id!r} contains a control character or an unusual line or space"
    return None


def natural_order(written: str) -> list[tuple[int, str]]:
    """Sorts ids with numbers in their order: "DC9" before "DC10", 376 before 4264."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", written)
    ]
