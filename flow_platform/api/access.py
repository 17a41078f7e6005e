"""Who may call what: roles, the account of a request, and the dependencies that check them.

How a token is checked is in `sessions.py`; the role that an operation needs is in its signature.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import Request
from fastapi.openapi.models import OAuth2 as OAuth2Model
from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security.base import SecurityBase

from flow_platform.api.context import context_of
from flow_platform.api.problems import Problem

# Security schemes with this prefix carry a role from a signature to `openapi.py`.
ROLE_SCHEME = "role:"


class Role(StrEnum):
    """The roles of accounts, lowest first: each may also do what those before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a request is signed in with."""

    id: uuid.UUID
    email: str
    role: Role


class _Needs(SecurityBase):
    def __init__(self, role: Role) -> None:
        self.role = role
        self.scheme_name = ROLE_SCHEME + role
        flow = OAuthFlowPassword(tokenUrl="token", refreshUrl="token/refresh", scopes={})
        self.model = OAuth2Model(flows=OAuthFlows(password=flow))

    async def __call__(self, request: Request) -> Account:
        scope = request.scope
        state: Any = scope["app"].state
        account: Account = await state.sessions.account(_token(request))
        context_of(scope).account_id = str(account.id)
        if account.role.rank < self.role.rank:
            raise Problem(
                403,
                detail=f"This operation needs the role {self.role}; yours is {account.role}. An"
                " admin can change it.",
                type="role-too-low",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )
        await state.limits.take("account", str(account.id))
        return account


def _token(request: Request) -> str:
    given = request.headers.get("authorization")
    if given is None:
        raise Problem(
            401,
            detail="Send an access token: Authorization: Bearer ... Get one at POST /token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(
            401,
            detail="The Authorization header must be: Bearer, a space, an access token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return token.strip()


_BY_ROLE = {role: _Needs(role) for role in Role}


def needs(role: Role) -> _Needs:
    """The dependency of an operation for accounts of `role` or a higher one. Gives the Account.

    >>> async def accounts(admin: Annotated[Account, Depends(needs(Role.ADMIN))]): ...

    Raises Problem 401 without a valid token, 403 for a lower role, 429 over the account's limit.
    """
    return _BY_ROLE[role]


# For every account.
signed_in = needs(Role.VIEWER)
