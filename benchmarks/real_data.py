"""Where benchmarks find real data: $FLOW_REAL_DATA, else ../shared/data next to the repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REAL_DATA = Path(
    os.environ.get("FLOW_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


def real_data(*parts: str) -> Path | None:
    """A folder or file of the real data; None, and a line on standard error, if it is missing."""
    path = REAL_DATA.joinpath(*parts).resolve()
    if path.exists():
        return path
    print(f"skipped: {path} is missing; set FLOW_REAL_DATA.", file=sys.stderr, flush=True)
    return None
