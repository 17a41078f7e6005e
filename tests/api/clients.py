"""People who use the service in tests: they register, sign in and have a role."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import httpx

from flow_platform.warehouse.server import Server
from tests.api.world import execute

PASSWORD = "vier alltägliche Wörter 7"
_NUMBERS = itertools.count()


def new_email() -> str:
    return f"person-{next(_NUMBERS)}-{secrets.token_hex(4)}@example.com"


def sign_in(client: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return client.post("/token", data={"username": email, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_account(client: httpx.Client, server: Server, role: str) -> dict[str, Any]:
    """A new signed-in account of a role: its e-mail, id, tokens and headers."""
    email = new_email()
    answer = client.post("/register", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    ((account_id,),) = execute(
        server, "update auth.accounts set role = %s where email = %s returning id", role, email
    )
    signed_in = sign_in(client, email)
    assert signed_in.status_code == 200, signed_in.text
    tokens = signed_in.json()
    return {
        "email": email,
        "id": str(account_id),
        "headers": bearer(tokens["access_token"]),
        **tokens,
    }
