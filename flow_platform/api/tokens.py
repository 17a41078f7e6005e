"""Access tokens: how they are made and checked. Pure: no database, no request.

HS256 and nothing else. A token is accepted only if its head is, byte for byte, the one written
here, so that a head which names another algorithm or key is never read.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

import jwt

ISSUER = "flow-platform"
AUDIENCE = "flow-platform-api"
ACCESS = "access"
_ALGORITHM = "HS256"
_HEAD = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
_LONGEST = 2048
_CLAIMS = ("iss", "aud", "exp", "iat", "nbf", "jti", "typ", "sub", "sid")


class InvalidToken(Exception):
    """The token was not made here, or has expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The account and session that a valid token was made for; `expires_at` is a Unix time."""

    account_id: uuid.UUID
    session_id: uuid.UUID
    expires_at: float


def make_access_token(
    key: bytes, account_id: uuid.UUID, session_id: uuid.UUID, role: str, seconds: int
) -> str:
    """A signed token that is valid for `seconds`.

    `role` is for the client to read; the service reads the role from its database.
    """
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
        "jti": uuid.uuid4().hex,
        "typ": ACCESS,
        "sub": str(account_id),
        "sid": str(session_id),
        "role": role,
    }
    return jwt.encode(claims, key, _ALGORITHM)


def read_access_token(key: bytes, token: str) -> Claims:
    """The claims of a valid token. Raises InvalidToken, without the reason."""
    if len(token) > _LONGEST or not token.startswith(_HEAD):
        raise InvalidToken
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": list(_CLAIMS), "strict_aud": True},
        )
        if claims["typ"] != ACCESS or not isinstance(claims["jti"], str):
            raise InvalidToken
        return Claims(uuid.UUID(claims["sub"]), uuid.UUID(claims["sid"]), float(claims["exp"]))
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken from error
