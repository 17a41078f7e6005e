"""FLOW_HOME/privacy/erased.jsonl: who was erased, outside of the database and of its backups.

One line an erasure, tokens alone. A restored database is compared with it (`erasing.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources.erased import KINDS, Erased
from flow_platform.sources.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Ledger:
    """The ledger of one home, written under one key."""

    folder: Path
    pseudonyms: Pseudonyms

    @property
    def path(self) -> Path:
        return self.folder / "erased.jsonl"

    def read(self) -> Erased:
        """Everybody in it. Raises ConfigurationError if it is damaged or of another secret.

        A last line without an end was cut by a crash: its erasure was not committed, and the
        command that wrote it has reported no success.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Erased()
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        tokens: set[tuple[str, str]] = set()
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                key, kinds = entry["key"], entry["tokens"]
                tokens |= {(kind, str(one)) for kind, ones in kinds.items() for one in ones}
                if not set(kinds) <= set(KINDS):
                    raise ValueError("an unknown kind of token")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ConfigurationError(
                    f"Line {number} of {self.path} cannot be read: {error}. Put the file back from"
                    " its copy: it says who was erased."
                ) from error
            if key != self.pseudonyms.fingerprint:
                raise ConfigurationError(
                    f"Line {number} of {self.path} was written under another secret: with this one"
                    " erased persons cannot be recognised. Set FLOW_SECRET (or put"
                    " FLOW_HOME/secret back) to what it was. If it is lost, move the file away:"
                    " orders of erased persons that arrive again will then be stored."
                )
        return Erased(frozenset(tokens))

    def add(self, erased: Erased) -> None:
        """Append tokens that are not there yet; they are on the disk when this returns."""
        new = erased.tokens - self.read().tokens
        if not new:
            return
        entry = {
            "key": self.pseudonyms.fingerprint,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tokens": {
                kind: found for kind in KINDS if (found := sorted(t for k, t in new if k == kind))
            },
        }
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked() as descriptor:
            self._mend(descriptor)
            with open(descriptor, "ab", closefd=False) as file:
                file.write(json.dumps(entry).encode() + b"\n")
            os.fsync(descriptor)
        directory = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(directory)  # else a new file may be gone after a power cut
        finally:
            os.close(directory)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _mend(self, descriptor: int) -> None:
        """Remove a last line that a crash has cut, so that a new one does not continue it."""
        content = self.path.read_bytes()
        os.ftruncate(descriptor, content.rfind(b"\n") + 1)
