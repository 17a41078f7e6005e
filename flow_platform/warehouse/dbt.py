"""Runs dbt inside this process, on a manifest that is parsed once per state of the project.

The command line costs seconds of start-up a call; dbt's own `dbtRunner` with a parsed manifest does
not. Which models a run builds, and with which window, is decided by `assets/dbt.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict

from flow_platform.ground.errors import ConfigurationError, WarehouseError
from flow_platform.ground.roles import TRANSFORM_ROLE
from flow_platform.ground.state_files import replace_file
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.warehouse.server import Server

if TYPE_CHECKING:
    from flow_platform.sources.centres import Centre

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
# What a home does not share with the project: its own centres, and what dbt writes.
OWN = ("seeds", "target", "logs")


@dataclass(frozen=True)
class DbtProject:
    """The dbt project as one home sees it: its target folder, its seeds, its manifest.

    It has a folder of its own, in which the seeds are the home's and all else is a link to
    `dbt_project`. Seeds must lie inside the project: dbt writes the SQL of each node to its path
    under `target`, and joined to that folder an absolute path is the seed file itself.
    """

    home: Path

    @classmethod
    def of(cls, settings: Settings) -> DbtProject:
        return cls(settings.home_path / "dbt")

    @property
    def manifest_path(self) -> Path:
        return self.home / "target" / "manifest.json"

    @property
    def folder(self) -> Path:
        return self.home / "project"

    @property
    def seeds(self) -> Path:
        return self.folder / "seeds"

    @property
    def flows(self) -> tuple[str, ...]:
        """The flows that dbt_project.yml lists, in its order."""
        import yaml

        variables = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]
        return tuple(variables["flows"])

    def manifest(self, centres: Mapping[str, Sequence[Centre]]) -> dict[str, Any]:
        """The manifest; parsed again when a file of the project or dbt's version changed.

        Needs no database. Raises ConfigurationError with dbt's message when a file does not parse.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.home / "parse.lock"):
            self._link_project()
            self._write_seeds(centres)
            # Another version of dbt may not read what this one keeps of it.
            stamp, state = self.home / "parsed", f"{version('dbt-core')} {_digest(DBT_PROJECT)}"
            if not (self.manifest_path.exists() and stamp.exists() and stamp.read_text() == state):
                outcome = self._invoke(["parse", "--no-partial-parse"], None)
                if not outcome.success:
                    raise ConfigurationError(
                        f"The dbt project in {DBT_PROJECT} does not parse: {outcome.exception}."
                    )
                replace_file(stamp, state)
            parsed: dict[str, Any] = json.loads(self.manifest_path.read_text())
            return parsed

    @property
    def state(self) -> str:
        """Changes with every file of the project and with the home's own seeds."""
        return _digest(DBT_PROJECT, self.seeds)

    def run(self, server: Server, arguments: Sequence[str], variables: Mapping[str, Any]) -> Any:
        """Run one dbt command, such as ["build", "--select", "merged__parcels"].

        Returns dbt's run results (`.results`, one per node). Raises WarehouseError naming each
        node that failed to run; a failed data test is a result, not an error.
        """
        self._point_at(server)
        # Nobody reads the files that a run would write of what it ran; they take half of its time.
        quick = ("--no-write-json", "--cache-selected-only")
        outcome = self._invoke(
            [*arguments, *quick, "--vars", json.dumps(dict(variables))], self._parsed_manifest()
        )
        if outcome.exception is not None:
            raise WarehouseError(f"dbt {' '.join(arguments)} stopped: {outcome.exception}")
        broken = [
            f"{result.node.unique_id}: {' '.join(str(result.message).split())}"
            for result in outcome.result.results
            if str(result.status) in ("error", "runtime error")
        ]
        if broken:
            raise WarehouseError(f"dbt could not build {'; '.join(broken)}")
        return outcome.result

    def document(self, server: Server) -> Path:
        """Build dbt's documentation; returns the page to open. Raises WarehouseError on failure."""
        self._point_at(server)
        outcome = self._invoke(["docs", "generate"], self._parsed_manifest())
        if not outcome.success:
            raise WarehouseError(f"dbt docs generate stopped: {outcome.exception}")
        return self.home / "target" / "index.html"

    def _link_project(self) -> None:
        for shared in DBT_PROJECT.iterdir():
            link = self.folder / shared.name
            if shared.name in OWN or (link.is_symlink() and link.readlink() == shared):
                continue
            link.unlink(missing_ok=True)
            link.symlink_to(shared)

    def _write_seeds(self, centres: Mapping[str, Sequence[Centre]]) -> None:
        import pandas as pd

        self.seeds.mkdir(parents=True, exist_ok=True)
        rows = [{"flow": flow, **vars(one)} for flow, named in centres.items() for one in named]
        text = pd.DataFrame(rows).to_csv(index=False)
        path = self.seeds / "centres.csv"
        if not path.exists() or path.read_text() != text:
            replace_file(path, text)
        for other in (DBT_PROJECT / "seeds").glob("*.csv"):
            if other.name != "centres.csv":
                shutil.copyfile(other, self.seeds / other.name)

    def _parsed_manifest(self) -> Any:
        from dbt.contracts.graph.manifest import Manifest
        from dbt.parser.manifest import extended_mashumuro_decoder

        # manifest.json leaves out what generic tests need to compile; dbt's parse cache has all.
        path = self.home / "target" / "partial_parse.msgpack"
        key = (path, path.stat().st_mtime_ns)
        if key not in _manifests:
            _manifests.clear()
            parsed = Manifest.from_msgpack(path.read_bytes(), extended_mashumuro_decoder)
            for seed in parsed.nodes.values():
                # Where the home was when it was parsed; it may have been moved or copied since.
                if hasattr(seed, "root_path"):
                    seed.root_path = str(self.folder)
            _manifests[key] = parsed
        return _manifests[key]

    def _invoke(self, arguments: Sequence[str], manifest: Any) -> Any:
        from dbt.cli.main import dbtRunner

        _spare_the_search_for_flags()
        return dbtRunner(manifest=manifest).invoke(
            [
                "--quiet",
                "--no-use-colors",
                *arguments,
                "--project-dir",
                str(self.folder),
                "--profiles-dir",
                str(DBT_PROJECT),
                "--target-path",
                str(self.home / "target"),
                "--log-path",
                str(self.home / "logs"),
            ]
        )

    def _point_at(self, server: Server) -> None:
        parts = conninfo_to_dict(server.dsn(TRANSFORM_ROLE))
        os.environ.update(
            FLOW_DBT_HOST=str(parts.get("host", "localhost")),
            FLOW_DBT_PORT=str(parts.get("port", 5432)),
            FLOW_DBT_USER=str(parts["user"]),
            FLOW_DBT_PASSWORD=str(parts.get("password", "")),
            FLOW_DBT_DATABASE=str(parts["dbname"]),
        )


def _digest(*folders: Path) -> str:
    """A checksum of the names and contents of all files of dbt in some folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.suffix in (".sql", ".yml", ".csv") and "target" not in name.parts:
                digest.update(str(name).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _spare_the_search_for_flags() -> None:
    """Keep dbt from searching the stack and all modules for the caller that reads a behaviour flag.

    The caller is only named in a warning; in a process with many modules the search takes 0.1 s a
    flag. The list of flags is the adapters' default, which each invocation lengthens by one: the
    hundredth in a process would take ten seconds longer than the first (dbt-adapters 1.24).
    """
    from dbt.adapters.base import impl
    from dbt_common.behavior_flags import BehaviorFlagRendered

    flags = impl.DEFAULT_BASE_BEHAVIOR_FLAGS
    flags[:] = {flag["name"]: flag for flag in flags}.values()
    BehaviorFlagRendered._default_source = staticmethod(lambda: impl.__name__)  # type: ignore[method-assign]


_manifests: dict[tuple[Path, int], Any] = {}


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
