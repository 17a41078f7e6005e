"""The texts of the app, in French and English, read from the TOML files of this folder.

One file a page, named after it, and one for each topic that pages share. How numbers and days look
is in `formats.py`; which text a page shows is the page's matter.

A file holds its texts as tables, `[stale]` with `fr` and `en`, and may say which catalogs it builds
on (`uses`) and where its page is placed in the navigation (`position`). Texts of a page's own
catalog come before those of the catalogs it uses, and these before `common.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Text = Mapping[Language, str]

FOLDER = Path(__file__).parent
COMMON = "common"
# A catalog with this text has the names of a flow: its own, and those of its measures and models.
FLOW_KEY = "flow"
MODEL_KEY = "model"


class CatalogError(Exception):
    """A file of texts that cannot be used: `str()` names the file, the text and what is missing."""


@dataclass(frozen=True)
class Source:
    """One file of texts: its own texts by key, the catalogs it uses, its page's position if any."""

    name: str
    texts: Mapping[str, Text]
    uses: tuple[str, ...] = ()
    position: int | None = None


@dataclass(frozen=True)
class Catalog:
    """The texts that a page can show, whichever file they are in.

    >>> catalog("traffic").text("horizon.many", "en")
    '{days} hours ahead'
    """

    name: str
    texts: Mapping[str, Text]

    def __contains__(self, key: object) -> bool:
        return key in self.texts

    def text(self, key: str, language: Language) -> str:
        """A text with its blanks unfilled. Raises CatalogError for a key that there is not."""
        if key not in self.texts:
            raise CatalogError(
                f"The page {self.name!r} has no text {key!r}: add it to its catalog."
            )
        return self.texts[key][language]

    def name_of(self, kind: str, name: str, language: Language) -> str:
        """The word for a model, a measure, a status ...; the name itself where there is no text."""
        text = self.texts.get(f"{kind}.{name}")
        return name if text is None else text[language]

    def model_key(self, measure: str, *, no_better: bool) -> str:
        """The key of the sentence about a model of a measure.

        That is `model.<measure>.no_better` for a model that did `no_better` in its backtest than a
        usual value, if there is such a text; else `model.<measure>`, else `model`. Raises
        CatalogError, naming the flow and the key, where the catalog has none of them.
        """
        own = f"{MODEL_KEY}.{measure}"
        wanted = (*([f"{own}.no_better"] if no_better else []), own, MODEL_KEY)
        for key in wanted:
            if key in self.texts:
                return key
        raise CatalogError(
            f"The flow {self.name!r} has no sentence about its models:"
            f" add the text {own!r} or {MODEL_KEY!r} to texts/{self.name}.toml."
        )


@cache
def sources() -> Mapping[str, Source]:
    """Every file of texts by its name, read once. Raises CatalogError for one that is at fault."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.toml"))}


def catalog(name: str) -> Catalog:
    """The texts of the page or topic of this name. Raises CatalogError where there is none."""
    if name not in sources():
        raise CatalogError(f"There is no file of texts texts/{name}.toml.")
    return _catalog(name)


@cache
def _catalog(name: str) -> Catalog:
    texts: dict[str, Text] = {}
    for each in (COMMON, *reversed(_order(name))):
        texts.update(sources()[each].texts)
    return Catalog(name, texts)


def _order(name: str) -> list[str]:
    """The catalog of this name, then those that it uses, directly or through another."""
    found = [name]
    for used in sources()[name].uses:
        if used not in sources():
            raise CatalogError(f"texts/{name}.toml uses {used!r}, which is no file of texts.")
        found += _order(used)
    return found


def catalog_of_flow(flow: str) -> Catalog | None:
    """The catalog that has the names of a flow; None for a flow that the app has no page for."""
    own = sources().get(flow)
    return None if own is None or FLOW_KEY not in own.texts else catalog(flow)


def flows() -> list[str]:
    """The flows that the app has names for."""
    return [name for name, source in sources().items() if FLOW_KEY in source.texts]


def read(path: Path) -> Source:
    """One file of texts. Raises CatalogError where a text lacks a language or has none to show."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path.name} is no TOML: {error}") from error
    uses = tuple(content.pop("uses", ()))
    position = content.pop("position", None)
    texts: dict[str, Text] = {}
    for key, node in content.items():
        _collect(path.name, key, node, texts)
    return Source(path.stem, texts, uses, position)


def _collect(file: str, key: str, node: Any, texts: dict[str, Text]) -> None:
    """Add the text at `key`, if there is one, and those below it."""
    if not isinstance(node, dict):
        raise CatalogError(f"{file}: {key!r} is not a text. Write [{key}] with fr and en below it.")
    words = {name: value for name, value in node.items() if not isinstance(value, dict)}
    if words:
        if set(words) != set(LANGUAGES):
            raise CatalogError(
                f"{file}: the text {key!r} has {', '.join(words)}; it must have fr and en, no more."
            )
        empty = [name for name in words if not str(words[name]).strip()]
        if empty:
            raise CatalogError(f"{file}: the text {key!r} is empty in {', '.join(empty)}.")
        texts[key] = {language: _typeset(words[language], language) for language in LANGUAGES}
    for name, below in node.items():
        if isinstance(below, dict):
            _collect(file, f"{key}.{name}", below, texts)


def _typeset(text: str, language: Language) -> str:
    """French puts a space before high punctuation, on which a line must not break."""
    if language != "fr":
        return text
    return re.sub(r" ([;:?!»%])", "\u202f\\1", text).replace("« ", "«\u202f")
