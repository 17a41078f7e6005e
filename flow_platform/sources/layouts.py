"""Which columns a flow wants of a file, under which names, and whether a header has them.

The names themselves are in the module of each flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flow_platform.sources.files import FileUnreadableError
from flow_platform.sources.forms import FileForm
from flow_platform.sources.tables import clean_text


@dataclass(frozen=True)
class Layouts:
    """The headers that files of a flow may have.

    `headers`: our names of columns to the source's, for each way of writing them; a file has the
    first of which all `required` columns (our names) are there. Other columns are read where they
    are there once. `numbers` are columns that usually hold plain numbers. With `every_column`, all
    columns of a file are read, not only the named ones.

        >>> Layouts(({"day": "date", "parcels": "n"},), ("day", "parcels")).header_in(["n", "date"])
        {'day': 'date', 'parcels': 'n'}
    """

    headers: Sequence[Mapping[str, str]]
    required: Sequence[str]
    numbers: Sequence[str] = ()
    every_column: bool = False

    def _wanted(self, names: Sequence[str]) -> tuple[Mapping[str, str], list[str]]:
        """The header that fits, and the source's names of its required columns; the first header
        where none fits."""
        wanted = [[header[ours] for ours in self.required] for header in self.headers]
        pairs = zip(self.headers, wanted, strict=True)
        return next(
            ((header, one) for header, one in pairs if set(one) <= set(names)),
            (self.headers[0], wanted[0]),
        )

    def fits(self, names: Sequence[str]) -> bool:
        """Whether these names have every column of one of the headers."""
        return set(self.wanted_in(names)) <= set(names)

    def wanted_in(self, names: Sequence[str]) -> list[str]:
        """The source's names of the required columns, in the header that fits."""
        return self._wanted(names)[1]

    def header_in(self, names: Sequence[str]) -> dict[str, str]:
        """Our names of columns to those that a file with these names has."""
        return {
            ours: theirs
            for ours, theirs in self._wanted(names)[0].items()
            if names.count(theirs) == 1
        }

    def form_of(self, names: Sequence[str]) -> FileForm:
        """Which columns a file with these names has, and which not."""
        header, found = self._wanted(names)[0], self.header_in(names)
        lacks = {ours: header[ours] for ours in self.required if ours not in found}
        absent = tuple(ours for ours in header if ours not in found and ours not in lacks)
        return FileForm(names=tuple(names), columns=found, missing=lacks, absent=absent)

    def check(self, names: Sequence[str], hint: str) -> None:
        """Raise FileUnreadableError where a required column is missing, or is there twice.

        `hint` ends the sentence "Correct columns in sources.toml".
        """
        wanted = self.wanted_in(names)
        missing = [name for name in wanted if name not in names]
        if missing:
            shown = ", ".join(clean_text(name)[:60] for name in names[:20]) or "nothing"
            raise FileUnreadableError(
                f"no column {' and no column '.join(missing)} in the header (found: {shown})."
                f" Correct columns in sources.toml{hint}",
                self.form_of(names),
            )
        for name in wanted:
            if names.count(name) > 1:
                raise FileUnreadableError(
                    f"two columns are called {name}. Rename one, so that it is clear which is"
                    " meant."
                )
