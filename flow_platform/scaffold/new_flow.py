"""Makes the files of a new flow, and names it in the catalogue and in dbt's list of flows."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flow_platform.ground.errors import ConfigurationError

Kind = Literal["series", "record"]

TEMPLATES = Path(__file__).parent / "templates"
CATALOGUE = Path("flow_platform/flows/catalogue.py")
DBT_PROJECT = Path("dbt_project/dbt_project.yml")
MIGRATIONS = Path("flow_platform/warehouse/migrations/versions")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,19}")
_IMPORTS = re.compile(r"(?:^from [\w.]+ import [^(\n]+\n)+", re.M)
# Words of SQL that name no column unless they are quoted, and columns that every flow has.
_TAKEN = frozenset(
    [
        "all",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "both",
        "case",
        "cast",
        "check",
        "collate",
        "column",
        "constraint",
        "create",
        "default",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "false",
        "fetch",
        "for",
        "foreign",
        "from",
        "grant",
        "group",
        "having",
        "in",
        "initially",
        "intersect",
        "into",
        "leading",
        "limit",
        "not",
        "null",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "primary",
        "references",
        "returning",
        "select",
        "some",
        "table",
        "then",
        "to",
        "trailing",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "when",
        "where",
        "window",
        "with",
        "actual",
        "actuals",
        "available_at",
        "began_at",
        "category",
        "centre_id",
        "day",
        "event",
        "holiday",
        "issued_at",
        "local_day",
        "local_hour",
        "lower_80",
        "model",
        "model_version",
        "predicted",
        "record_id",
        "size",
        "source_file",
        "source_line",
        "target_at",
        "upper_80",
        "weekday",
    ]
)


@dataclass(frozen=True)
class Written:
    """The files that were made, and those that name the flow now; paths are of the project."""

    made: tuple[Path, ...]
    changed: tuple[Path, ...]


def new_flow(
    root: Path, name: str, kind: Kind, *, measure: str | None = None, title: str | None = None
) -> Written:
    """Write the flow `name` into the project at `root`; an error is raised before anything is.

    `measure` is the column that is predicted: by default the flow's name for a series, "value" for
    a record. `title` is what people read.

    Raises ConfigurationError for a name that cannot be used, or a file that is there already.
    """
    measure = measure or (name if kind == "series" else "value")
    _check(name, "flow")
    _check(measure, "measure")
    texts = {
        root / path: text for path, text in _rendered(root, kind, name, measure, title).items()
    }
    for path in texts:
        if path.exists():
            raise ConfigurationError(
                f"{path.relative_to(root)} is there already. Choose another name, or remove it."
            )
    changed = {
        root / CATALOGUE: _in_catalogue((root / CATALOGUE).read_text(), name),
        root / DBT_PROJECT: _in_dbt((root / DBT_PROJECT).read_text(), name),
    }
    for path, text in {**texts, **changed}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Written(
        tuple(path.relative_to(root) for path in texts),
        tuple(path.relative_to(root) for path in changed),
    )


def _check(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"The {what} {name!r} cannot be a name: use 2 to 20 small letters, digits and _, and"
            " begin with a letter."
        )
    if name in _TAKEN or keyword.iskeyword(name):
        raise ConfigurationError(
            f"The {what} cannot be called {name}: SQL, Python or a column of every flow has that"
            " name. Choose another."
        )


def _rendered(
    root: Path, kind: Kind, name: str, measure: str, title: str | None
) -> dict[Path, str]:
    """The files of a flow by their paths in the project."""
    newest = max(int(path.name[:4]) for path in (root / MIGRATIONS).glob("[0-9]*.py"))
    names = {
        "flow": name,
        "FLOW": name.upper(),
        "Flow": "".join(part.capitalize() for part in name.split("_")),
        "title": title or name.replace("_", " ").capitalize(),
        "measure": measure,
        "previous": f"{newest:04}",
        "number": f"{newest + 1:04}",
    }

    def filled(text: str) -> str:
        for placeholder, value in names.items():
            text = text.replace(f"{{{placeholder}}}", value)
        # Where an import comes in the order depends on the name.
        return _IMPORTS.sub(lambda found: "".join(sorted(found[0].splitlines(True))), text)

    folder = TEMPLATES / kind
    return {
        Path(filled(str(path.relative_to(folder))).removesuffix(".txt")): filled(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(folder.rglob("*.txt"))
    }


def _in_catalogue(text: str, name: str) -> str:
    """The catalogue with the import of the flow and its place at the end of CATALOGUE."""
    constant = name.upper()
    line = f"from flow_platform.flows.{name}.flow import {constant}\n"
    imports = re.findall(r"^from flow_platform\.flows\.\w+\.?\w* import .*\n", text, re.M)
    listed = re.search(r"^CATALOGUE: [^\n]* = \(([^)]*)\)", text, re.M)
    if not imports or listed is None:
        raise ConfigurationError(f"{CATALOGUE} has no CATALOGUE to which a flow can be added.")
    if line in imports:
        raise ConfigurationError(f"{CATALOGUE} names the flow {name} already.")
    # Imports are in alphabetical order.
    later = next((one for one in sorted(imports) if one > line), None)
    if later is None:
        text = text.replace(max(imports), max(imports) + line)
    else:
        text = text.replace(later, line + later)
    flows = [*re.findall(r"\w+", listed[1]), constant]
    start = listed[0][: listed[0].index("(")]
    one_line = f"{start}({', '.join(flows)})"
    many = f"{start}(\n" + "".join(f"    {flow},\n" for flow in flows) + ")"
    return text.replace(listed[0], one_line if len(one_line) <= 100 else many)


def _in_dbt(text: str, name: str) -> str:
    """dbt's project with the flow at the end of `vars.flows`."""
    listed = re.search(r"^  flows:\n((?:    - \w+\n)+)", text, re.M)
    if listed is None:
        raise ConfigurationError(f"{DBT_PROJECT} has no list `flows` to which a flow can be added.")
    return text.replace(listed[0], f"{listed[0]}    - {name}\n")
