"""An installation for a look at files that are not loaded: their path in place of the section's.

It has a home of its own that is thrown away, so that no cache, secret or database is touched.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flow_platform.flows.kinds import Flow
from flow_platform.ground.errors import ConfigurationError
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.sources.config import Sources, read_sources
from flow_platform.sources.tables import clean_text

# What makes a path a pattern.
_MAGIC = frozenset("*?[")


@dataclass(frozen=True)
class Trial:
    """An installation that reads some files as one flow.

    `keys` are those of the flow's section, but for what stands in for keys that it lacks, `lacking`
    (key to a file's name). `has_section` is whether sources.toml has one of files, `given_path` its
    path.
    """

    platform: Platform
    keys: dict[str, Any]
    lacking: dict[str, str]
    has_section: bool
    given_path: str | None


@contextmanager
def trial_of(
    settings: Settings, flow: Flow, path: str, columns: Mapping[str, str] | None = None
) -> Iterator[Trial]:
    """The installation with these files as the source of a flow, and with `columns` as its key.

    Raises ConfigurationError where there is no such file, or sources.toml cannot be used.
    """
    pattern = pattern_of(path, flow.source.takes_folder)
    sources = read_sources(settings.sources)
    given = sources.given.get(flow.name)
    keys = {} if given is None else given.model_dump(exclude_unset=True)
    keys |= {"kind": "files", "path": pattern}
    if columns is not None:
        keys["columns"] = dict(columns)
    with TemporaryDirectory(prefix="flow-check-") as folder:
        stand_ins = dict(parts_of(flow).raw.stand_ins(keys, Path(folder)))
        config = flow.source(**keys, **stand_ins)
        platform = Platform(Settings(**{**dict(settings), "home": Path(folder)}))
        platform.sources = Sources({**sources.given, flow.name: config})
        lacking = {key: Path(str(file)).name for key, file in stand_ins.items()}
        has_section = given is not None and given.kind == "files"
        yield Trial(platform, keys, lacking, has_section, None if given is None else given.path)


def pattern_of(path: str, takes_folder: bool) -> str:
    """A path as a section of sources.toml has it: absolute, all files of a folder as a pattern.

    Raises ConfigurationError where no file is there.
    """
    shown = clean_text(path)
    if "\0" in path or not path.strip():
        raise ConfigurationError(f"{shown!r} is no path. Name a file, a folder or a pattern.")
    whole = os.path.abspath(os.path.expanduser(path))
    try:
        found = Path(whole)
        exists, is_folder, is_file = found.exists(), found.is_dir(), found.is_file()
    except OSError as error:
        raise ConfigurationError(
            f"{shown} cannot be read: {error.strerror or error}. Correct the path."
        ) from error
    if exists and not (is_folder or is_file):
        raise ConfigurationError(f"{shown} is no file. Name a file, a folder or a pattern.")
    pattern = glob.escape(whole) if is_file else whole
    if is_folder:
        if takes_folder:
            return whole
        pattern = os.path.join(glob.escape(whole), "*")
    elif not exists and not _MAGIC & set(path):
        raise ConfigurationError(f"There is no file {shown}. Correct the path.")
    if not any(os.path.isfile(one) for one in glob.iglob(pattern, recursive=True)):
        raise ConfigurationError(f"No file matches {shown}. Correct the path, or put files there.")
    return pattern
