"""Reads sources.toml: for each flow, and for the weather, where its rows come from.

Which keys a section may have is declared in the flow's `options.py`; reading the sources themselves
is in the modules of each flow.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.source_config import SourceConfig
from flow_platform.sources.weather_options import WeatherSource

Section = TypeVar("Section", bound=SourceConfig)


def sections() -> dict[str, type[SourceConfig]]:
    """The sections that sources.toml may have, by name."""
    named = {flow.name: flow.source for flow in CATALOGUE}
    return {**named, WeatherSource.section: WeatherSource}


@dataclass(frozen=True)
class Sources:
    """The sources of every flow and of the weather; simulated where sources.toml says nothing.

    >>> Sources()["parcels"].kind
    'simulated'
    """

    given: Mapping[str, SourceConfig] = field(default_factory=dict)

    def __getitem__(self, name: str) -> SourceConfig:
        """The section of this name. Raises KeyError where there is no such section."""
        return self.given[name] if name in self.given else sections()[name]()

    def of(self, section: type[Section]) -> Section:
        """The section of this class, with its own keys typed."""
        config = self[section.section]
        assert isinstance(config, section)
        return config


def read_sources(path: Path | None) -> Sources:
    """The sources that a sources.toml names; everything simulated without one.

    Raises ConfigurationError naming file, section and remedy.
    """
    if path is None:
        return Sources()
    path = Path(path).expanduser().absolute()
    allowed = sections()
    given: dict[str, SourceConfig] = {}
    for name, raw in _document(path).items():
        if name not in allowed:
            raise ConfigurationError(
                f"Sources file {path}: unknown section [{name}]. Allowed: {', '.join(allowed)}."
                " The calendar comes from FLOW_CENTRES and FLOW_EVENTS."
            )
        given[name] = _section(allowed[name], raw, path)
    return Sources(given)


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"Sources file {path} cannot be read: {error.strerror or error}. Correct FLOW_SOURCES,"
            " or unset it to simulate every source."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"Sources file {path} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"Sources file {path} is not valid TOML: {error}. Correct that line."
        ) from error


def _section(kind: type[Section], raw: Any, path: Path) -> Section:
    name = kind.section
    where = f"{path}, section [{name}]"
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path}: {name} is not a section. Write [{name}] above its keys.")
    if "kind" not in raw:
        raise ConfigurationError(
            f"{where}: kind is missing. Write kind = one of {', '.join(kind.kinds)}."
        )
    try:
        config = kind(**raw)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {_faults(kind, error)}") from error
    if config.kind not in kind.kinds:
        raise ConfigurationError(
            f"{where}: unknown kind {config.kind!r}. Allowed: {', '.join(kind.kinds)}."
        )
    if config.kind == "files" and not config.path:
        raise ConfigurationError(
            f'{where}: kind "files" needs path, {kind.path_hint} a pattern such as "data/*.csv".'
        )
    _check_encoding(config, where)
    _check_columns(config, where)
    named = {key: getattr(config, key) for key in kind.path_keys}
    return config.model_copy(
        update={key: _absolute(path.parent, value) for key, value in named.items() if value}
    )


def _faults(kind: type[SourceConfig], error: ValidationError) -> str:
    """The faults of a section's values, and what to write instead."""
    faults = error.errors()
    own = [fault for fault in faults if fault["type"] in ("expected", "refused")]
    if own:
        name, message = ".".join(str(part) for part in own[0]["loc"]), own[0]["msg"]
        if own[0]["type"] == "refused":
            return message
        return f"{name.split('.')[0]} is {own[0]['input']!r}. Write {message}."
    return f"{'; '.join(_explained(kind, fault) for fault in faults)}. Correct sources.toml."


def _explained(kind: type[SourceConfig], fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key {name!r} (allowed: {', '.join(kind.model_fields)})"
    return f"{name}: {fault['msg']}, not {fault['input']!r}"


def _check_encoding(config: SourceConfig, where: str) -> None:
    if config.encoding is None:
        return
    try:
        "".encode(config.encoding)
    except (LookupError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: unknown encoding {config.encoding!r}. Use a name that Python knows,"
            " such as utf-8, cp1252, gb18030 or utf-16."
        ) from error


def _check_columns(config: SourceConfig, where: str) -> None:
    for ours, theirs in config.columns.items():
        if not theirs:
            raise ConfigurationError(f"{where}: columns.{ours} is empty. Name the source's column.")
    if not config.columns:
        return
    required, optional = config.required_columns, config.optional_columns
    unknown = sorted(set(config.columns) - set(required) - set(optional))
    if unknown:
        raise ConfigurationError(
            f"{where}: columns maps {', '.join(unknown)}, which {config.section} do not have."
            f" Allowed: {', '.join(required + optional)} (ours on the left, the source's on the"
            " right)."
        )
    missing = [name for name in config.obligatory_columns if name not in config.columns]
    if missing:
        example = ", ".join(f'{name} = "..."' for name in required)
        raise ConfigurationError(
            f"{where}: columns does not map {', '.join(missing)}. Write columns = {{{example}}}."
        )


def _absolute(base: Path, path: str) -> str:
    place = Path(path).expanduser()
    return str(place if place.is_absolute() else base / place)
