"""Pseudonyms of persons, and sealed texts: the database alone gives away neither.

The key is kept outside of the database; it is derived from the installation's secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_WORD = re.compile(r"[\w.@+'-]+")
_SHORTEST_WORD = 3
# A letter as JSON escapes it, however often, or a byte that is no UTF-8 as it is shown.
_ESCAPED = re.compile(r"\\+(?:u([0-9a-f]{4})|x([0-9a-f]{2}))", re.IGNORECASE)


@dataclass(frozen=True)
class Pseudonyms:
    """Everything that one key makes; `key` has 32 bytes and is always the same for a home.

    A customer's pseudonym is HMAC-SHA256, 128 bits in hex. The tokens by which erased customers,
    erased orders and words are remembered are separate families: none can be computed from another.
    """

    key: bytes

    @cached_property
    def fingerprint(self) -> str:
        """Identifies this key; nothing that the key makes can be computed from it."""
        return self._made("fingerprint", "")

    def customer(self, customer_id: str) -> str:
        """The pseudonym of a customer's id in every table. Blanks around the id are ignored."""
        return self._made("customer", customer_id.strip())

    def erased_customer(self, pseudonym: str) -> str:
        """The token of a customer, by its pseudonym, in `ops.erased`."""
        return self._made("erased customer", pseudonym)

    def erased_order(self, order_id: str) -> str:
        """The token of an order in `ops.erased`."""
        return self._made("erased order", order_id)

    def words(self, text: str) -> list[str]:
        """Tokens of the words of a text, each once: its customer's rows are found by them.

        Words are sought in the text as it is, in its values if it is JSON, and with escaped letters
        resolved if it is not JSON or was escaped twice: none of it may hide a name. Neither case
        nor the way in which an accent is written matters.
        """
        texts = [text]
        with contextlib.suppress(ValueError, RecursionError):
            texts += _texts(json.loads(text))
        texts += [_ESCAPED.sub(_letter, one) for one in texts if "\\" in one]
        found = {word for one in texts for word in _WORD.findall(_folded(one))}
        # People write: it is somebody@example.org's.
        found |= {part for word in found if "'" in word for part in word.split("'")}
        words = (word.strip(".'-") for word in found)
        return sorted({self._made("word", word) for word in words if len(word) >= _SHORTEST_WORD})

    def seal(self, text: str) -> str:
        """The text, sealed (Fernet: AES-128-CBC with HMAC-SHA256); another each time."""
        return self._box.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """What `seal` was given. Raises ValueError where it was sealed with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return str(self._box.decrypt(sealed.encode()).decode())
        except InvalidToken as error:
            raise ValueError("it was sealed with another key, or is damaged") from error

    @cached_property
    def _box(self) -> Any:
        from cryptography.fernet import Fernet

        digest = hmac.new(self.key, b"sealing", hashlib.sha256).digest()
        return Fernet(base64.urlsafe_b64encode(digest))

    def _made(self, family: str, text: str) -> str:
        return hmac.digest(self.key, f"{family}\0{text}".encode(), "sha256").hex()[:32]


def _letter(escaped: re.Match[str]) -> str:
    # Of bytes that are no UTF-8, Latin-1 is the likeliest.
    return chr(int(escaped[1] or escaped[2], 16))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [str(value)]
