"""The actions of the desk about one order: those taken, and the form in which to take another.

How they are written to the database is in `desk.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app.blocks.layout import literal
from streamlit_app.formats import capitalised
from streamlit_app.frames import each_row
from streamlit_app.pages_.deliveries import data, desk
from streamlit_app.view import View

# Where the session keeps the name of the reader, how many actions were written, and the last one.
_AUTHOR, _WRITTEN, _RESULT = "desk.author", "desk.written", "desk.result"


class Result(NamedTuple):
    """How an action on an order ended: the key of the text that says so, and details of a failure.

    `details` are for those who run the platform.
    """

    order_id: str
    key: str
    is_done: bool
    details: str = ""


def taken(view: View, row: pd.Series, zone: str) -> None:
    """The actions taken about an order, the newest first; the last alone where notes cannot be
    read."""
    st.markdown(f"**{view.text('order.actions')}**")
    try:
        actions = desk.actions(row["order_id"])
    except desk.DeskError as error:
        if error.why != "unset":
            st.caption(view.text("order.actions.unread"))
        actions = _last_action(row)
    if actions.empty:
        st.caption(view.text("order.actions.none"))
        return
    st.markdown("\n".join(_line(view, action, zone) for action in each_row(actions)))


def _last_action(row: pd.Series) -> pd.DataFrame:
    last = (row["last_acted_at"], row["last_action"], row["last_author"], row["last_note"])
    return pd.DataFrame(
        [] if row["last_action"] is None else [last],
        columns=["acted_at", "action", "author", "note"],
    )


def _line(view: View, action: Any, zone: str) -> str:
    head = view.text(
        "order.action",
        action=capitalised(view.text(f"action.{action.action}")),
        author=literal(action.author),
        at=view.moment(action.acted_at, zone),
    )
    note = "" if pd.isna(action.note) else literal(" ".join(str(action.note).split()))
    return f"- {head}" + (f"  \n  {note}" if note else "")


def form(view: View, row: pd.Series) -> None:
    """The form in which a note is written, and an order resolved or reopened."""
    if not desk.may_act():
        st.caption(view.text("order.read_only"))
        return
    order_id = row["order_id"]
    st.markdown(f"**{view.text('order.act')}**")
    # One form a note: its text is gone once it is in the database, and stays if it is not.
    name = f"{order_id}.{st.session_state.get(_WRITTEN, 0)}"
    with st.form(f"act.{name}", border=False):
        st.text_input(
            view.text("order.author"),
            value=st.session_state.get(_AUTHOR, ""),
            max_chars=desk.LONGEST_AUTHOR,
            key=f"author.{name}",
            autocomplete="name",
        )
        st.text_area(
            view.text("order.note"), max_chars=desk.LONGEST_NOTE, key=f"note.{name}", height=90
        )
        st.caption(view.text("order.note.help"))
        with st.container(horizontal=True, gap="small"):
            for action in ("reopen" if row["is_resolved"] else "resolve", "note"):
                st.form_submit_button(
                    view.text(f"order.act.{action}"),
                    key=f"act.{action}.{name}",
                    type="secondary" if action == "note" else "primary",
                    on_click=_write,
                    args=(order_id, action, name),
                )
    _show_result(view, order_id)


def _show_result(view: View, order_id: str) -> None:
    """How the last action ended, once."""
    result: Result | None = st.session_state.pop(_RESULT, None)
    if result is None or result.order_id != order_id:
        return
    if result.is_done:
        st.success(view.text(f"order.done.{result.key}"))
        return
    st.error(view.text(f"order.failed.{result.key}"))
    if result.details:
        with st.expander(view.text("for_operators")):
            st.code(result.details, language=None, wrap_lines=True)


def _write(order_id: str, action: str, name: str) -> None:
    author, note = (
        str(st.session_state.get(f"{what}.{name}") or "") for what in ("author", "note")
    )
    st.session_state[_AUTHOR] = author.strip()
    try:
        desk.act(order_id, action, author, note)
    except desk.DeskError as error:
        st.session_state[_RESULT] = Result(order_id, error.why, False, str(error))
        return
    data.forget()
    st.session_state[_WRITTEN] = st.session_state.get(_WRITTEN, 0) + 1
    st.session_state[_RESULT] = Result(order_id, action, True)
