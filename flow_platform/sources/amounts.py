"""Amounts of money as people write them: "£1,234.50", "1.234,50 €", "BRL 12.90".

The platform adds amounts up and converts none: a source is in one currency. What an amount means is
the business of each flow's module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.tables import Column, Table
from flow_platform.sources.values import number

# Unicode's block of currency symbols, and those that are older than it.
_SIGNS = "$\u00a2-\u00a5\u0e3f\u20a0-\u20cf\ufe69\uff04\uffe0\uffe1\uffe5\uffe6"
# A sign, with letters before it where several countries have it (US$, R$), or a code of ISO 4217.
_CURRENCY = rf"[A-Z]{{0,3}}[{_SIGNS}]|[A-Z]{{3}}"
_AMOUNT = re.compile(
    rf"(?P<minus>[-+]?)\s*(?P<before>{_CURRENCY})?\s*(?P<digits>[-+]?[\d.,][\d.,'\s]*?)"
    rf"\s*(?P<after>{_CURRENCY})?"
)


def amount(value: Any, name: str, marks: str) -> tuple[float, str | None]:
    """`number` of an amount, with or without the sign of its currency.

    >>> amount("£1,234.50", "price", ".,")
    (1234.5, None)
    >>> amount("-5,00 €", "price", ",")
    (-5.0, None)
    """
    if isinstance(value, str) and (found := _with_currency(value)) is not None:
        minus, digits = found["minus"], found["digits"]
        if not (minus and digits[0] in "+-"):
            return number(minus + digits, name, marks)
    return number(value, name, marks)


def _with_currency(value: str) -> re.Match[str] | None:
    found = _AMOUNT.fullmatch(value.strip())
    return found if found is not None and bool(found["before"]) != bool(found["after"]) else None


def currencies_in(column: Column) -> list[str]:
    """The signs and codes of currencies in a column, each once."""
    found = (_with_currency(one) for one in column.values if isinstance(one, str))
    return list(dict.fromkeys(one["before"] or one["after"] for one in found if one is not None))


def other_currency(
    file: str, table: Table, names: Sequence[str], before: dict[str, str]
) -> FileUnreadableError | None:
    """The error of a table whose amounts are in another currency than those before it, or in two.

    `names` are our names of its columns of money; `before` has the currency of the source and the
    first file with it, and gets those of this one.
    """
    columns = [one for one in map(table.get, names) if one is not None]
    here: Mapping[str, str] = {one: file for column in columns for one in currencies_in(column)}
    every = {**here, **before}
    if len(every) > 1:
        return FileUnreadableError(
            f"has amounts in {' and '.join(here)}"
            + (f", and {next(iter(before.values()))} in {next(iter(before))}" if before else "")
            + ": a source is in one currency. Convert them, or narrow path in sources.toml."
        )
    before.update(here)
    return None
