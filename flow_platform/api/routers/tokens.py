"""Registering, signing in, and the tokens of a session."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, EmailStr, Field

from flow_platform.api.access import Role
from flow_platform.api.context import context_of
from flow_platform.api.limits import address_subject
from flow_platform.api.passwords import LONGEST, SHORTEST, refusal
from flow_platform.api.problems import MEANINGS, Problem, responses
from flow_platform.api.sessions import Tokens

router = APIRouter(tags=["accounts"])

_LONGEST_NAME = 320
_LONGEST_TOKEN = 512


class Registration(BaseModel):
    """The e-mail address and password of a new account."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "four plain words: élan"}]
        },
    )
    email: EmailStr = Field(max_length=_LONGEST_NAME)
    password: str = Field(
        min_length=SHORTEST,
        max_length=LONGEST,
        description="Any characters. Common passwords and those made of the address are refused.",
        json_schema_extra={"format": "password"},
    )


class Registered(BaseModel):
    """The same whether or not the address had an account before."""

    email: str
    role: Role = Role.VIEWER
    next: str


class SignIn(BaseModel):
    """OAuth2's password form (RFC 6749, 4.3). Other fields of the form are ignored."""

    grant_type: Literal["password"] = "password"
    username: str = Field(
        min_length=1,
        max_length=_LONGEST_NAME,
        description="The e-mail address.",
        examples=["ada@example.com"],
    )
    password: str = Field(
        min_length=1,
        max_length=LONGEST,
        examples=["four plain words: élan"],
        json_schema_extra={"format": "password"},
    )


class TokenPair(BaseModel):
    """Both tokens. Keep the refresh token secret like a password; it can be used once."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])


class RefreshToken(BaseModel):
    """A refresh token."""

    model_config = ConfigDict(extra="forbid")
    refresh_token: str = Field(min_length=1, max_length=_LONGEST_TOKEN)


class Revoked(BaseModel):
    """The session has ended, if there was one."""

    revoked: Literal[True] = True


@router.post("/register", status_code=201, summary="Make an account")
async def register(request: Request, registration: Registration) -> Registered:
    """New accounts are viewers; an admin may give them another role.

    The answer is the same for an address that has an account already, which stays as it is: nobody
    can find out here which addresses have one.
    """
    state = request.app.state
    await state.limits.take("register_address", _address(request))
    reason = refusal(registration.password, registration.email)
    if reason is not None:
        raise Problem(
            422,
            detail=MEANINGS[422],
            type="password-refused",
            more={"errors": [{"field": "body.password", "reason": reason}]},
        )
    await state.accounts.register(registration.email, registration.password)
    return Registered(
        email=registration.email,
        next="Sign in at POST /token. If the address had an account already, it is unchanged.",
    )


@router.post("/token", summary="Sign in", responses=responses(401))
async def sign_in(request: Request, form: Annotated[SignIn, Form()]) -> TokenPair:
    """An access token for 15 minutes and a refresh token for 14 days.

    After 5 failures within 15 minutes a name is locked until the oldest failure is 15 minutes old,
    also a name without an account.
    """
    state = request.app.state
    name = form.username.strip().lower()
    await state.limits.take("sign_in_address", _address(request))
    await state.limits.take("sign_in_name", name)
    account = await state.accounts.sign_in(name, form.password, state.limits)
    if account is None:
        state.metrics.failed_sign_ins.inc()
        raise Problem(
            401,
            detail="The e-mail address or the password is wrong, or the account is disabled.",
            type="sign-in-failed",
            headers={"WWW-Authenticate": "Bearer"},
            more={"error": "invalid_grant"},
        )
    context_of(request.scope).account_id = str(account[0])
    return _pair(await state.sessions.start(*account))


@router.post("/token/refresh", summary="Get new tokens", responses=responses(401))
async def refresh(request: Request, token: RefreshToken) -> TokenPair:
    """A new pair of tokens; the refresh token that was sent cannot be used again.

    If it is used a second time, the session and all its tokens end: somebody else has a copy.
    """
    await request.app.state.limits.take("refresh_address", _address(request))
    return _pair(await request.app.state.sessions.rotate(token.refresh_token))


@router.post("/token/revoke", summary="Sign out")
async def revoke(request: Request, token: RefreshToken) -> Revoked:
    """Ends the session of a refresh token, with all its tokens, within seconds.

    A token that is unknown, used or expired is no error (RFC 7009).
    """
    await request.app.state.limits.take("refresh_address", _address(request))
    await request.app.state.sessions.revoke(token.refresh_token)
    return Revoked()


def _pair(tokens: Tokens) -> TokenPair:
    return TokenPair(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
    )


def _address(request: Request) -> str:
    return address_subject(context_of(request.scope).address)
