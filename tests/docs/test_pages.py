"""Pages that people write name only what there is: commands, options, settings, keys, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from flow_platform.cli.app import app
from flow_platform.flows.deliveries import events
from flow_platform.flows.traffic.live import payload
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.sources.config import read_sources, sections
from flow_platform.sources.pseudonyms import Pseudonyms
from tests.docs.pages import CURRENT, DOCS, fenced, inline_code, name_of

ROOT: Any = typer.main.get_command(app)
SETTINGS = {f"FLOW_{name.upper()}" for name in Settings.model_fields}
# Only tests read them.
TEST_SETTINGS = {"FLOW_DEEP", "FLOW_REAL_DATA"}
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.M))


def _commands(path: Path) -> Iterator[list[str]]:
    """Every call of `flow` on the page, in blocks and in sentences, as words."""
    blocks = [block.replace("\\\n", " ") for block in (*fenced(path, ""), *fenced(path, "sh"))]
    lines = [line for block in blocks for line in block.splitlines()]
    for line in [*lines, *inline_code(path)]:
        for part in re.split(r"&&|\||>|\$\(|\)", line):
            if re.match(r"(?:\.venv/bin/)?flow [a-z]", part.strip()):
                yield shlex.split(part, comments=True)[1:]


def _fault(words: list[str]) -> str | None:
    """What is wrong with a call of `flow`; None if there are such a command and such options."""
    command, rest = ROOT, list(words)
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    if hasattr(command, "commands") and rest:
        return f"there is no command {rest[0]}"
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]
    unknown = [option for option in options if option not in known]
    return f"it has no option {unknown[0]}" if unknown else None


def test_a_call_with_an_unknown_command_or_option_is_a_fault() -> None:
    assert _fault(["models", "list", "parcels"]) is None
    assert _fault(["models", "crown"]) == "there is no command crown"
    assert _fault(["up", "--quickly"]) == "it has no option --quickly"


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_every_call_of_flow_exists_with_its_options(page: Path) -> None:
    faults = {" ".join(words): _fault(words) for words in _commands(page)}
    assert {call: fault for call, fault in faults.items() if fault} == {}


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_every_target_of_make_exists(page: Path) -> None:
    text = "\n".join([*fenced(page, ""), *inline_code(page)])
    assert set(re.findall(r"^make ([a-z-]+)", text, re.M)) <= TARGETS


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_every_setting_exists(page: Path) -> None:
    named = set(re.findall(r"\bFLOW_[A-Z_]+\b", page.read_text()))
    named = {name for name in named if not name.startswith("FLOW_PASSWORD_")}
    assert named <= SETTINGS | TEST_SETTINGS


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_every_named_file_of_the_code_exists(page: Path) -> None:
    folders = "flow_platform|streamlit_app|dbt_project|docs_site|tests|benchmarks"
    named = set(re.findall(rf"(?:{folders})/[\w/.]*\w/?", "\n".join(inline_code(page))))
    assert {name for name in named if not (PROJECT_ROOT / name).exists()} == set()


def _sections(page: Path) -> list[str]:
    """The examples of sources.toml on a page, each with a section of it."""
    return [
        one
        for one in fenced(page, "toml")
        if re.search(rf"^\[(?:{'|'.join(sections())})\]", one, re.M)
    ]


@pytest.mark.parametrize("page", [one for one in CURRENT if _sections(one)], ids=name_of)
def test_every_example_of_sources_toml_is_accepted(page: Path, tmp_path: Path) -> None:
    for number, example in enumerate(_sections(page)):
        path = tmp_path / f"{number}.toml"
        path.write_text(example)
        assert read_sources(path).given, example
        # Keys that are shown as comments are right too.
        path.write_text(re.sub(r"^# (\w+ = )", r"\1", example, flags=re.M))
        assert read_sources(path).given, example


def _messages(page: str) -> list[tuple[str, bytes]]:
    """The examples of messages on a page of the guides, each with its topic."""
    text = (DOCS / "guides" / "your-data" / page).read_text()
    found = re.findall(r'^```json title="topic ([^"]+)"\n(.*?)^```$', text, re.M | re.S)
    assert found
    return [(topic, body.encode()) for topic, body in found]


def test_every_example_of_an_order_event_can_be_read() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    for position, (topic, body) in enumerate(_messages("deliveries.md")):
        event = events.read_message(
            topic,
            body,
            Pseudonyms(bytes(32)),
            available_at=now,
            source=f"kafka:{topic}/0",
            source_position=position,
            now=now,
        )
        assert isinstance(event, events.Event), event


def test_every_topic_and_type_of_an_order_event_is_listed() -> None:
    text = (DOCS / "guides" / "your-data" / "deliveries.md").read_text()
    assert [topic for topic in events.TOPICS if f"| `{topic}` |" not in text] == []
    body = {"schema": 1, "event_id": "e", "order_id": "o", "type": "?"}
    for topic in events.TOPICS:
        refused = events.read_event(
            topic,
            body,
            Pseudonyms(bytes(32)),
            available_at=datetime.now(UTC),
            source="",
            source_position=0,
        )
        assert isinstance(refused, events.Poison)
        types = refused.reason.partition("type is none of ")[2].split(", ")
        assert [one for one in types if not one or f"`{one}`" not in text] == []


def test_every_example_of_a_reading_can_be_read() -> None:
    for topic, body in _messages("traffic.md"):
        reading = payload.parse(topic, body, {}, datetime(2026, 12, 1, tzinfo=UTC))
        assert isinstance(reading, payload.Reading), reading
        assert reading.vehicles == 812
