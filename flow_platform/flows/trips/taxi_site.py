"""Monthly files of taxi trips from the official site: fetched whole, resumed, and fetched again
when the site has changed them. They are read in `files.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import requests
from urllib3.exceptions import HTTPError

from flow_platform.flows.trips.options import TripsSource
from flow_platform.flows.trips.spans import EDGE
from flow_platform.ground.errors import SourceError
from flow_platform.ground.state_files import replace_file
from flow_platform.sources.http_retries import LONGEST_WAIT, remedy_of, retrying
from flow_platform.sources.tables import clean_text

_CHUNK_BYTES = 1 << 18
# The site publishes some two months late, and refuses what it does not have yet.
_LATE_DAYS = 200
_MAGIC = b"PAR1"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


@dataclass(frozen=True)
class Fetched:
    """The files that may hold the asked days, and warnings about months that the site lacks."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]


def fetch_months(
    config: TripsSource, first_day: date, last_day: date, folder: Path, *, now: datetime
) -> Fetched:
    """The monthly files with trips of the UTC days `first_day` to `last_day`, brought to `folder`.

    A file that is there with its recorded checksum is fetched again only if the site has changed
    it; while the site does not answer it is used as it is, with a warning. A month that is not
    published is a warning. Months after `now` (aware) are not requested.

    Raises SourceError if a file cannot be fetched, or is not one of trips.
    """
    files: list[Path] = []
    warnings: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), retrying(requests.Session(), config) as session:
        for service in config.services:
            for month in months_of(first_day, min(last_day, now.date())):
                name = f"{service}_tripdata_{month:%Y-%m}.parquet"
                is_late = (now.date() - month).days < _LATE_DAYS
                fetch = _Fetch(session, config, folder / name, is_late)
                try:
                    path = fetch.run()
                except SourceError as error:
                    # The file in use was whole when it was fetched: a site that is down stops no
                    # load of it.
                    if fetch.known is None:
                        raise
                    path = fetch.target
                    warnings.append(f"{error} Meanwhile {path} serves as it is.")
                warnings += fetch.warnings
                if path is not None:
                    files.append(path)
    return Fetched(tuple(files), tuple(warnings))


def months_of(first_day: date, last_day: date) -> list[date]:
    """The first days of the months whose files may have trips of these UTC days."""
    month = (first_day - EDGE).replace(day=1)
    months = []
    while month <= last_day + EDGE:
        months.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return months


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process of this home fetches meanwhile."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# -- one file ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Version:
    """A version of a file as the site describes it: validators of RFC 9110, and its length."""

    etag: str | None
    last_modified: str | None
    bytes: int | None

    @property
    def strong(self) -> str | None:
        """The validator for If-Range: not a weak tag, which does not promise the same bytes."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


@dataclass(frozen=True)
class _Record:
    """The record that is kept next to a whole file."""

    url: str
    sha256: str
    version: _Version


class _CutOffError(Exception):
    """An answer that broke off or does not fit what is here; the message says how."""


class _Fetch:
    """Fetches one file. `known` is the record of the whole file, None if it is not here."""

    def __init__(
        self, session: requests.Session, config: TripsSource, target: Path, may_be_late: bool
    ) -> None:
        self.session = session
        self.config = config
        self.target = target
        self.may_be_late = may_be_late
        self.url = f"{str(config.url).rstrip('/')}/{target.name}"
        self.part = target.with_name(f"{target.name}.part")
        self.known = self._recorded()
        self.warnings: list[str] = []

    @property
    def _record_path(self) -> Path:
        return self.target.with_name(f"{self.target.name}.json")

    @property
    def _part_record_path(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def run(self) -> Path | None:
        """The whole file, or None, with a warning, where the site does not have it (yet).

        Raises SourceError.
        """
        cut, failures, most = "", 0, self._part_bytes()
        while failures <= self.config.retries:
            if failures:
                time.sleep(min(self.config.back_off_seconds * 2 ** (failures - 1), LONGEST_WAIT))
            try:
                return self._ask()
            except _CutOffError as error:
                cut = str(error)
            # A slow line that delivers bytes each time may break any number of times.
            failures = 1 if self._part_bytes() > most else failures + 1
            most = max(most, self._part_bytes())
        raise SourceError(
            f"{self.url} breaks off ({clean_text(cut)[:200]}), {failures} times in a row."
            " Run again: it goes on where it stopped. Raise timeout_seconds in sources.toml if the"
            " line is slow."
        )

    def _ask(self) -> Path | None:
        # Bytes as they are: a range of a compressed answer is of no use.
        headers = {"Accept-Encoding": "identity"}
        version, size = self._part_version(), self._part_bytes()
        is_resumed = version is not None and version.strong is not None and size > 0
        if is_resumed and version is not None:
            headers |= {"Range": f"bytes={size}-", "If-Range": str(version.strong)}
        elif self.known is not None:
            if self.known.version.etag:
                headers["If-None-Match"] = self.known.version.etag
            if self.known.version.last_modified:
                headers["If-Modified-Since"] = self.known.version.last_modified
        try:
            response = self.session.get(
                self.url, headers=headers, timeout=self.config.timeout_seconds, stream=True
            )
        except requests.RequestException as error:
            raise SourceError(
                f"{self.url} does not answer ({type(error).__name__}). Look at the network and at"
                " url in sources.toml, then run again."
            ) from error
        with response:
            status = response.status_code
            if status == 304 and self.known is not None:
                return self.target
            if status == 200:
                return self._receive(response, _version(response), 0)
            if status == 206 and version is not None:
                self._check_range(response, version, size)
                return self._receive(response, version, size)
            if status in (206, 416):
                self._discard()
                raise _CutOffError(f"HTTP {status} for a range that does not fit")
            if status == 404 or (status == 403 and self.may_be_late):
                return self._absent(status)
            raise self._refusal(response)

    def _check_range(self, response: requests.Response, version: _Version, size: int) -> None:
        sent = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        fits = sent is not None and int(sent[1]) == size
        if (
            sent is None
            or not fits
            or (version.bytes is not None and int(sent[3]) != version.bytes)
        ):
            self._discard()
            raise _CutOffError("the range that was sent is not the one that was requested")

    def _receive(self, response: requests.Response, version: _Version, start: int) -> Path:
        if start == 0:
            self.part.write_bytes(b"")
            _write_json(self._part_record_path, asdict(version))
        # Bytes received before the answer broke off are kept: the length is compared below.
        response.raw.enforce_content_length = False
        try:
            with self.part.open("ab") as part:
                while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
                    part.write(chunk)
                part.flush()
                os.fsync(part.fileno())
        except HTTPError as error:
            raise _CutOffError(f"{type(error).__name__}: {error}") from error
        size = self._part_bytes()
        if version.bytes is not None and size < version.bytes:
            raise _CutOffError(f"{size:,} of {version.bytes:,} bytes were sent")
        if version.bytes is not None and size > version.bytes:
            self._discard()
            raise _CutOffError(f"{size:,} bytes were sent, {version.bytes:,} announced")
        return self._complete(version)

    def _complete(self, version: _Version) -> Path:
        """Move the complete part to its place, if it is a Parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self.part.open("rb") as part:
            start = part.read(200)
        try:
            pq.ParquetFile(self.part).close()
        except (pa.ArrowException, OSError) as error:
            self._discard()
            if version.bytes is None and start.startswith(_MAGIC):
                # Without a length, only its end shows whether all of it was sent.
                raise _CutOffError("the file has no end") from error
            shown = clean_text(start[:60].decode("utf-8", errors="replace"))
            fault = (
                "its end is damaged" if start.startswith(_MAGIC) else f"it begins with {shown!r}"
            )
            raise SourceError(
                f"{self.url} is no Parquet file: {fault}. Look at it in a browser, and correct"
                " url in sources.toml if the site has moved."
            ) from error
        with self.part.open("rb") as part:
            record = _Record(self.url, _sha256(part), version)
        # The record first: whole file and record that do not fit are fetched again, never trusted.
        _write_json(self._record_path, asdict(record))
        self.part.replace(self.target)
        self._part_record_path.unlink(missing_ok=True)
        self.known = record
        return self.target

    def _absent(self, status: int) -> Path | None:
        absent = f"{self.url} is not published (HTTP {status})"
        if self.known is None:
            self.warnings.append(
                f"{absent}; its days have no trips until it is. Load them again then."
            )
            return None
        self.warnings.append(f"{absent} any more; {self.target} is used as it is.")
        return self.target

    def _refusal(self, response: requests.Response) -> SourceError:
        remedy = remedy_of(response, "site", "Correct url in sources.toml if the site has moved.")
        return SourceError(f"{self.url} is refused: HTTP {response.status_code}. {remedy}")

    # -- what is here --------------------------------------------------------------------------

    def _part_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self._part_record_path.unlink(missing_ok=True)

    def _part_version(self) -> _Version | None:
        found = _read_json(self._part_record_path)
        try:
            return _Version(**found) if self.part.exists() else None
        except TypeError:
            return None

    def _recorded(self) -> _Record | None:
        """The record of the file; None if the file is missing or not as recorded."""
        found = _read_json(self._record_path)
        try:
            record = _Record(found["url"], found["sha256"], _Version(**found["version"]))
            with self.target.open("rb") as file:
                is_whole = record.url == self.url and _sha256(file) == record.sha256
        except (KeyError, TypeError, OSError):
            return None
        return record if is_whole else None


def _version(response: requests.Response) -> _Version:
    length = response.headers.get("Content-Length", "")
    return _Version(
        response.headers.get("ETag"),
        response.headers.get("Last-Modified"),
        int(length) if length.isdigit() else None,
    )


def _sha256(file: BinaryIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _read_json(path: Path) -> dict:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _write_json(path: Path, document: dict) -> None:
    replace_file(path, json.dumps(document, indent=1))
