"""The list of packages in docs/architecture.md: their order is the contract of import-linter."""

from __future__ import annotations

import ast
import tomllib

from docs_site.reference.markdown import cell, code, first_paragraph, table
from flow_platform.settings import PROJECT_ROOT

PATH = "architecture.md"
_PAGE = PROJECT_ROOT / "docs" / PATH
_BEGIN = "<!-- The packages: made from pyproject.toml by `make docs`. Do not edit. -->\n"
_END = "<!-- The packages: end -->\n"


def page() -> str:
    """The page with the list as it is now; everything else of it is as people wrote it."""
    before, _, rest = _PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{_packages()}\n{_END}{after}"


def _packages() -> str:
    rows = [
        (code(name.removeprefix("flow_platform.")), cell(_purpose(name)))
        for layer in _layers()
        for name in layer.split(" : ")
    ]
    return table(("Package", "What it is for"), rows)


def _layers() -> list[str]:
    """From the top to the bottom; what shares a layer is separated by colons."""
    config = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [one for one in config["contracts"] if one["type"] == "layers"]
    return list(contract["layers"])


def _purpose(name: str) -> str:
    """The first paragraph of a module's docstring; the module is not imported."""
    path = PROJECT_ROOT / name.replace(".", "/")
    module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return first_paragraph(ast.get_docstring(ast.parse(module.read_text())))
