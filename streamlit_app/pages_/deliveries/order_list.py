"""The list of orders at risk: a table of plain HTML whose rows can be opened.

Streamlit's tables cannot be clicked, and its grid is drawn on a canvas that no screen reader reads.
Which orders there are, and every word, is handed over.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st

_SHORT = 14

# Without isolation, so that the page's font and keyboard focus hold.
_CSS = """
.fp-orders { max-height: 31rem; overflow: auto; border: 1px solid #d5dbe1; border-radius: .4rem; }
.fp-orders:focus-visible { outline: 2px solid #1f5a96; outline-offset: 2px; }
.fp-orders table { width: 100%; border-collapse: collapse; font-size: .88rem; color: #1c2733;
  font-variant-numeric: tabular-nums; }
.fp-orders caption { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
.fp-orders th { position: sticky; top: 0; background: #f4f6f8; text-align: left; font-weight: 600;
  color: #47535f; z-index: 1; }
.fp-orders th, .fp-orders td { padding: .45rem .6rem; vertical-align: top;
  border-bottom: 1px solid #e3e8ec; }
.fp-orders .fp-number { text-align: right; }
.fp-orders tbody tr { cursor: pointer; }
.fp-orders tbody tr:hover { background: #f4f6f8; }
.fp-orders tr.fp-open { background: #e8f0f8; box-shadow: inset 4px 0 0 #1f5a96; }
.fp-orders button { font: inherit; color: #1f5a96; background: none; border: 0; padding: .1rem 0;
  min-height: 1.5rem; text-decoration: underline; cursor: pointer; white-space: nowrap; }
.fp-orders button:focus-visible { outline: 2px solid #1f5a96; outline-offset: 2px; }
.fp-orders small { display: block; color: #47535f; font-size: .8rem; }
.fp-orders strong { font-weight: 640; }
[class*="st-key-order-page"] { scroll-margin: 5rem 0 1rem; }
.fp-orders .fp-badge { display: inline-block; color: #8a3f06; background: #fdf1e3;
  border: 1px solid #b45309; border-radius: .3rem; padding: 0 .35rem; font-size: .78rem; }
@media (max-width: 40rem) {
  .fp-orders { max-height: 70vh; }
  .fp-orders thead { display: none; }
  .fp-orders tr { display: block; padding: .6rem .7rem; border-bottom: 1px solid #d5dbe1; }
  .fp-orders td { display: flex; justify-content: space-between; gap: .8rem; border: 0;
    padding: .12rem 0; text-align: right; }
  .fp-orders td::before { content: attr(data-label); color: #47535f; text-align: left;
    flex: none; }
}
"""

# The rows stay as they are while only another one is opened, so that the keyboard keeps its place;
# the order's page opens below, and is brought into view.
_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".fp-orders");
  if (root.shown !== data.rows) {
    root.innerHTML = data.rows;
    root.shown = data.rows;
    root.setAttribute("aria-label", data.name);
  }
  for (const row of root.querySelectorAll("tr[data-order]")) {
    const open = row.dataset.order === data.opened;
    row.classList.toggle("fp-open", open);
    row.querySelector("button").setAttribute("aria-expanded", String(open));
  }
  root.onclick = (event) => {
    const row = event.target.closest("tr[data-order]");
    if (!row || String(window.getSelection())) return;
    root.asked = row.dataset.order;
    setTriggerValue("opened", row.dataset.order);
  };
  if (root.asked && root.asked === data.opened) {
    root.asked = null;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const bring = (left) => {
      const page = document.querySelector('[class*="st-key-order-page"]');
      if (!page) {
        if (left) setTimeout(() => bring(left - 1), 100);
        return;
      }
      const block = page.offsetHeight < 0.8 * window.innerHeight ? "nearest" : "start";
      page.scrollIntoView({ block, behavior: calm ? "auto" : "smooth" });
    };
    setTimeout(() => bring(20), 400);
  }
}
"""

_mount = st.components.v2.component(
    "flow_orders",
    html='<div class="fp-orders" role="region" tabindex="0"></div>',
    css=_CSS,
    js=_JS,
    isolate_styles=False,
)


class Cell(NamedTuple):
    """The content of a cell: its text, smaller lines below, and a badge that warns."""

    text: str
    below: Sequence[str] = ()
    badge: str = ""
    strong: bool = False


class Line(NamedTuple):
    """One order: its number, and its cells in the order of the headings."""

    order_id: str
    cells: Sequence[Cell]


def order_list(
    lines: Sequence[Line],
    headings: Sequence[str],
    *,
    numeric: Sequence[int],
    opened: str,
    name: str,
    open_label: Callable[[str], str],
    on_open: Callable[[str], None],
) -> None:
    """Show `lines`; the one opened is marked, and `on_open` is called with the one clicked.

    `headings` are those of the order's number and of the cells; `numeric` are the places of the
    headings whose cells are aligned as numbers.
    """
    key = "orders"

    def clicked() -> None:
        order_id = st.session_state[key].opened
        if order_id:
            on_open(str(order_id))

    _mount(
        key=key,
        data={
            "rows": rows_html(lines, headings, numeric=numeric, name=name, open_label=open_label),
            "opened": opened,
            "name": name,
        },
        on_opened_change=clicked,
    )


def rows_html(
    lines: Sequence[Line],
    headings: Sequence[str],
    *,
    numeric: Sequence[int],
    name: str,
    open_label: Callable[[str], str],
) -> str:
    """The table's HTML. Every text is escaped: sellers and order numbers are data from outside."""

    def marked(place: int) -> str:
        return ' class="fp-number"' if place in numeric else ""

    head = "".join(
        f'<th scope="col"{marked(place)}>{html.escape(text)}</th>'
        for place, text in enumerate(headings)
    )
    body = []
    for line in lines:
        number = html.escape(line.order_id, quote=True)
        label = html.escape(open_label(line.order_id), quote=True)
        cells = [
            f'<td data-label="{html.escape(headings[0], quote=True)}">'
            f'<button type="button" aria-label="{label}">{html.escape(short(line.order_id))}'
            "</button></td>"
        ]
        for place, cell in enumerate(line.cells, start=1):
            text = html.escape(cell.text)
            text = f"<strong>{text}</strong>" if cell.strong else text
            text += "".join(f"<small>{html.escape(below)}</small>" for below in cell.below if below)
            if cell.badge:
                text += f' <span class="fp-badge">{html.escape(cell.badge)}</span>'
            cells.append(
                f'<td data-label="{html.escape(headings[place], quote=True)}"{marked(place)}>'
                f"<div>{text}</div></td>"
            )
        body.append(f'<tr data-order="{number}">{"".join(cells)}</tr>')
    return (
        f"<table><caption>{html.escape(name)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def short(order_id: str) -> str:
    """An order's number as it fits a cell; whole wherever one order is looked at."""
    return order_id if len(order_id) <= _SHORT else f"{order_id[: _SHORT - 2]}…"
