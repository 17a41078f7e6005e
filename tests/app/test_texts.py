"""The catalogs of texts: both languages have the same texts, and the pages use all of them."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from streamlit_app import navigation, texts
from streamlit_app.data import records, series
from streamlit_app.pages_.customers import data as customers_data
from streamlit_app.pages_.deliveries import outcomes_data
from streamlit_app.pages_.traffic import data as traffic_data
from streamlit_app.pages_.trips import data as trips_data
from streamlit_app.texts import CatalogError
from streamlit_app.view import NAMES
from tests.app.screen import view_of

APP = Path(texts.__file__).resolve().parents[1]
PAGES = [page.name for page in navigation.pages()]
# Texts of these kinds are named by data: by models, features, statuses ...
NAMED_BY_DATA = (
    *("candidate.", "feature.", "measure.", "dataset.", "status.", "model.", "level."),
    *("tracked.", "segment.", "reason.", "past.", "past_of.", "driver.", "order.incident."),
)
# Words of old texts for actual, forecast and prediction.
DIALECT = {
    "en": r"\b(said|told|tells|came|speaks?|spoke|stands for|lies)\b",
    "fr": r"\b(venue?s?|dite?s?|parle|annoncée?)\b",
}


def _blanks(text: str) -> set[str]:
    return {blank for _, blank, _, _ in string.Formatter().parse(text) if blank is not None}


@pytest.mark.parametrize("name", sorted(texts.sources()))
def test_a_text_has_the_same_blanks_in_both_languages(name: str) -> None:
    own = texts.sources()[name].texts
    assert own
    assert [key for key, text in own.items() if _blanks(text["fr"]) != _blanks(text["en"])] == []


@pytest.mark.parametrize("name", sorted(texts.sources()))
def test_texts_use_the_terms_that_readers_know(name: str) -> None:
    own = texts.sources()[name].texts
    assert [
        (key, language)
        for key, text in own.items()
        for language, words in DIALECT.items()
        if re.search(words, text["fr" if language == "fr" else "en"], re.IGNORECASE)
    ] == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('[a.b]\nfr = "x"', r"x\.toml: the text 'a\.b' has fr; it must have fr and en"),
        ('[a]\nfr = "x"\nen = " "', r"x\.toml: the text 'a' is empty in en"),
        ('[a]\nfr = "x"\nen = "y"\nde = "z"', r"x\.toml: the text 'a' has fr, en, de"),
        ('a = "x"', r"x\.toml: 'a' is not a text"),
        ("[a", r"x\.toml is no TOML"),
    ],
)
def test_a_file_at_fault_is_named_with_the_text(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "x.toml").write_text(content)
    with pytest.raises(CatalogError, match=fault):
        texts.read(tmp_path / "x.toml")


def test_a_key_without_a_text_is_an_error_and_never_shown() -> None:
    with pytest.raises(CatalogError, match=r"page 'trips' has no text 'no\.such\.key'"):
        view_of("trips").text("no.such.key")


def test_a_page_may_word_a_shared_text_in_its_own_way() -> None:
    assert view_of("traffic").text("horizon.many", days="3") == "3 hours ahead"
    assert view_of("parcels").text("horizon.many", days="3") == "3 days ahead"
    assert view_of("traffic").text("legend.80") == view_of("parcels").text("legend.80")


def test_blanks_that_are_not_given_are_filled_by_texts_of_that_name() -> None:
    assert view_of("retail").text("held.all") == "All countries"
    assert view_of("retail", "fr").text("held.all") == "Tous les pays"
    assert "[retail]" in view_of("retail").text("no_centres")


def test_a_blank_that_nothing_fills_is_an_error_and_never_shown() -> None:
    with pytest.raises(CatalogError, match=r"'order\.facts' has a blank \{shipper\}"):
        view_of("deliveries").text("order.facts", region="SP")


def test_french_has_no_break_before_high_punctuation() -> None:
    assert "\u202f:" in view_of("parcels", "fr").text("empty.body") or "\u202f;" in view_of(
        "parcels", "fr"
    ).text("down.body")
    for source in texts.sources().values():
        for key, text in source.texts.items():
            assert not re.search(r" [;:?!»%]", text["fr"]), (source.name, key)


@pytest.mark.parametrize("flow", texts.flows())
def test_a_flow_has_a_sentence_about_its_models(flow: str) -> None:
    catalog, own = texts.catalog(flow), texts.sources()[flow].texts
    measures = [key.removeprefix("measure.") for key in own if key.startswith("measure.")]
    assert measures, f"texts/{flow}.toml names no measure: add a text measure.<name>"
    for measure in measures:
        for no_better in (False, True):
            # Raises CatalogError, which names the flow and the key, where there is none.
            assert catalog.model_key(measure, no_better=no_better) in own


def test_a_flow_without_a_sentence_about_its_models_is_named_with_the_key() -> None:
    catalog = texts.Catalog("returns", {"flow": {"fr": "retours", "en": "returns"}})
    with pytest.raises(CatalogError, match=r"'returns'.*'model\.items' or 'model'.*returns\.toml"):
        catalog.model_key("items", no_better=False)


def test_a_model_that_did_no_better_has_a_sentence_of_its_own_where_there_is_one() -> None:
    deliveries, trips = texts.catalog("deliveries"), texts.catalog("trips")
    assert deliveries.model_key("late_risk", no_better=True) == "model.late_risk.no_better"
    assert deliveries.model_key("late_risk", no_better=False) == "model.late_risk"
    assert trips.model_key("default", no_better=True) == "model"


@pytest.mark.parametrize(
    ("page", "columns"),
    [
        *((page, series.FORECAST_COLUMNS) for page in ("parcels", "retail")),
        *((page, series.COVERAGE_COLUMNS) for page in ("parcels", "retail", "traffic", "trips")),
        ("retail", series.LEADER_COLUMNS),
        *(
            ("traffic", columns)
            for columns in (traffic_data.HOUR_COLUMNS, traffic_data.LIST_COLUMNS)
        ),
        ("traffic", traffic_data.ERROR_COLUMNS),
        *(("trips", columns) for columns in (trips_data.HOUR_COLUMNS, trips_data.PAIR_COLUMNS)),
        *(("trips", columns) for columns in (trips_data.MODEL_COLUMNS, trips_data.STEP_COLUMNS)),
        *(("records", columns) for columns in (records.ACCURACY_COLUMNS, series.COVERAGE_COLUMNS)),
        ("deliveries", outcomes_data.TENTH_COLUMNS),
        ("deliveries", outcomes_data.RATE_COLUMNS),
        ("deliveries", outcomes_data.BUCKET_COLUMNS),
        ("customers", customers_data.SEGMENT_COLUMNS),
        ("customers", customers_data.EXPERIENCE_COLUMNS),
        ("customers", customers_data.CHOICE_COLUMNS),
    ],
)
def test_every_column_of_a_table_has_a_heading(page: str, columns: tuple[str, ...]) -> None:
    catalog = texts.catalog(page)
    assert [column for column in columns if f"column.{column}" not in catalog] == []


def test_every_text_that_a_module_names_is_in_the_catalog_of_its_page() -> None:
    missing = []
    for path in _modules():
        catalogs = [texts.catalog(name) for name in _catalogs_of(path)]
        for key in _literal_keys(path):
            if not any(key in catalog for catalog in catalogs):
                missing.append(f"{path.relative_to(APP)}: {key}")
    assert missing == []


def test_no_text_is_left_over() -> None:
    known = {key for source in texts.sources().values() for key in source.texts}
    assert sorted(key for key in known if not _is_used(key)) == []


def _modules() -> list[Path]:
    return sorted(APP.rglob("*.py"))


def _catalogs_of(path: Path) -> list[str]:
    """The catalogs in which the texts that a module names may be: its page's, or any."""
    parts = path.relative_to(APP).with_suffix("").parts
    return [parts[1]] if parts[0] == "pages_" and parts[1] in PAGES else sorted(texts.sources())


def _text_arguments(path: Path) -> Iterator[ast.expr]:
    """The first argument of every call of `text`, both branches where it depends on something."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr != "text":
                continue
            first = node.args[0]
            yield from (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)


def _literal_keys(path: Path) -> list[str]:
    return [
        argument.value
        for argument in _text_arguments(path)
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


@cache
def _key_patterns() -> list[re.Pattern[str]]:
    """The keys that are put together, such as f"life.{name}", with a group for each blank."""
    return [
        re.compile(
            "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else "(.+)"
                for part in argument.values
            )
        )
        for path in _modules()
        for argument in _text_arguments(path)
        if isinstance(argument, ast.JoinedStr)
    ]


@cache
def _constants() -> set[str]:
    """Every string of the app but the docstrings."""
    found: set[str] = set()
    for path in _modules():
        nodes = list(ast.walk(ast.parse(path.read_text())))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        found |= {
            node.value
            for node in nodes
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        }
    return found


@cache
def _words() -> set[str]:
    """The words in the strings of the app, such as the columns of a query."""
    return {word for text in _constants() for word in re.findall(r"[\w.]+", text)}


def _is_used(key: str) -> bool:
    if key in _constants() or key in NAMES or key.startswith(NAMED_BY_DATA):
        return True
    matches = (pattern.fullmatch(key) for pattern in _key_patterns())
    return any(match is not None and set(match.groups()) <= _words() for match in matches)
