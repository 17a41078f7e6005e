"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_platform.settings import PROJECT_ROOT

LONGEST_FILE, LONGEST_FUNCTION = 500, 80
# path, or path:function -> the reason why it is longer.
EXCEPTIONS: dict[str, str] = {}


def sources() -> Iterator[Path]:
    for package in ("flow_platform", "streamlit_app"):
        yield from sorted((PROJECT_ROOT / package).rglob("*.py"))


def too_long(name: str, text: str) -> dict[str, int]:
    """What of a file is longer than allowed, and how many lines it has."""
    found = {name: text.count("\n")} if text.count("\n") > LONGEST_FILE else {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                found[f"{name}:{node.name}"] = lines
    return found


def test_no_file_and_no_function_is_longer_than_allowed() -> None:
    found: dict[str, int] = {}
    for path in sources():
        name = path.relative_to(PROJECT_ROOT).as_posix()
        found |= too_long(name, path.read_text(encoding="utf-8"))
    assert {name: lines for name, lines in found.items() if name not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(found), "an exception that is not needed any more"
    assert all(EXCEPTIONS.values()), "an exception without a reason"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n" * 500, {}),
        ("x = 1\n" * 501, {"a.py": 501}),
        ("def f():\n" + "    x = 1\n" * 79, {}),
        ("def f():\n" + "    x = 1\n" * 80, {"a.py:f": 81}),
        ("class A:\n    async def f():\n" + "        x = 1\n" * 80, {"a.py:f": 81}),
    ],
)
def test_the_limits_are_exact(text: str, expected: dict[str, int]) -> None:
    assert too_long("a.py", text) == expected
