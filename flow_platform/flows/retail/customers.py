"""Customers of a web shop are pseudonyms: in its lines, and in rows that could not be cut.

What an erased customer leaves behind is in `erased.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from flow_platform.sources import values

_TOKEN = re.compile(r'[^\s,;|"]+')
_PLAIN_TOKEN = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(T\S*)?|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?|-?\d+\.\d*[1-9]\d*",
    re.ASCII,
)


def pseudonym(key: bytes, customer: Any) -> str | None:
    """The pseudonym of a customer's id, None where there is none: HMAC-SHA256, 128 bits in hex.

    "13085", 13085 and 13085.0 are one customer: spreadsheets write an id in all these ways.
    """
    written = values.whole_id(customer)
    if not written:
        return None
    return hmac.new(key, written.encode(), hashlib.sha256).hexdigest()[:32]


def veiled(payload: str, key: bytes) -> str:
    """A row that could not be cut, as JSON: what may be a customer's id is its pseudonym."""
    return json.dumps(_veiled(json.loads(payload), key), ensure_ascii=False)


def _veiled(value: Any, key: bytes) -> Any:
    if isinstance(value, dict):
        return {name: _veiled(inner, key) for name, inner in value.items()}
    if isinstance(value, list):
        return [_veiled(inner, key) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _TOKEN.sub(lambda found: _veiled_token(found[0], key), value)
    return _veiled_token(values.text(value), key)


def _veiled_token(token: str, key: bytes) -> str:
    may_be_an_id = "@" in token or any(character.isdigit() for character in token)
    if not may_be_an_id or _PLAIN_TOKEN.fullmatch(token):
        return token
    return pseudonym(key, token) or token
