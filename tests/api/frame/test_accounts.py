"""Accounts: registering, signing in, rotating tokens, what admins and the command line do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
from fastapi.testclient import TestClient

from flow_platform.api.access import Role
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from flow_platform.warehouse.server import Server
from tests.api.clients import PASSWORD, bearer, new_email, sign_in
from tests.api.frame.conftest import opened, together
from tests.api.world import execute
from tests.conftest import new_settings
from tests.integration.conftest import flow

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_person_registers_signs_in_and_is_known(client: TestClient) -> None:
    email = new_email()
    made = client.post("/register", json={"email": email, "password": PASSWORD})
    assert (made.status_code, made.json()["role"]) == (201, "viewer")
    tokens = sign_in(client, email).json()
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 900
    me = client.get("/me", headers=bearer(tokens["access_token"])).json()
    assert (me["email"], me["role"]) == (email, "viewer")
    uuid.UUID(me["id"])


def test_an_address_is_the_same_in_capitals(client: TestClient) -> None:
    email = new_email()
    client.post("/register", json={"email": email.upper(), "password": PASSWORD})
    assert sign_in(client, email).status_code == 200
    assert sign_in(client, email.title()).status_code == 200


def test_registering_an_address_again_reveals_and_changes_nothing(client: TestClient) -> None:
    email = new_email()
    first = client.post("/register", json={"email": email, "password": PASSWORD})
    again = client.post("/register", json={"email": email, "password": "quite another one, 42"})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert sign_in(client, email, "quite another one, 42").status_code == 401
    assert sign_in(client, email).status_code == 200


@pytest.mark.parametrize(
    "password", ["é" * 32 + "x" * 32 + "-yz", "ab cd " * 170, "pässwörd " + "z" * 70 + "1"]
)
def test_long_and_accented_passwords_count_to_the_last_character(
    client: TestClient, password: str
) -> None:
    email = new_email()
    made = client.post("/register", json={"email": email, "password": password})
    assert made.status_code == 201, made.text
    assert sign_in(client, email, password[:-1]).status_code == 401
    assert sign_in(client, email, password).status_code == 200


def test_an_accent_typed_in_another_way_is_the_same_accent(client: TestClient) -> None:
    email = new_email()
    client.post("/register", json={"email": email, "password": "cafe\u0301 au lait"})
    assert sign_in(client, email, "caf\u00e9 au lait").status_code == 200


def test_a_bcrypt_hash_is_accepted_and_replaced(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    person, old = new_account(), "ein altes Passwort"
    hashed = bcrypt.hashpw(old.encode(), bcrypt.gensalt(4)).decode()
    place = "from auth.accounts where id = %s"
    execute(
        server, "update auth.accounts set password_hash = %s where id = %s", hashed, person["id"]
    )
    assert sign_in(client, person["email"], "ein anderes Passwort").status_code == 401
    assert execute(server, f"select password_hash {place}", person["id"]) == [(hashed,)]
    assert sign_in(client, person["email"], old).status_code == 200
    ((fresh,),) = execute(server, f"select password_hash {place}", person["id"])
    assert fresh.startswith("$argon2id$")
    assert sign_in(client, person["email"], old).status_code == 200


def test_a_bcrypt_hash_of_a_password_that_was_cut_is_accepted_and_replaced_by_the_whole(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    person, old = new_account(), "é" * 50 + " und mehr"
    hashed = bcrypt.hashpw(old.encode()[:72], bcrypt.gensalt(4)).decode()
    execute(
        server, "update auth.accounts set password_hash = %s where id = %s", hashed, person["id"]
    )
    assert sign_in(client, person["email"], old).status_code == 200
    assert sign_in(client, person["email"], old[:-1]).status_code == 401


def test_a_hash_that_cannot_be_read_lets_nobody_in(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    execute(server, "update auth.accounts set password_hash = 'plain' where id = %s", person["id"])
    assert sign_in(client, person["email"], "plain").status_code == 401


def test_a_disabled_account_and_an_unknown_one_are_answered_alike(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    execute(server, "update auth.accounts set disabled = true where id = %s", person["id"])
    answers = [
        sign_in(client, person["email"]),
        sign_in(client, person["email"], "wrong one!"),
        sign_in(client, new_email()),
        sign_in(client, "no address\0at all"),
    ]
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert all(one == bodies[0] for one in bodies)


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_session(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    other = sign_in(client, person["email"]).json()
    first = {"refresh_token": person["refresh_token"]}
    second = client.post("/token/refresh", json=first).json()
    third = client.post("/token/refresh", json={"refresh_token": second["refresh_token"]}).json()
    assert client.get("/me", headers=bearer(third["access_token"])).status_code == 200
    reused = client.post("/token/refresh", json=first)
    assert (reused.status_code, reused.json()["error"]) == (401, "invalid_grant")
    for token in (person["access_token"], second["access_token"], third["access_token"]):
        assert client.get("/me", headers=bearer(token)).status_code == 401
    assert (
        client.post("/token/refresh", json={"refresh_token": third["refresh_token"]}).status_code
        == 401
    )
    # A session of its own is not concerned.
    assert client.get("/me", headers=bearer(other["access_token"])).status_code == 200
    written = execute(
        server, "select action from auth.audit where account_id = %s order by id", person["id"]
    )
    assert ("refresh token reused",) in written


def test_of_many_uses_at_once_one_gets_tokens_and_the_session_ends(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    body = {"refresh_token": new_account()["refresh_token"]}
    app = create_app(config)

    async def use(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/token/refresh", json=body)

    async def run() -> list[httpx.Response]:
        import asyncio

        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            answers = list(await asyncio.gather(*(use(client) for _ in range(20))))
            won = next(answer for answer in answers if answer.status_code == 200)
            headers = bearer(won.json()["access_token"])
            answers.append(await client.get("/me", headers=headers))
            return answers

    (answers,) = together(run())
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 20]


def test_only_sha256_of_refresh_tokens_is_kept(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    import hashlib

    person = new_account()
    digest = hashlib.sha256(person["refresh_token"].encode()).digest()
    found = execute(
        server, "select session_id from auth.refresh_tokens where token_sha256 = %s", digest
    )
    assert len(found) == 1
    for table in ("accounts", "sessions", "refresh_tokens", "sign_in_attempts", "audit"):
        text = execute(server, f"select coalesce(string_agg(t::text, ' '), '') from auth.{table} t")
        for secret in (person["refresh_token"], person["access_token"], PASSWORD):
            assert secret not in text[0][0], table


@pytest.mark.parametrize(
    ("table", "column"),
    [("refresh_tokens", "expires_at"), ("sessions", "expires_at")],
)
def test_a_refresh_token_ends_with_its_time_and_its_session_s(
    client: TestClient,
    server: Server,
    new_account: Callable[..., dict[str, Any]],
    table: str,
    column: str,
) -> None:
    person = new_account()
    which = "session_id" if table == "refresh_tokens" else "id"
    execute(
        server,
        f"update auth.{table} set {column} = now() - interval '1 second' where {which} in"
        " (select id from auth.sessions where account_id = %s)",
        person["id"],
    )
    body = {"refresh_token": person["refresh_token"]}
    assert client.post("/token/refresh", json=body).status_code == 401


def test_revoking_an_unknown_token_is_no_error(client: TestClient) -> None:
    assert client.post("/token/revoke", json={"refresh_token": "never given"}).status_code == 200


def test_another_process_follows_a_change_within_five_seconds(
    client: TestClient,
    config: ApiConfig,
    accounts: dict[Role, dict[str, Any]],
    new_account: Callable[..., dict[str, Any]],
) -> None:
    person, admin = new_account(), accounts[Role.ADMIN]["headers"]
    with opened(config) as other:
        assert other.get("/me", headers=person["headers"]).status_code == 200
        client.patch(f"/accounts/{person['id']}", headers=admin, json={"disabled": True})
        deadline = time.monotonic() + 5
        while other.get("/me", headers=person["headers"]).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_the_last_admin_can_neither_be_demoted_nor_disabled(
    config: ApiConfig, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    one, two = new_account(Role.ADMIN), new_account(Role.ADMIN)
    parked = execute(
        server,
        "update auth.accounts set role = 'operator' where role = 'admin' and id not in (%s, %s)"
        " returning id",
        one["id"],
        two["id"],
    )
    try:
        with opened(config) as client:
            change = {"role": "viewer"}
            place = f"/accounts/{one['id']}"
            assert client.patch(place, headers=two["headers"], json=change).status_code == 200
            for last in ({"role": "viewer"}, {"disabled": True}):
                place = f"/accounts/{two['id']}"
                refused = client.patch(place, headers=two["headers"], json=last)
                assert refused.status_code == 409
                assert refused.json()["type"].endswith("last-admin")
            assert client.get("/accounts", headers=two["headers"]).status_code == 200
    finally:
        ids = [row[0] for row in parked]
        execute(server, "update auth.accounts set role = 'admin' where id = any(%s)", ids)


def test_what_admins_do_is_written_down_without_addresses(
    client: TestClient,
    server: Server,
    accounts: dict[Role, dict[str, Any]],
    new_account: Callable[..., dict[str, Any]],
) -> None:
    person, admin = new_account(), accounts[Role.ADMIN]
    place = f"/accounts/{person['id']}"
    client.patch(place, headers=admin["headers"], json={"role": "analyst"})
    rows = execute(
        server,
        "select actor, action, detail from auth.audit where account_id = %s order by id",
        person["id"],
    )
    assert rows == [
        ("service", "registered", {"role": "viewer"}),
        (admin["id"], "changed", {"role": "analyst"}),
    ]
    assert "@" not in str(execute(server, "select * from auth.audit"))


def test_accounts_are_listed_in_pages(
    client: TestClient, accounts: dict[Role, dict[str, Any]]
) -> None:
    headers = accounts[Role.ADMIN]["headers"]
    whole = client.get("/accounts?limit=500", headers=headers).json()
    parts: list[dict[str, Any]] = []
    while len(parts) < whole["total"]:
        page = client.get(f"/accounts?limit=3&offset={len(parts)}", headers=headers).json()
        assert page["items"]
        parts += page["items"]
    assert [row["id"] for row in parts] == [row["id"] for row in whole["items"]]
    assert not any("password" in name for row in parts for name in row)


def _user(settings: Settings, *arguments: str, password: str | None = None) -> tuple[int, str]:
    typed = "" if password is None else f"{password}\n"
    done = flow(settings, "user", *arguments, typed=typed)
    return done.returncode, done.stdout + done.stderr


def test_the_command_line_makes_the_first_admin_and_keeps_accounts(
    scratch: Path, config: ApiConfig
) -> None:
    home = scratch / "users"
    home.mkdir()
    settings = new_settings(home)
    try:
        code, output = _user(settings, "create-admin", "boss@example.com", password="boss123")
        assert code == 1 and "at least 8" in output
        code, output = _user(settings, "create-admin", "boss", password=PASSWORD)
        assert code == 1 and "e-mail" in output
        code, output = _user(settings, "create-admin", "boss@example.com", password=PASSWORD)
        assert code == 0, output
        assert PASSWORD not in output
        code, output = _user(settings, "create-admin", "Boss@example.com", password=PASSWORD)
        assert code == 1 and "already" in output
        dsn = Server(embedded.start(home), None).dsn("flow_api")
        with opened(replace(config, dsn=dsn)) as client:
            tokens = sign_in(client, "boss@example.com").json()
            headers = bearer(tokens["access_token"])
            assert client.get("/me", headers=headers).json()["role"] == "admin"
            client.post("/register", json={"email": "hand@example.com", "password": PASSWORD})
            code, output = _user(settings, "set-role", "hand@example.com", "operator")
            assert code == 0, output
            hand = sign_in(client, "hand@example.com").json()
            code, _ = _user(settings, "reset-password", "hand@example.com", password="x")
            assert code == 1
            code, output = _user(
                settings, "reset-password", "hand@example.com", password="noch eins, 99"
            )
            assert code == 0, output
            assert sign_in(client, "hand@example.com").status_code == 401
            assert sign_in(client, "hand@example.com", "noch eins, 99").status_code == 200
            body = {"refresh_token": hand["refresh_token"]}
            assert client.post("/token/refresh", json=body).status_code == 401
        code, output = _user(settings, "disable", "boss@example.com")
        assert code == 1 and "last admin" in output
        code, output = _user(settings, "set-role", "hand@example.com", "king")
        assert code == 1 and "viewer, analyst, operator, admin" in output
        code, output = _user(settings, "delete", "hand@example.com")
        assert code == 0, output
        code, output = _user(settings, "list", "--json")
        assert "boss@example.com" in output and "hand@example.com" not in output
        code, output = _user(settings, "enable", "hand@example.com")
        assert code == 1 and "no account" in output
    finally:
        embedded.stop(home)
