"""The app as a reader sees it: opened at a page in a language, and read as text.

Tests ask whether a text of the catalogs is on the screen, by its key: a change of wording changes
no test of behaviour.
"""

from __future__ import annotations

import html
import re
import string
from datetime import UTC, datetime

import pandas as pd
from streamlit.testing.v1 import AppTest

from streamlit_app import navigation, texts
from streamlit_app.formats import capitalised
from streamlit_app.view import View
from tests.app.published.server import APP


def view_of(page: str, language: texts.Language = "en") -> View:
    """The texts and formats of a page, at this moment."""
    return View(language, texts.catalog(page), datetime.now(UTC))


class Screen(AppTest):
    """The app at one of its pages, `parcels` by default; `view` has the page's texts."""

    def __init__(self) -> None:
        super().__init__(APP, default_timeout=60)
        self.page = navigation.pages()[0].name

    @property
    def view(self) -> View:
        """The texts and formats of the page, in the language that the address has."""
        return view_of(self.page, "fr" if self.query_params["lang"] == "fr" else "en")

    def open(self, page: str) -> Screen:
        """Go to another page of the app."""
        (file,) = [known.file for known in navigation.pages() if known.name == page]
        self.page = page
        self.switch_page(file).run()
        return self

    @property
    def is_well(self) -> bool:
        """Whether the page is there, without an exception or an error."""
        return not self.exception and not self.error

    @property
    def shown(self) -> str:
        """Everything that can be read outside tables and charts, in one text."""
        kinds = (
            *(self.title, self.subheader, self.markdown, self.caption),
            *(self.info, self.warning, self.error, self.success, self.code),
        )
        words = [str(element.value) for kind in kinds for element in kind]
        return "\n".join([*words, *(html.unescape(str(element.value)) for element in self.html)])

    def shows(self, key: str, **values: str) -> bool:
        """Whether a text of the page is on the screen; blanks that are not given match anything."""
        return bool(re.search(self.pattern(key, **values), self.shown))

    def check_shows(self, *keys: str) -> None:
        """Fail unless the page is well and shows the texts of these keys."""
        assert self.is_well
        assert [key for key in keys if not self.shows(key)] == []

    def shows_of(self, page: str, key: str, **values: str) -> bool:
        """Whether a text of another page's catalog is on the screen."""
        view = view_of(page, self.view.language)
        return bool(re.search(pattern(view, key, **values), self.shown))

    def pattern(self, key: str, **values: str) -> str:
        """A text of the page as a regular expression, with a group for each blank not given."""
        return pattern(self.view, key, **values)

    def tables(self) -> list[pd.DataFrame]:
        """The tables of the page, with their headings."""
        return [pd.DataFrame(table.value) for table in self.table]

    def heading(self, column: str) -> str:
        """The heading of a column in the page's tables."""
        return capitalised(self.view.text(f"column.{column}"))

    def table_with(self, column: str) -> pd.DataFrame:
        """The first table that has this column."""
        return next(table for table in self.tables() if self.heading(column) in table.columns)

    def cells(self) -> bytes:
        """All tables as the browser receives them, with the texts of their cells."""
        return b"".join(table.proto.SerializeToString() for table in self.table)


def pattern(view: View, key: str, **values: str) -> str:
    """A text as a regular expression: blanks that `values` does not fill match anything on the
    line, each in a group."""
    parts = []
    for literal, blank, _, _ in string.Formatter().parse(view.catalog.text(key, view.language)):
        parts.append(re.escape(literal))
        if blank is not None:
            parts.append(re.escape(values[blank]) if blank in values else "(.*?)")
    return "".join(parts)
