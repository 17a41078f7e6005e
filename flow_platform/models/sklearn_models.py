"""scikit-learn models as bytes and back, through skops: no pickle, known types alone."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from flow_platform.ground.errors import ModelError

# What a gradient boosting consists of that skops does not trust by itself.
_TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


def as_bytes(model: Any) -> bytes:
    """The model in skops' format; equal models give equal bytes.

    skops names parts after their addresses in memory and stamps them with the clock: both are
    replaced here, by the order in which the parts are named and by a fixed day.
    """
    from skops import io as skops

    with zipfile.ZipFile(io.BytesIO(skops.dumps(model))) as dumped:
        schema = json.loads(dumped.read("schema.json"))
        parts = {name: dumped.read(name) for name in dumped.namelist() if name != "schema.json"}
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def renamed(node: Any) -> Any:
        if isinstance(node, list):
            return [renamed(one) for one in node]
        if not isinstance(node, dict):
            return node
        made = {name: renamed(one) for name, one in node.items()}
        if "__id__" in node:
            made["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if node.get("file") in parts:
            suffix = node["file"].rsplit(".", 1)[-1]
            made["file"] = files.setdefault(node["file"], f"{len(files)}.{suffix}")
        return made

    text = json.dumps(renamed(schema), sort_keys=True)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as kept:
        for name, content in [
            ("schema.json", text.encode()),
            *((files[name], parts[name]) for name in sorted(files, key=lambda one: files[one])),
        ]:
            kept.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def from_bytes(content: bytes) -> Any:
    """The model that `as_bytes` gave. Raises ModelError for types that no model of ours has."""
    from skops import io as skops
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.loads(content, trusted=list(_TRUSTED))
    except (UntrustedTypesFoundException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelError(f"This is no scikit-learn model of ours: {error}.") from error
