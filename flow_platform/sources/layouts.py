"""Which columns a flow wants of a file, under which names, and whether a header has them.

The names themselves are in the module of each flow; cells of wide tables are made rows in
`wide_tables.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flow_platform.ground.written_dates import is_iso
from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm
from flow_platform.sources.tables import clean_text
from flow_platform.sources.values import whole_id

# Marks without width, which files have at the beginning and web pages within names.
_NO_WIDTH = str.maketrans("", "", "\ufeff\u200b")

_LOOKS_WIDE = (
    ' If it has a column for each centre or for each day, set layout = "wide", and map in columns'
    " only what begins its lines."
)


def folded(name: str) -> str:
    """A column's name without regard to case, line breaks, no-break and repeated spaces.

    >>> folded(" Customer\u00a0ID") == folded("customer  id")
    True
    """
    return " ".join(name.translate(_NO_WIDTH).split()).casefold()


def named_so(wanted: str, names: Sequence[str]) -> list[str]:
    """Which of the names of a header are `wanted`: those that equal it, else those that differ by
    case and spaces alone."""
    exact = [name for name in names if name == wanted]
    return exact or [name for name in names if folded(name) == folded(wanted)]


@dataclass(frozen=True)
class Wide:
    """What the tables of a flow with a cell for each centre and moment are made of, by our names.

    `time` and `centre` are the two sides, one of which is the column that begins each line, and
    the other in the header; `value` is in the cells. Columns called as in `ignore` are neither.
    """

    time: str
    centre: str
    value: str
    ignore: Collection[str] = ()


@dataclass(frozen=True)
class Layouts:
    """The headers that files of a flow may have.

    `headers`: our names of columns to the source's, for each way of writing them; a file has the
    first of which all `required` columns (our names) are there. Other columns are read where they
    are there once. Names may differ by case and spaces. `numbers` are columns of numbers, `counts`
    those of them that are whole by their nature, `floats` those that are read as floats at once.
    With `every_column`, all columns of a file are read, not only the named ones. `wide` is how the
    cells of a table become rows. `known` are ids of centres, by which a table is found to be wide
    that was taken for a long one; None where none can be wide.

        >>> Layouts(({"day": "date", "parcels": "n"},), ("day", "parcels")).header_in(["n", "Date"])
        {'day': 'Date', 'parcels': 'n'}
    """

    headers: Sequence[Mapping[str, str]]
    required: Sequence[str]
    numbers: Sequence[str] = ()
    counts: Sequence[str] = ()
    floats: Sequence[str] = ()
    every_column: bool = False
    wide: Wide | None = None
    known: Collection[str] | None = None

    def _wanted(self, names: Sequence[str]) -> tuple[Mapping[str, str], list[str]]:
        """The header that fits, and the source's names of its required columns; the first header
        where none fits."""
        wanted = [
            [header[one] for one in self.required if one in header] for header in self.headers
        ]
        pairs = list(zip(self.headers, wanted, strict=True))
        have = set(names)
        # Names as they are written first: case alone may tell two columns.
        for header, one in pairs:
            if have.issuperset(one):
                return header, one
        have = {folded(name) for name in names}
        return next((pair for pair in pairs if have.issuperset(map(folded, pair[1]))), pairs[0])

    def fits(self, names: Sequence[str]) -> bool:
        """Whether these names have every column of one of the headers, and of a wide table
        another one."""
        if self.wide is not None and sum(map(bool, names)) < 2:
            return False
        return all(named_so(one, names) for one in self._wanted(names)[1])

    def wanted_in(self, names: Sequence[str]) -> list[str]:
        """The names of the required columns in the header that fits, as they are in `names`; the
        source's where none fits."""
        return [next(iter(named_so(one, names)), one) for one in self._wanted(names)[1]]

    def header_in(self, names: Sequence[str]) -> dict[str, str]:
        """Our names of columns to those that a file with these names has."""
        found = {ours: named_so(theirs, names) for ours, theirs in self._wanted(names)[0].items()}
        return {ours: theirs[0] for ours, theirs in found.items() if len(theirs) == 1}

    def form_of(self, names: Sequence[str]) -> FileForm:
        """Which columns a file with these names has, and which not."""
        header, found = self._wanted(names)[0], self.header_in(names)
        needed = [ours for ours in self.required if ours in header]
        lacks = {ours: header[ours] for ours in needed if ours not in found}
        absent = tuple(ours for ours in header if ours not in found and ours not in lacks)
        return FileForm(names=tuple(names), columns=found, missing=lacks, absent=absent)

    def check(self, names: Sequence[str], hint: str) -> None:
        """Raise FileUnreadableError where a required column is missing, or is there twice.

        `hint` ends the sentence "Correct columns in sources.toml".
        """
        wanted = self._wanted(names)[1]
        found = {name: named_so(name, names) for name in wanted}
        missing = [name for name in wanted if not found[name]]
        if missing:
            shown = ", ".join(clean_text(name)[:60] for name in names[:20]) or "nothing"
            if self.wide is not None and len(self.headers) > 1:
                missing = [" or ".join(header[next(iter(header))] for header in self.headers)]
            raise FileUnreadableError(
                f"no column {' and no column '.join(missing)} in the header (found: {shown})."
                + (_LOOKS_WIDE if self._looks_wide(names) else "")
                + f" Correct columns in sources.toml{hint}",
                self.form_of(names),
            )
        for name, theirs in found.items():
            if len(theirs) > 1:
                raise FileUnreadableError(
                    f"two columns are called {name}. Rename one, so that it is clear which is"
                    " meant."
                )

    def _looks_wide(self, names: Sequence[str]) -> bool:
        """Whether headings are centres or days, or one side of counts is there and no other."""
        if self.known is None or self.wide is not None:
            return False
        centres = [name for name in names if whole_id(name) in self.known]
        there = max(
            sum(bool(named_so(header[one], names)) for one in self.required)
            for header in self.headers
        )
        is_one_side = there == 1 and len(names) > 2
        return len(centres) > 1 or sum(map(is_iso, names)) > 1 or is_one_side
