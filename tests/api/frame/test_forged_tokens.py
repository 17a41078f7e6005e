"""Tokens that nobody was given are refused, all in the same way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient

from flow_platform.api.access import Role
from flow_platform.api.config import ApiConfig
from tests.api.frame.conftest import opened

pytestmark = pytest.mark.integration

Forge = Callable[[dict[str, Any], bytes, dict[str, Any]], str]
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(head: Any, claims: Any, key: bytes, digest: Any = hashlib.sha256) -> str:
    text = f"{_encoded(head)}.{_encoded(claims)}"
    return f"{text}.{_encoded(hmac.new(key, text.encode(), digest).digest())}"


def _with(**changes: Any) -> Forge:
    return lambda claims, key, person: jwt.encode({**claims, **changes}, key, "HS256")


def _without(name: str) -> Forge:
    def forge(claims: dict[str, Any], key: bytes, person: dict[str, Any]) -> str:
        return jwt.encode({n: v for n, v in claims.items() if n != name}, key, "HS256")

    return forge


def _public_key() -> bytes:
    return _RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _parts(person: dict[str, Any]) -> list[str]:
    return list(person["access_token"].split("."))


def _promoted(claims: dict[str, Any], key: bytes, person: dict[str, Any]) -> str:
    head, _, signature = _parts(person)
    return f"{head}.{_encoded({**claims, 'role': 'admin'})}.{signature}"


_HEAD = {"alg": "HS256", "typ": "JWT"}
_HOUR = 3600
FORGED: dict[str, Forge] = {
    "algorithm none": lambda c, k, p: f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(c)}.",
    "algorithm nOnE": lambda c, k, p: f"{_encoded({'alg': 'nOnE', 'typ': 'JWT'})}.{_encoded(c)}.",
    "no algorithm": lambda c, k, p: _signed({"typ": "JWT"}, c, k),
    "another key": lambda c, k, p: jwt.encode(c, b"x" * 32, "HS256"),
    "an empty key": lambda c, k, p: _signed(_HEAD, c, b""),
    "HS384 with the key": lambda c, k, p: jwt.encode(c, k.ljust(48, b"0"), "HS384"),
    "HS512 called HS256": lambda c, k, p: _signed(_HEAD, c, k, hashlib.sha512),
    "RS256": lambda c, k, p: jwt.encode(c, _RSA, "RS256"),
    "HS256 with a public key": lambda c, k, p: _signed(_HEAD, c, _public_key()),
    "expired": _with(exp=int(time.time()) - 1),
    "expired as text": _with(exp="never"),
    "endless": _with(exp=10**30, nbf=10**29),
    "not yet valid": _with(nbf=int(time.time()) + _HOUR),
    "issued in the future": _with(iat=int(time.time()) + _HOUR),
    "another issuer": _with(iss="flow-platform.example"),
    "another audience": _with(aud="flow-platform-app"),
    "one audience of several": _with(aud=["flow-platform-api", "other"]),
    "another type": _with(typ="refresh"),
    "the type as a list": _with(typ=["access"]),
    **{
        f"without {name}": _without(name)
        for name in ("iss", "aud", "exp", "iat", "nbf", "jti", "typ", "sub", "sid")
    },
    "an unknown account": _with(sub=str(uuid.uuid4())),
    "an unknown session": _with(sid=str(uuid.uuid4())),
    "an account that is no id": _with(sub="' or true --"),
    "a session that is a list": _with(sid=["1"]),
    "a null account": _with(sub=None),
    "the refresh token": lambda c, k, p: p["refresh_token"],
    "a role of its own": _promoted,
    "another's signature": lambda c, k, p: ".".join([*_parts(p)[:2], _encoded(b"0" * 32)]),
    "a signature cut short": lambda c, k, p: p["access_token"][:-4],
    "no signature": lambda c, k, p: ".".join(_parts(p)[:2]) + ".",
    "two dots": lambda c, k, p: "..",
    "nothing": lambda c, k, p: "",
    "four parts": lambda c, k, p: p["access_token"] + ".e30",
    "a list of claims": lambda c, k, p: _signed(_HEAD, [c], k),
    "claims that are no JSON": lambda c, k, p: _signed(_HEAD, b"{", k),
    "claims nested deeply": lambda c, k, p: _signed(_HEAD, b"[" * 1200, k),
    "100,000 characters": lambda c, k, p: jwt.encode({**c, "x": "y" * 100_000}, k, "HS256"),
    "a key to be fetched (jku)": lambda c, k, p: _signed(
        {**_HEAD, "jku": "http://127.0.0.1:1/keys"}, c, b"x" * 32
    ),
    "a key of its own (jwk)": lambda c, k, p: _signed(
        {**_HEAD, "jwk": {"kty": "oct", "k": _encoded(b"x" * 32)}}, c, b"x" * 32
    ),
    "a key file (kid)": lambda c, k, p: _signed({**_HEAD, "kid": "../../dev/null"}, c, b""),
    "a key by SQL (kid)": lambda c, k, p: _signed({**_HEAD, "kid": "x' union select '"}, c, b""),
    "an extension (crit)": lambda c, k, p: _signed({**_HEAD, "crit": ["x"], "x": 1}, c, k),
    "an odd head, well signed": lambda c, k, p: _signed({**_HEAD, "cty": "JWT"}, c, k),
    "standard base64": lambda c, k, p: p["access_token"].replace("-", "+").replace("_", "/") + "==",
    "another scheme's word": lambda c, k, p: "Bearer " + p["access_token"],
}


def _refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].endswith("invalid-token")
    assert problem["detail"].startswith("The access token is not valid")


@pytest.fixture(scope="module")
def person(new_account: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return new_account(Role.ADMIN)


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_refused(
    client: TestClient, config: ApiConfig, person: dict[str, Any], kind: str
) -> None:
    claims = jwt.decode(person["access_token"], options={"verify_signature": False})
    token = FORGED[kind](claims, config.token_key, person)
    assert token != person["access_token"]
    _refused(client.get("/me", headers={"Authorization": f"Bearer {token}"}))


def test_the_forger_s_pattern_is_a_valid_token(
    client: TestClient, config: ApiConfig, person: dict[str, Any]
) -> None:
    """So that every refusal above is due to what was forged."""
    claims = jwt.decode(person["access_token"], options={"verify_signature": False})
    token = jwt.encode(claims, config.token_key, "HS256")
    assert client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("raw", [b"Bearer a\x00b", b"Bearer \xff\xfe", b"Bearer", b"Bearer   "])
def test_a_header_of_odd_bytes_is_refused(client: TestClient, raw: bytes) -> None:
    _refused(client.get("/me", headers={b"Authorization": raw}))


@pytest.mark.parametrize("given", ["Basic YTpi", "bearer_token", "Token abc"])
def test_another_scheme_is_refused_and_a_bearer_requested(client: TestClient, given: str) -> None:
    answer = client.get("/me", headers={"Authorization": given})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_tokens_of_another_installation_are_refused(
    client: TestClient, config: ApiConfig, person: dict[str, Any]
) -> None:
    with opened(config, token_key=bytes(range(32))) as other:
        _refused(other.get("/me", headers=person["headers"]))


def test_a_token_ends_with_its_account(
    client: TestClient,
    accounts: dict[Role, dict[str, Any]],
    new_account: Callable[..., dict[str, Any]],
) -> None:
    victim, admin = new_account(), accounts[Role.ADMIN]["headers"]
    place = f"/accounts/{victim['id']}"
    assert client.patch(place, headers=admin, json={"disabled": True}).status_code == 200
    _refused(client.get("/me", headers=victim["headers"]))
    assert client.patch(place, headers=admin, json={"disabled": False}).status_code == 200
    _refused(client.get("/me", headers=victim["headers"]))


def test_a_token_ends_with_its_session(
    client: TestClient, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    assert client.get("/me", headers=person["headers"]).status_code == 200
    body = {"refresh_token": person["refresh_token"]}
    assert client.post("/token/revoke", json=body).status_code == 200
    _refused(client.get("/me", headers=person["headers"]))
