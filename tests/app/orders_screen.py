"""The page Deliveries desk as a reader sees it: its list of orders, and the form of one order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from tests.app.published.server import Published
from tests.app.screen import Screen


def now() -> datetime:
    """The moment until which the made-up orders were followed."""
    return datetime.now(UTC)


def elements(block: Any) -> Iterator[Any]:
    """Everything in a block of the page, at any depth."""
    for child in block.children.values():
        yield child
        if hasattr(child, "children"):
            yield from elements(child)


def literal(number: str) -> str:
    """An order's number as Markdown needs it."""
    return number.replace("-", "\\-")


def listed(app: Screen) -> list[str]:
    """The numbers of the orders in the list, in its order."""
    return re.findall(r'<tr data-order="([^"]+)"', list_html(app))


def list_html(app: Screen) -> str:
    """The HTML of the list, as the browser is handed it; "" where there is no list."""
    for element in elements(app.main):
        if element.type == "bidi_component":
            return str(json.loads(element.proto.json)["rows"])
    return ""


def first_shown(published: Published) -> date:
    """The first day that is shown at first."""
    (first,) = published.row("select max(day) - 90 from made.orders")
    assert isinstance(first, date)
    return first


def to_act(app: Screen) -> int:
    """The figure of the tile that says how many orders are to be acted on."""
    title = re.escape(app.view.text("kpi.act"))
    found = re.search(title + r"</p><p class=\"fp-value fp-load\">(\d+)<", app.shown)
    assert found
    return int(found[1])


def act(app: Screen, order_id: str, action: str, author: str, note: str = "") -> Screen:
    """Fill in the form of the order that is open, and press one of its buttons."""
    (form,) = {
        key.removeprefix("author.")
        for box in app.text_input
        if (key := box.key or "").startswith("author.")
    }
    assert form.startswith(order_id)
    app.text_input(key=f"author.{form}").set_value(author)
    app.text_area(key=f"note.{form}").set_value(note)
    app.button(key=f"act.{action}.{form}").click().run()
    return app
