"""Sessions: started by a sign-in, kept alive by rotating refresh tokens, ended by revoking them.

Access tokens name their session, so an ended session ends them too, within seconds. Passwords are
in `accounts.py`, the form of a token in `tokens.py`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass

from flow_platform.api.access import Account, Role
from flow_platform.api.config import ApiConfig
from flow_platform.api.database import Database
from flow_platform.api.logs import log
from flow_platform.api.problems import Problem
from flow_platform.api.tokens import Claims, InvalidToken, make_access_token, read_access_token

# Longest time until another process notices a changed role or an ended session.
_KNOWN_SECONDS = 3.0
_KNOWN_SESSIONS = 20_000

_STATE = """
select a.id, a.email, a.role
from auth.sessions as s
join auth.accounts as a on a.id = s.account_id
where s.id = %(session)s and s.revoked_at is null and s.expires_at > now() and not a.disabled
"""
_START = """
with opened as (
    insert into auth.sessions (id, account_id, expires_at)
    select %(session)s, id, now() + %(session_seconds)s * interval '1 second'
    from auth.accounts where id = %(account)s and not disabled
    returning id
)
insert into auth.refresh_tokens (token_sha256, session_id, expires_at)
select %(token)s, id, now() + %(token_seconds)s * interval '1 second' from opened
"""
# One statement: the second of two clients with one token waits for the row, and finds it used.
_ROTATE = """
with used as (
    update auth.refresh_tokens as t set used_at = now()
    from auth.sessions as s join auth.accounts as a on a.id = s.account_id
    where t.token_sha256 = %(token)s and t.used_at is null and t.expires_at > now()
        and s.id = t.session_id and s.revoked_at is null and s.expires_at > now()
        and not a.disabled
    returning t.session_id, s.expires_at, a.id, a.role
), fresh as (
    insert into auth.refresh_tokens (token_sha256, session_id, expires_at)
    select %(fresh)s, session_id,
           least(now() + %(token_seconds)s * interval '1 second', expires_at)
    from used
)
select session_id, id, role from used
"""
_REUSED = """
with ended as (
    update auth.sessions as s set revoked_at = now(), revoked_for = 'reuse'
    from auth.refresh_tokens as t
    where t.token_sha256 = %(token)s and t.used_at is not null and s.id = t.session_id
        and s.revoked_at is null
    returning s.id, s.account_id
), recorded as (
    insert into auth.audit (action, account_id) select 'refresh token reused', account_id from ended
)
select id from ended
"""
_REVOKE = """
update auth.sessions as s set revoked_at = now(), revoked_for = 'sign-out'
from auth.refresh_tokens as t
where t.token_sha256 = %(token)s and s.id = t.session_id and s.revoked_at is null
returning s.id
"""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a client. Only the sha256 of the refresh token is kept.

    The access token is valid for `expires_in` seconds.
    """

    access_token: str
    refresh_token: str
    expires_in: int


class Sessions:
    """Starts, looks up, rotates and ends sessions.

    >>> tokens = await sessions.start(account_id, Role.VIEWER)
    >>> (await sessions.account(tokens.access_token)).role
    <Role.VIEWER: 'viewer'>
    """

    def __init__(self, database: Database, config: ApiConfig) -> None:
        self._database = database
        self._config = config
        self._known: OrderedDict[uuid.UUID, tuple[float, Account | None]] = OrderedDict()
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    async def account(self, token: str) -> Account:
        """The account of an access token, as it is now. Raises Problem 401, DatabaseDown."""
        claims = self._claims(token)
        known = self._known.get(claims.session_id)
        if known is not None and time.monotonic() < known[0]:
            account = known[1]
        else:
            account = await self._look_up(claims.session_id)
        if account is None or account.id != claims.account_id:
            raise _invalid_token()
        return account

    def _claims(self, token: str) -> Claims:
        # Checking a signature takes longer than all other work of a small request. Only the
        # token's digest is kept: the process does not collect tokens.
        digest = _sha256(token)
        claims = self._verified.get(digest)
        if claims is None or claims.expires_at <= time.time():
            try:
                claims = read_access_token(self._config.token_key, token)
            except InvalidToken as error:
                raise _invalid_token() from error
            self._verified[digest] = claims
            if len(self._verified) > _KNOWN_SESSIONS:
                self._verified.popitem(last=False)
        return claims

    async def start(self, account_id: uuid.UUID, role: Role) -> Tokens:
        """The tokens of a new session of an account whose password was checked.

        Raises DatabaseDown.
        """
        session, refresh = uuid.uuid4(), secrets.token_urlsafe(32)
        await self._database.execute(
            _START,
            {
                "session": session,
                "account": account_id,
                "session_seconds": self._config.session_seconds,
                "token": _sha256(refresh),
                "token_seconds": self._config.refresh_token_seconds,
            },
        )
        return self._tokens(account_id, session, role, refresh)

    async def rotate(self, refresh_token: str) -> Tokens:
        """New tokens in exchange for a refresh token, which cannot be used again.

        One that was used before ends its whole session: somebody has a copy. Raises Problem 401,
        DatabaseDown.
        """
        fresh, token = secrets.token_urlsafe(32), _sha256(refresh_token)
        rows = await self._database.rows(
            _ROTATE,
            {
                "token": token,
                "fresh": _sha256(fresh),
                "token_seconds": self._config.refresh_token_seconds,
            },
        )
        if not rows:
            for ended in await self._database.rows(_REUSED, {"token": token}):
                self.forget(ended["id"])
                log("refresh token reused", session=str(ended["id"]))
            raise Problem(
                401,
                detail="The refresh token is unknown, used, expired or revoked. Sign in again.",
                type="invalid-refresh-token",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
                more={"error": "invalid_grant"},
            )
        (row,) = rows
        return self._tokens(row["id"], row["session_id"], Role(row["role"]), fresh)

    async def revoke(self, refresh_token: str) -> None:
        """End the session of a refresh token; an unknown one is no error (RFC 7009)."""
        for ended in await self._database.rows(_REVOKE, {"token": _sha256(refresh_token)}):
            self.forget(ended["id"])

    def forget(self, session_id: uuid.UUID | None = None) -> None:
        """Read this session, or all, from the database again at the next request."""
        if session_id is None:
            self._known.clear()
        else:
            self._known.pop(session_id, None)

    async def _look_up(self, session_id: uuid.UUID) -> Account | None:
        # Counted from before the query: a change during it is noticed no later than one before.
        until = time.monotonic() + _KNOWN_SECONDS
        rows = await self._database.rows(_STATE, {"session": session_id})
        account = Account(rows[0]["id"], rows[0]["email"], Role(rows[0]["role"])) if rows else None
        self._known[session_id] = (until, account)
        if len(self._known) > _KNOWN_SESSIONS:
            self._known.popitem(last=False)
        return account

    def _tokens(
        self, account_id: uuid.UUID, session_id: uuid.UUID, role: Role, refresh_token: str
    ) -> Tokens:
        seconds = self._config.access_token_seconds
        access = make_access_token(self._config.token_key, account_id, session_id, role, seconds)
        return Tokens(access, refresh_token, seconds)


def _invalid_token() -> Problem:
    return Problem(
        401,
        detail="The access token is not valid, or no longer. Get one at POST /token or"
        " POST /token/refresh.",
        type="invalid-token",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
