"""The JSON in which vintages keep what they know: equal contents give equal bytes.

A vintage is named after its bytes, so the two forms stay apart: with the other one, vintages that
are registered would change their names.
"""

from __future__ import annotations

import json
from typing import Any


def artefact(content: Any) -> bytes:
    """JSON of a vintage that scores records."""
    return json.dumps(content, sort_keys=True).encode()


def compact_artefact(content: Any) -> bytes:
    """JSON of a vintage that forecasts series, without spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
