"""The page of sources.toml: every key of every section, from the flows' `options.py`."""

from __future__ import annotations

import annotated_types
from pydantic.fields import FieldInfo

from docs_site.reference.markdown import (
    NOTHING,
    cell,
    code,
    first_paragraph,
    heading,
    table,
    type_in_words,
)
from flow_platform.ground.source_config import SourceConfig
from flow_platform.sources.config import sections

_INTRODUCTION = """\
`sources.toml` names, for each flow and for the weather, where its rows come from. Its path is in
`FLOW_SOURCES` ([settings](settings.md)). A flow without a section is simulated; without the file
every flow is. [Your data](../guides/your-data/index.md) explains how to write it.

Paths are relative to the file itself. An unknown section, key or column is refused with an error
that names the line to correct.
"""
_BOUNDS = {
    annotated_types.Gt: ("above", "gt"),
    annotated_types.Ge: ("at least", "ge"),
    annotated_types.Lt: ("below", "lt"),
    annotated_types.Le: ("at most", "le"),
}


def page() -> str:
    """The page as Markdown."""
    parts = [heading("sources.toml", "flow_platform/flows/*/options.py", _INTRODUCTION)]
    parts.append("## Keys of every section { #every-section }\n")
    parts.append(_keys(SourceConfig.model_fields))
    parts += [_section(name, kind) for name, kind in sections().items()]
    return "\n".join(parts)


def _section(name: str, kind: type[SourceConfig]) -> str:
    own = {
        key: field
        for key, field in kind.model_fields.items()
        if key not in SourceConfig.model_fields
    }
    parts = [
        f"## [{name}] {{ #{name} }}\n",
        f"{first_paragraph(kind.__doc__)}\n",
        f"`kind` is one of {', '.join(code(one) for one in kind.kinds)}.\n",
        f"```toml\n{_example(name, kind)}```\n",
        _columns(kind),
    ]
    if own:
        parts.append(_keys(own))
    return "\n".join(part for part in parts if part)


def _example(name: str, kind: type[SourceConfig]) -> str:
    return kind.example or f'[{name}]\nkind = "{kind.kinds[0]}"\n'


def _columns(kind: type[SourceConfig]) -> str:
    """Which of our columns `columns` may map."""
    named = [code(name) for name in (*kind.required_columns, *kind.optional_columns)]
    if not named:
        return ""
    text = f"`columns` may map {', '.join(named)}."
    if kind.required_columns:
        required = ", ".join(code(name) for name in kind.required_columns)
        text += f" Where `columns` is given, it must map {required}."
    return f"{text}\n"


def _keys(fields: dict[str, FieldInfo]) -> str:
    rows = [
        (code(name), _type(field), _default(field), cell(field.description))
        for name, field in fields.items()
    ]
    return table(("Key", "Type", "Default", "Meaning"), rows)


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{words} {getattr(one, attribute)}"
        for one in field.metadata
        for bound, (words, attribute) in _BOUNDS.items()
        if isinstance(one, bound)
    ]
    return ", ".join([type_in_words(field.annotation), *bounds])


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is None or default == {}:
        return NOTHING
    return code(f'"{default}"' if isinstance(default, str) else str(default).replace("'", '"'))
