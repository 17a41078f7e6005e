"""What every page is built of: its head, states, tables with their files, charts, small cards.

No SQL and no sentence is here; a page hands over both.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from streamlit_app import choices, texts
from streamlit_app.charts import drawing
from streamlit_app.data import database, flows
from streamlit_app.formats import capitalised
from streamlit_app.view import View

# How a table shows its columns: a function for each, from a value to its text.
Formats = Mapping[str, Callable[[Any], str]]

EXCEL_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# What a spreadsheet takes for a formula. A number as a text is none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.,]*$)")

_STYLE = """
<style>
.block-container, [data-testid="stMainBlockContainer"] { padding-top: 4.2rem; max-width: 78rem; }
.fp-tiles { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.fp-tile { border: 1px solid #d5dbe1; border-radius: .4rem; padding: .8rem 1rem; min-width: 0; }
.fp-tile p, .fp-days p { margin: 0; line-height: 1.35; }
.fp-main { border-left: 5px solid #1f5a96; background: #f4f6f8; grid-column: span 2; }
.fp-title { font-size: .9rem; color: #47535f; }
.fp-value { font-size: 1.5rem; font-weight: 620; color: #1c2733; }
.fp-main .fp-value { font-size: 2.3rem; line-height: 1.2; }
.fp-main .fp-title, .fp-main .fp-note { font-size: 1.05rem; color: #1c2733; }
.fp-note { font-size: .9rem; color: #47535f; }
.fp-days { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr));
  list-style: none; padding: 0 !important; margin: 0 !important; }
.fp-days li { border: 1px solid #d5dbe1; border-radius: .4rem; padding: .55rem .7rem; margin: 0;
  min-width: 0; }
.fp-days li { margin: 0 !important; }
.fp-days .fp-value { font-size: 1.2rem; }
.fp-days .fp-note, .fp-days .fp-title { font-size: .82rem; }
.fp-days .fp-title { font-weight: 600; color: #1c2733; }
.fp-warn { border-color: #b45309 !important; }
.fp-warn .fp-load { color: #8a3f06; font-weight: 620; }
.fp-name { color: #1f5a96; font-weight: 600; }
.fp-bar { height: .35rem; border-radius: .2rem; background: #e3e8ec; margin: .35rem 0; }
.fp-bar span { display: block; height: 100%; border-radius: .2rem; background: #1f5a96; }
.fp-warn .fp-bar span { background: #b45309; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p {
  color: #47535f !important; opacity: 1 !important; }
[data-testid="stTable"] { font-size: .88rem; overflow-x: auto; font-variant-numeric: tabular-nums; }
[data-testid="stTable"] td, [data-testid="stTable"] th { padding: .3rem .6rem !important; }
[data-testid="stTable"] td p { white-space: nowrap !important; }
[class*="st-key-broken"] [data-testid="stTable"] td p { white-space: normal !important; }
@media (max-width: 40rem) {
  .fp-main { grid-column: span 1; }
  .fp-days { grid-template-columns: repeat(2, 1fr); }
  [class*="st-key-map"] .textpoint { display: none; }
}
</style>
"""

# Screen readers pronounce a page in the language it declares; Streamlit always declares English.
_DECLARE = '<script>document.documentElement.lang = "{language}";</script>'


def view_of(name: str) -> View:
    """How the reader sees the page of this name, at this moment."""
    return View(choices.language(), texts.catalog(name), datetime.now(UTC))


def begin(view: View) -> None:
    """The style of the app and the language it declares: once for each run, before the page."""
    st.html(_STYLE)
    st.html(_DECLARE.format(language=view.language), unsafe_allow_javascript=True)


def head(view: View) -> None:
    """The page's title, and the language switch on the same line."""
    row = st.container(horizontal=True, horizontal_alignment="distribute", gap="small")
    with row:
        st.title(view.text("title"), anchor=False, width="content")
        choices.language_switch(view)


def head_with_centres(view: View, flow: str) -> pd.DataFrame | None:
    """The head of a flow's page; returns the flow's centres, or None, with a note, without any."""
    head(view)
    listed = flows.centres(flow)
    if listed.empty:
        st.info(view.text("no_centres"))
        return None
    return listed


def failed(view: View, error: database.DataError) -> None:
    """The state in which nothing can be read: what it means, a way to try again, no traceback."""
    kind = "unready" if isinstance(error, database.NotPublished) else "down"
    box = st.warning if kind == "unready" else st.error
    notice(box, view, kind)
    if st.button(view.text("retry"), key="retry", type="primary"):
        database.forget()
        st.rerun()
    with st.expander(view.text("for_operators")):
        st.code(str(error), language=None, wrap_lines=True)
        if kind == "down":
            st.markdown(view.text("down.hint"))


def notice(box: Callable[[str], object], view: View, key: str, **values: str) -> None:
    """The text `key.title` in bold and `key.body` after it, in a box such as `st.info`."""
    title, body = view.text(f"{key}.title", **values), view.text(f"{key}.body", **values)
    box(f"**{title}** {body}")


def simulated_note(view: View, flow: str) -> None:
    """Say so where all data of a flow are simulated."""
    if flows.is_simulated(flow):
        st.caption(view.text("simulated"))


def heading(text: str) -> None:
    """The heading of a section."""
    st.subheader(text, anchor=False)


def chart(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    on_select: Callable[[], None] | Literal["ignore"] = "ignore",
) -> None:
    """A chart, with a text for those who cannot see it; `on_select` is called at each click."""
    st.plotly_chart(
        figure,
        theme=None,
        config=drawing.CONFIG,
        key=key,
        alt=alt,
        on_select=on_select,
        selection_mode="points",
    )


def refused_choice(view: View, name: str, shown: str) -> None:
    """Say so where the address asks for a value of the box `name` that is not among its options."""
    asked = choices.refused(name)
    if asked:
        st.info(view.text("address.unknown", asked=literal(asked), shown=literal(shown)))


def tile(
    title: str, value: str, note: str, *, main: bool = False, warn: bool = False, bar: float = -1
) -> str:
    """HTML of one figure in a box; `bar` is a share of 1 to draw under it."""
    classes = f"fp-tile{' fp-main' if main else ''}{' fp-warn' if warn else ''}"
    drawn = _bar(bar) if bar >= 0 else ""
    return (
        f'<div class="{classes}"><p class="fp-title">{html.escape(title)}</p>'
        f'<p class="fp-value fp-load">{html.escape(value)}</p>{drawn}'
        f'<p class="fp-note">{html.escape(note)}</p></div>'
    )


def tiles(boxes: Sequence[str], label: str) -> None:
    """Boxes made by `tile`, side by side where there is room."""
    opening = f'<div class="fp-tiles" role="group" aria-label="{html.escape(label)}">'
    st.html(f"{opening}{''.join(boxes)}</div>")


def day_card(
    title: str, value: str, notes: Sequence[str], *, names: Sequence[str], load: str, warn: bool
) -> str:
    """HTML of one day: its date, its number, lines below, what the day is called, its load."""
    lines = [f'<p class="fp-note">{html.escape(note)}</p>' for note in notes if note]
    if load:
        lines.append(f'<p class="fp-note fp-load">{html.escape(load)}</p>')
    lines += [f'<p class="fp-note fp-name">{html.escape(name)}</p>' for name in names]
    return (
        f'<li class="{"fp-warn" if warn else ""}"><p class="fp-title">{html.escape(title)}</p>'
        f'<p class="fp-value">{html.escape(value)}</p>{"".join(lines)}</li>'
    )


def day_cards(cards: Sequence[str], label: str) -> None:
    """Cards made by `day_card`, as a list."""
    st.html(f'<ul class="fp-days" aria-label="{html.escape(label)}">{"".join(cards)}</ul>')


def _bar(share: float) -> str:
    width = min(max(share, 0.0), 1.0) * 100
    return f'<div class="fp-bar" aria-hidden="true"><span style="width:{width:.0f}%"></span></div>'


def table(
    view: View,
    rows: pd.DataFrame,
    *,
    key: str,
    alt: str,
    shown: Formats,
    exceptions: Sequence[tuple[pd.Series, str, str]] = (),
    heading: Callable[[str], str] | None = None,
) -> None:
    """A table that holds `rows` exactly and shows them through `shown`, one function a column.

    `exceptions` are (which rows, column, text): cells that say why there is no number. `heading`
    names the columns; by default the page's text `column.<name>` does. Plain HTML, not Streamlit's
    grid: that one draws "None" for a missing number, in its own language, and on a canvas.
    """
    if heading is None:
        labels = {str(column): capitalised(view.text(f"column.{column}")) for column in rows}
    else:
        labels = {str(column): heading(str(column)) for column in rows}
    headed = rows.set_axis(list(labels.values()), axis="columns")
    styler = headed.style.format({label: shown.get(c, literal) for c, label in labels.items()})
    numeric: list[Hashable] = [c for c in headed if pd.api.types.is_numeric_dtype(headed[c])]
    styler = styler.set_properties(subset=numeric, **{"text-align": "right"})
    for which, column, text in exceptions:
        if which.any():
            cells = (headed.index[which], [labels[column]])
            styler = styler.format(_always(text), subset=cells)
            styler = styler.set_properties(subset=cells, **{"font-style": "italic"})
    with st.container(key=key):
        st.table(styler, border="horizontal", hide_index=True, alt=alt)


def table_with_files(
    view: View,
    rows: pd.DataFrame,
    *,
    key: str,
    alt: str,
    shown: Formats,
    name: str,
) -> None:
    """A table of `rows` as `table` draws it, and the same rows as files called `name`."""
    table(view, rows, key=f"{key}.table", alt=alt, shown=shown)
    downloads(view, rows, name=name, key=key)


def decimals(view: View, columns: Sequence[str], digits: int = 1) -> Formats:
    """How a table shows these columns: as numbers with so many decimals."""
    return dict.fromkeys(columns, lambda value: view.number(value, digits))


def literal(text: object) -> str:
    """Text that is data, so that Streamlit's Markdown shows it and does not obey it."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", str(text))


def _always(text: str) -> Callable[[Any], str]:
    return lambda _: text


def downloads(view: View, rows: pd.DataFrame, *, name: str, key: str) -> None:
    """The rows as CSV and as an Excel sheet; Excel does not open a CSV alike in every country."""
    plain = _plain(rows)
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            view.text("download.csv"),
            _csv(plain),
            file_name=f"{_file_name(name)}.csv",
            mime="text/csv",
            key=f"{key}.csv",
            on_click="ignore",
        )
        st.download_button(
            view.text("download.excel"),
            lambda: _sheet(plain),
            file_name=f"{_file_name(name)}.xlsx",
            mime=EXCEL_TYPE,
            key=f"{key}.xlsx",
            on_click="ignore",
        )
    st.caption(view.text("download.note"))


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Days and moments as ISO text; numbers untouched, so that they read back bit for bit."""
    plain = rows.copy()
    for column in plain.columns:
        kind = plain[column].dtype
        if isinstance(kind, pd.DatetimeTZDtype):
            plain[column] = plain[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif pd.api.types.is_datetime64_dtype(kind):
            plain[column] = plain[column].dt.strftime("%Y-%m-%d")
    return plain


def _csv(plain: pd.DataFrame) -> bytes:
    """CSV in which no text is a formula to a spreadsheet: an apostrophe comes before it."""
    texts = plain.copy()
    for column in texts.columns:
        if not pd.api.types.is_numeric_dtype(texts[column].dtype):
            texts[column] = texts[column].map(
                lambda cell: f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
            )
    return texts.to_csv(index=False, lineterminator="\r\n").encode()


def _sheet(plain: pd.DataFrame) -> bytes:
    """An Excel sheet in which no text is a formula."""
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        plain.to_excel(writer, index=False)
        for sheet in writer.book.worksheets:
            for cell in (cell for row in sheet.iter_rows() for cell in row):
                if isinstance(cell.value, str) and _FORMULA.match(cell.value):
                    # openpyxl makes a formula of all that begins with "=".
                    cell.data_type = "s"
                    cell.quotePrefix = True
    return buffer.getvalue()


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "table"
