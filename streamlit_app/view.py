"""What a page is shown with: the reader's language, the page's texts, and the moment.

Every function that writes on a page takes a `View`. Where its language comes from is in
`choices.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from streamlit_app.formats import Formats
from streamlit_app.texts import Catalog, CatalogError

# Blanks that the page's own texts of these names fill, where no value is given: what the page calls
# its centres, its unit, a missing number, and the daily run.
NAMES = frozenset({"centre", "place", "places", "unit", "absent", "schedule"})


@dataclass(frozen=True)
class View(Formats):
    """One page as one reader sees it.

    `catalog` has the page's texts, `now` is the moment in UTC at which the page is shown, `given`
    are values that fill the blanks of all its texts.

    >>> view.text("range", lower=view.rounded(1204), upper=view.rounded(1830))
    '8 times out of 10 between 1,200 and 1,830'
    """

    catalog: Catalog
    now: datetime
    given: Mapping[str, str] = field(default_factory=dict)

    def text(self, key: str, **values: str) -> str:
        """A text of the page, its blanks filled by `values`.

        A blank of NAMES that is in neither `values` nor `given` is filled by the page's text of
        that name, as {places} by "countries"; {id} is the name of the page's catalog. Raises
        CatalogError for a text that there is not, or a blank that stays empty.
        """
        blanks = _Blanks(self, key, {**self.given, **values})
        return self.catalog.text(key, self.language).format_map(blanks)

    def name(self, kind: str, name: object) -> str:
        """The word for a measure, a model, a status ...; a name without a text is shown as is."""
        return self.catalog.name_of(kind, str(name), self.language)

    def giving(self, **values: str) -> View:
        """The same view, where these values fill the blanks of all texts."""
        return replace(self, given={**self.given, **values})

    def today(self, timezone: str) -> date:
        """The day it is now on the local clock."""
        return self.now.astimezone(ZoneInfo(timezone)).date()


class _Blanks(dict[str, str]):
    """What fills the blanks of a text: the values given, else the page's NAMES."""

    def __init__(self, view: View, key: str, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._view, self._key = view, key

    def __missing__(self, blank: str) -> str:
        if blank == "id":
            return self._view.catalog.name
        if blank in NAMES:
            return self._view.text(blank)
        raise CatalogError(f"The text {self._key!r} has a blank {{{blank}}} that nothing fills.")
