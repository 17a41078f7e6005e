"""The page of settings: every environment variable of `flow_platform/settings.py`."""

from __future__ import annotations

from pathlib import Path

from docs_site.reference.markdown import cell, code, heading, table, type_in_words
from flow_platform.settings import PROJECT_ROOT, Settings

_INTRODUCTION = """\
Settings are environment variables. `flow doctor` checks them, and names each one that cannot be
used. A dash means: not set. Every installation has a folder of its own, its *home*; two homes on
one machine share nothing.
"""
# One for each role, read in `warehouse/server.py`: it is no field of the settings.
_PASSWORD = (
    "`FLOW_PASSWORD_<ROLE>`",
    "secret",
    "derived",
    "Password of one database role on a PostgreSQL server, such as"
    " `FLOW_PASSWORD_FLOW_DASHBOARD`. Without it the password is derived from `FLOW_SECRET`.",
)


def page() -> str:
    """The page as Markdown."""
    rows = [
        (
            code(f"FLOW_{name.upper()}"),
            type_in_words(field.annotation),
            code(_shown(field.default)),
            cell(field.description),
        )
        for name, field in Settings.model_fields.items()
    ]
    top = heading("Settings", "flow_platform/settings.py", _INTRODUCTION)
    return top + "\n" + table(("Variable", "Type", "Default", "Meaning"), [*rows, _PASSWORD])


def _shown(default: object) -> object:
    return default.relative_to(PROJECT_ROOT) if isinstance(default, Path) else default
