"""The JSON that vintages of scored records keep."""

from __future__ import annotations

import json
from typing import Any


def artefact(content: Any) -> bytes:
    """Equal contents give equal bytes.

    Not the compact form of `forecasting.training.artefact`: a vintage is named after its bytes, and
    those in registries would change their names.
    """
    return json.dumps(content, sort_keys=True).encode()
