"""Facts about the request being answered, from its first byte to its line in the log.

They are one mutable object in the ASGI scope: routers copy scopes, but not the objects in them.
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
    """The facts about one request. `note` is for the operator's log, never for the client."""

    request_id: str
    address: str
    is_secure: bool = False
    account_id: str | None = None
    note: str | None = None


def attach(scope: MutableMapping[str, Any], context: Context) -> None:
    """Put the context into an ASGI scope."""
    scope[_KEY] = context


def context_of(scope: Mapping[str, Any]) -> Context:
    """The context of an ASGI scope; a new one where none was attached."""
    found = scope.get(_KEY)
    return found if isinstance(found, Context) else Context(uuid.uuid4().hex, "")


def request_id(offered: bytes | None) -> str:
    """The id that the client sent if it has the form of one, else a new one."""
    text = (offered or b"").decode("latin-1")
    return text if _SANE_ID.fullmatch(text) else uuid.uuid4().hex
