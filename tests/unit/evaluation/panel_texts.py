"""Panels written as people write them: CSV texts that the tests of reading share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from flow_platform.evaluation.panel_file import read_panel_file


def csv_of(ds: Iterable[object], ids: Iterable[str] = ("a",), separator: str = ",") -> str:
    """Each series at each ds, y counting from 0."""
    lines = [separator.join(("unique_id", "ds", "y"))]
    lines += [f"{name}{separator}{one}{separator}{y}" for name in ids for y, one in enumerate(ds)]
    return "\n".join(lines) + "\n"


def read_text(folder: Path, text: str | bytes, freq: str) -> pd.DataFrame:
    """The rows of a CSV file with this text."""
    path = folder / "panel.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_panel_file(path, freq)


def read_parquet(folder: Path, freq: str, **columns: object) -> pd.DataFrame:
    """The rows of a Parquet file with these columns."""
    path = folder / "panel.parquet"
    pd.DataFrame(columns).to_parquet(path)
    return read_panel_file(path, freq)
