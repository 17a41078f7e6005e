"""What is known of the request being answered, from its first byte to its line in the log.

One mutable object hangs in the ASGI scope: routers copy scopes, but not what hangs in them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

_KEY = "flow.context"
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


@dataclass(slots=True)
class Context:
    """`note` is for the operator's log, never for the client."""

    request_id: str
    address: str
    is_secure: bool = False
    account_id: str | None = None
    note: str | None = None


def attach(scope: MutableMapping[str, Any], context: Context) -> None:
    scope[_KEY] = context


def context_of(scope: Mapping[str, Any]) -> Context:
    found = scope.get(_KEY)
    return found if isinstance(found, Context) else Context(uuid.uuid4().hex, "")


def request_id(offered: bytes | None) -> str:
    """The id that the client offers if it looks like one, else a new one."""
    text = (offered or b"").decode("latin-1")
    return text if _SANE_ID.fullmatch(text) else uuid.uuid4().hex
