"""What the reader has chosen, kept in the address, so that a page can be bookmarked and sent on.

Only language, select boxes and the address are here; what a choice means is the page's matter.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from streamlit_app.formats import LANGUAGE_NAMES
from streamlit_app.texts import LANGUAGES, Language
from streamlit_app.view import View


def language() -> Language:
    """The reader's language: the address's, else the last chosen, else the browser's."""
    chosen = _agreed("lang", list(LANGUAGES))
    if chosen is None:
        chosen = "fr" if (st.context.locale or "").lower().startswith("fr") else "en"
        st.session_state["chosen.lang"] = chosen
    _write("lang", chosen)
    return "fr" if chosen == "fr" else "en"


def language_switch(view: View) -> None:
    """The control that changes the language."""
    st.session_state["lang"] = view.language
    st.segmented_control(
        view.text("language"),
        list(LANGUAGES),
        format_func=lambda code: LANGUAGE_NAMES[code],
        key="lang",
        label_visibility="collapsed",
        required=True,
        on_change=_take,
        args=("lang",),
    )


def select(
    name: str, label: str, options: Mapping[str, str], default: str, *, always: bool = False
) -> str:
    """A select box of `options` (value -> label) whose value is kept in the address as `name`.

    `default` is left out of the address unless `always` is set: a bookmark of the newest day must
    open the newest day tomorrow too.
    """
    asked = st.query_params.get(name)
    st.session_state[f"refused.{name}"] = asked if asked and asked not in options else ""
    chosen = _agreed(name, list(options))
    if chosen == st.session_state.get(f"default.{name}"):
        chosen = default  # who was on the default stays on it when it moves
    chosen = chosen or default
    st.session_state[f"chosen.{name}"] = st.session_state[name] = chosen
    st.session_state[f"default.{name}"] = None if always else default
    _write(name, chosen if always or chosen != default else None)
    st.selectbox(
        label,
        list(options),
        format_func=lambda value: options.get(value, value),
        key=name,
        on_change=_take,
        args=(name,),
    )
    return chosen


def kept(name: str) -> str:
    """A choice that has no box, such as a row that was opened: the address's when it was just typed
    there, else what was taken last; "" where nothing is chosen. Any text may come from an address.
    """
    typed = st.query_params.get(name)
    if typed and typed != st.session_state.get(f"written.{name}"):
        st.session_state[f"chosen.{name}"] = typed
    chosen = str(st.session_state.get(f"chosen.{name}") or "")
    _write(name, chosen or None)
    return chosen


def take(name: str, value: str) -> None:
    """Choose for the reader what was clicked elsewhere than in the select box `name`."""
    st.session_state[f"chosen.{name}"] = value
    st.session_state[f"default.{name}"] = None


def refused(name: str) -> str:
    """The value for the box `name` that the address asked for and that is no option, else ""."""
    return str(st.session_state.get(f"refused.{name}", ""))


def _agreed(name: str, values: list[str]) -> str | None:
    """The address's value when the reader has just typed it there, else the last chosen one."""
    typed = st.query_params.get(name)
    if typed in values and typed != st.session_state.get(f"written.{name}"):
        st.session_state[f"chosen.{name}"] = typed
    chosen = st.session_state.get(f"chosen.{name}")
    return chosen if chosen in values else None


def _take(name: str) -> None:
    take(name, st.session_state[name])


def _write(name: str, value: str | None) -> None:
    st.session_state[f"written.{name}"] = value
    if value is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
