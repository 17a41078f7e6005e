"""The files of a source: which there are, of which kind each is, and its bytes.

How their rows are read is in `reader.py`.
"""

from __future__ import annotations

import glob
from enum import Enum
from pathlib import Path

from flow_platform.ground.errors import SourceError
from flow_platform.sources.config import SourceConfig
from flow_platform.sources.forms import FileForm
from flow_platform.sources.tables import clean_text


class FileUnreadableError(SourceError):
    """One file cannot be read as a table; others are not concerned. Names what and remedy.

    `form` is how far it was understood.
    """

    def __init__(self, text: str, form: FileForm | None = None) -> None:
        super().__init__(text)
        self.form = form


class Kind(Enum):
    """How a file keeps its rows. `WORKBOOK` is one that is read here, `OTHER_WORKBOOK` is not."""

    CSV = "csv"
    PARQUET = "parquet"
    WORKBOOK = "workbook"
    OTHER_WORKBOOK = "other workbook"


_KINDS = {
    ".parquet": Kind.PARQUET,
    ".pq": Kind.PARQUET,
    ".xlsx": Kind.WORKBOOK,
    ".xlsm": Kind.WORKBOOK,
    ".xls": Kind.OTHER_WORKBOOK,
    ".xlsb": Kind.OTHER_WORKBOOK,
    ".ods": Kind.OTHER_WORKBOOK,
}


# What files of these formats begin with.
_ZIP, _GZIP, _OLE = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind_of(path: Path) -> Kind:
    """The kind of a file by its suffix; a file with any other suffix is CSV."""
    return _KINDS.get(path.suffix.casefold(), Kind.CSV)


def source_files(config: SourceConfig) -> list[Path]:
    """The files that a source's path or pattern names, sorted. `**` goes into subfolders."""
    if not config.path:
        return []
    found = {Path(name) for name in glob.glob(config.path, recursive=True)}
    return sorted(path for path in found if not path.is_dir())


def bytes_of(path: Path) -> bytes:
    """The content of a file. Raises FileUnreadableError where it cannot be opened or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileUnreadableError(
            f"cannot be opened ({error.strerror or error}). Check its path and permissions."
        ) from error
    if not data:
        raise FileUnreadableError("is empty. Remove it, or export it again.")
    check_content(path, data[:8])
    if data.startswith(_GZIP):
        raise FileUnreadableError("is packed. Unpack it, and name what is in it.")
    return data


def check_content(path: Path, beginning: bytes) -> None:
    """Raise FileUnreadableError where a file is a container of another kind than its name says."""
    kind = kind_of(path)
    if beginning.startswith(_ZIP) and kind in (Kind.CSV, Kind.PARQUET):
        raise FileUnreadableError(
            "is an archive, or a workbook by another name. Unpack it, or name it .xlsx."
        )
    if beginning.startswith(_OLE) and kind is not Kind.OTHER_WORKBOOK:
        raise FileUnreadableError(
            "is protected by a password, or is an .xls workbook by another name. Save it as .xlsx"
            " without a password, or as CSV."
        )


def summary_of(error: BaseException) -> str:
    """The kind of an error and the first 160 characters of its text, in one line."""
    text = clean_text(" ".join(str(error).split()))[:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
