"""Whether a text is of an erased person, by tokens alone; the ledger; how long data are kept."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_platform.ground.errors import ConfigurationError
from flow_platform.privacy.ledger import Ledger
from flow_platform.privacy.retention import default_days, retention_days, retention_rules
from flow_platform.privacy.traces import Traces, _clean_file, _found_in, _pattern
from flow_platform.sources.erased import Erased, erased_person, ids_named_in, is_distinctive
from flow_platform.sources.pseudonyms import Pseudonyms
from tests.unit.refusals import assert_refused

KEY = Pseudonyms(b"k" * 32)
ID, EMAIL, NAME, ORDER = (
    "cst-Quetzal77",
    "zoe.quetzal@example.org",
    "Zoë Quetzálová",
    "ord-canary-1",
)
ERASED = erased_person(KEY, ID, [EMAIL], [NAME]).with_orders([ORDER], KEY)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"customer": {"id": ID}}),
        json.dumps({"customer": {"id": f" {ID}\n"}, "x": "\u00e9"}),
        json.dumps({"customer_unique_id": ID, "customer_id": "of this order alone"}),
        json.dumps({"order_id": ORDER, "type": "teleported"}),
        json.dumps({"customer": {"id": "cst-other", "email": EMAIL}}),
        json.dumps({"customer": {"name": NAME.upper()}}),
        json.dumps({"customer": {"name": unicodedata.normalize("NFD", NAME)}}),
        f"broken {ID}, rest",
        f"<{EMAIL.upper()}>",
        f"it is {EMAIL}'s",
        "quetzálová, zoë (Mrs)",
        f"{ORDER}: cut",
        json.dumps({"customer": {"name": NAME}})[:-2],  # escaped, and no JSON
        json.dumps({"customer": {"name": NAME}})[:-2].replace("00e1", "00E1"),
        json.dumps(json.dumps({"customer": {"name": NAME}})),  # escaped twice
        json.dumps({"was": json.dumps({"name": unicodedata.normalize("NFD", NAME)})}),
        r'{"name": "Zo\xeb Quetz\xe1lov\xe1"}',  # Latin-1, as bad bytes are shown
    ],
)
def test_a_text_is_of_the_erased_person(text: str) -> None:
    assert ERASED.occur_in(text, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        json.dumps({"customer": {"id": "cst-other", "name": NAME}}),  # has the same name
        json.dumps({"order_id": "ord-other", "previous": ORDER}),
        json.dumps({"customer": {"id": True}, "order_id": ["x"]}),
        f"{ID}8 and x{EMAIL}",
        "zoë alone",
        r"Zo\u00ea Quetz\u00e1lov\u00e1",  # another letter
        r"\ud83d\u00e \xe \u",
        "[" * 100_000,
    ],
)
def test_a_text_is_not_of_the_erased_person(text: str) -> None:
    assert not ERASED.occur_in(text, KEY)


def test_no_text_concerns_an_erased_person_when_nobody_was_erased() -> None:
    assert not Erased()
    assert not Erased().occur_in(EMAIL, KEY)


@given(st.text(max_size=200))
def test_any_text_can_be_asked_about(text: str) -> None:
    ids_named_in(text)
    ERASED.occur_in(text, KEY)


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.strip() != ""))
def test_an_id_that_is_told_by_its_key_is_found_whatever_it_looks_like(customer: str) -> None:
    erased = erased_person(KEY, customer, [], [])
    # As `delivery_events` reads an id: blanks around it do not count.
    bare = customer.strip()
    if bare.isprintable():
        assert erased.occur_in(json.dumps({"customer": {"id": customer}}), KEY)


def test_tokens_reveal_neither_the_person_nor_their_pseudonym() -> None:
    text = json.dumps(sorted(ERASED.tokens))
    for word in (ID, EMAIL, "zoe", "quetz", ORDER, KEY.customer(ID)):
        assert word not in text


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [("42", False), ("12345", False), ("bob", False), ("123456", True), ("c17", True)],
)
def test_a_short_number_or_word_is_no_distinctive_id(identifier: str, expected: bool) -> None:
    assert is_distinctive(identifier) is expected


def test_a_name_of_short_words_is_never_found_everywhere() -> None:
    erased = erased_person(KEY, "cst-1", [], ["Li Wu"])
    assert {kind for kind, _ in erased.tokens} == {"customer", "words"}
    assert not erased.occur_in("anything at all", KEY)


def test_the_ledger_gives_back_what_was_added_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "privacy", KEY)
    assert not ledger.read()
    ledger.add(ERASED)
    ledger.add(ERASED)
    assert ledger.read() == ERASED
    assert len(ledger.path.read_text().splitlines()) == 1
    assert ledger.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_line_that_a_crash_has_cut_is_left_out_and_overwritten(tmp_path: Path, left: int) -> None:
    ledger, more = Ledger(tmp_path, KEY), erased_person(KEY, "cst-more-1", [], [])
    ledger.add(ERASED)
    before = ledger.path.read_bytes()
    ledger.add(more)
    line = ledger.path.read_bytes()[len(before) :]
    ledger.path.write_bytes(before + line[:left])
    assert ledger.read() == ERASED
    ledger.add(more)
    assert ledger.read().tokens == ERASED.tokens | more.tokens


def test_a_ledger_of_another_secret_or_damaged_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path, KEY).add(ERASED)
    other = Ledger(tmp_path, Pseudonyms(b"o" * 32))
    with pytest.raises(ConfigurationError, match="another secret"):
        other.read()
    with pytest.raises(ConfigurationError, match="another secret"):
        other.add(ERASED)
    content = Ledger(tmp_path, KEY).path.read_text()
    Ledger(tmp_path, KEY).path.write_text("{}\n" + content)
    with pytest.raises(ConfigurationError, match="Line 1 of"):
        Ledger(tmp_path, KEY).read()


def test_days_are_the_defaults_and_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "retention.toml"
    path.write_text('[days]\norders = 10\nquarantine_open = "no limit"\n')
    assert retention_days(None) == default_days()
    changed = {"orders": 10, "quarantine_open": None}
    assert retention_days(path) == default_days() | changed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[days]\nordres = 10", "names 'ordres'"),
        ("[days]\norders = 0", "orders is 0"),
        ("[days]\norders = true", "orders is True"),
        ("[days]\norders = '3 years'", "orders is '3 years'"),
        ("orders = 10", "one section"),
        ("[days", "cannot be read"),
    ],
)
def test_a_retention_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "retention.toml"
    assert_refused(retention_days, path, content, ConfigurationError, message)


def test_every_kind_of_days_has_a_rule_and_every_rule_a_kind() -> None:
    assert {rule.kind for rule in retention_rules()} | {"exports"} == set(default_days())


def test_a_word_is_found_across_the_seam_of_two_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flow_platform.privacy.traces._CHUNK", 2048)
    path = tmp_path / "logs" / "x.log"
    path.parent.mkdir()
    for before in range(2048 - len(EMAIL) - 1, 2049):
        path.write_text("x" * (before - 1) + f" {EMAIL}, " + "y" * 5000)
        assert _found_in(path, _pattern([EMAIL])) == [(before, before + len(EMAIL))]
    traces = Traces()
    _clean_file(tmp_path, path, _pattern([EMAIL]), traces)
    assert EMAIL not in path.read_text() and traces.overwritten == {"logs/x.log": 1}
