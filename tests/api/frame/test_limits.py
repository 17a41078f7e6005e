"""How much one client may ask, and what is answered beyond it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig, Limit
from flow_platform.api.housekeeping import STATEMENTS
from flow_platform.warehouse.server import Server
from tests.api.clients import PASSWORD, new_email, sign_in
from tests.api.frame.conftest import PLENTY, opened
from tests.api.world import execute

pytestmark = pytest.mark.integration


def _refused(answer: httpx.Response, kind: str) -> None:
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"].endswith(kind)


@asynccontextmanager
async def two_processes(
    config: ApiConfig,
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of two apps on one database, as two processes of the service are."""
    one, two = create_app(config), create_app(config)
    async with (
        one.router.lifespan_context(one),
        two.router.lifespan_context(two),
        httpx.AsyncClient(transport=httpx.ASGITransport(one), base_url="http://a") as first,
        httpx.AsyncClient(transport=httpx.ASGITransport(two), base_url="http://b") as second,
    ):
        yield first, second


@pytest.mark.parametrize("allowance", [7, 100, 1000])
def test_two_processes_together_never_grant_more_than_the_allowance(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]], allowance: int
) -> None:
    headers = new_account()["headers"]
    # A window of a day, whose end no run of the test meets but by a rare chance.
    limits = replace(PLENTY, account=Limit(allowance, 86_400))
    limited = replace(config, limits=limits)

    async def run() -> list[int]:
        async with two_processes(limited) as (one, two):
            statuses: list[int] = []
            for start in range(0, allowance + 200, 100):
                requests = [
                    (one if n % 3 else two).get("/me", headers=headers)
                    for n in range(start, start + 100)
                ]
                statuses += [answer.status_code for answer in await asyncio.gather(*requests)]
            return statuses

    found = Counter(asyncio.run(run()))
    assert set(found) == {200, 429}
    # Both went on asking, so nothing reserved was left over.
    assert found[200] == allowance


def test_an_address_is_limited_over_all_its_accounts(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    people = [new_account(), new_account()]
    proxy = (ip_network("192.0.2.1/32"),)
    limits = replace(PLENTY, address=Limit(6, 86_400))
    app = create_app(replace(config, limits=limits, trusted_proxies=proxy))
    with TestClient(app, client=("192.0.2.1", 1)) as client:
        here, there = {"X-Forwarded-For": new_address()}, {"X-Forwarded-For": new_address()}
        for n in range(6):
            who = people[n % 2]["headers"]
            assert client.get("/me", headers=who | here).status_code == 200
        _refused(client.get("/me", headers=people[0]["headers"] | here), "rate-limited")
        assert client.get("/me", headers=people[0]["headers"] | there).status_code == 200
        assert client.get("/health/live", headers=here).status_code == 200


def new_address() -> str:
    import secrets

    return f"2001:db8:{secrets.randbelow(65536):x}:{secrets.randbelow(65536):x}::1"


def test_an_address_is_believed_only_from_a_trusted_proxy(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    headers = new_account()["headers"]
    limits = replace(PLENTY, address=Limit(3, 86_400))
    with TestClient(
        create_app(replace(config, limits=limits)), client=(new_address(), 1)
    ) as client:
        statuses = [
            client.get("/me", headers=headers | {"X-Forwarded-For": new_address()}).status_code
            for _ in range(5)
        ]
    assert statuses == [200, 200, 200, 429, 429]


def test_what_a_client_puts_left_of_the_proxy_s_word_is_not_believed(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    headers, mine = new_account()["headers"], new_address()
    proxies = (ip_network("192.0.2.0/24"),)
    limits = replace(PLENTY, address=Limit(2, 86_400))
    app = create_app(replace(config, limits=limits, trusted_proxies=proxies))
    with TestClient(app, client=("192.0.2.1", 1)) as client:
        statuses = [
            client.get(
                "/me",
                headers=headers | {"X-Forwarded-For": f"{new_address()}, {mine}, 192.0.2.7"},
            ).status_code
            for _ in range(4)
        ]
    assert statuses == [200, 200, 429, 429]


def test_a_window_ends(config: ApiConfig, new_account: Callable[..., dict[str, Any]]) -> None:
    headers = new_account()["headers"]
    with opened(config, limits=replace(PLENTY, account=Limit(2, 2))) as client:
        answers = [client.get("/me", headers=headers) for _ in range(6)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        time.sleep(int(refused.headers["retry-after"]))
        assert client.get("/me", headers=headers).status_code == 200


def test_five_failures_lock_a_name_for_its_right_password_too(
    client: TestClient, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    for _ in range(5):
        assert sign_in(client, person["email"], "wrong one").status_code == 401
    locked = sign_in(client, person["email"])
    _refused(locked, "locked")
    assert 0 < int(locked.headers["retry-after"]) <= 900
    _refused(sign_in(client, person["email"].upper()), "locked")
    # Who is signed in already stays so.
    assert client.get("/me", headers=person["headers"]).status_code == 200


def test_an_unknown_name_locks_as_a_known_one_does(client: TestClient) -> None:
    nobody = new_email()
    assert [sign_in(client, nobody, "wrong").status_code for _ in range(6)] == [401] * 5 + [429]


def test_a_success_forgets_the_failures_before_it(
    client: TestClient, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    for _ in range(3):
        assert [sign_in(client, person["email"], "wrong one").status_code for _ in range(4)] == [
            401
        ] * 4
        assert sign_in(client, person["email"]).status_code == 200


def test_a_lock_ends_after_fifteen_minutes(
    client: TestClient, server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    assert [sign_in(client, person["email"], "wrong").status_code for _ in range(6)][-1] == 429
    execute(
        server,
        "update auth.sign_in_attempts set failed_at ="
        " array(select t - interval '901 seconds' from unnest(failed_at) as t)",
    )
    assert sign_in(client, person["email"]).status_code == 200


def test_guesses_at_the_same_time_are_no_more_than_five(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()

    async def run() -> list[int]:
        async with two_processes(config) as (one, two):
            form = {"username": person["email"], "password": "guessed"}
            requests = [(one if n % 2 else two).post("/token", data=form) for n in range(24)]
            return [answer.status_code for answer in await asyncio.gather(*requests)]

    assert Counter(asyncio.run(run())) == {401: 5, 429: 19}


def test_many_right_sign_ins_at_once_all_succeed(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    person = new_account()
    app = create_app(config)

    async def run() -> set[int]:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client,
        ):
            form = {"username": person["email"], "password": PASSWORD}
            requests = [client.post("/token", data=form) for _ in range(12)]
            return {answer.status_code for answer in await asyncio.gather(*requests)}

    assert asyncio.run(run()) == {200}


def test_signing_in_and_registering_have_limits_of_their_own(config: ApiConfig) -> None:
    limits = replace(
        PLENTY,
        sign_in_address=Limit(3, 86_400),
        register_address=Limit(2, 86_400),
        refresh_address=Limit(2, 86_400),
    )
    app = create_app(replace(config, limits=limits))
    with TestClient(app, client=(new_address(), 1)) as client:
        assert [sign_in(client, new_email()).status_code for _ in range(4)] == [401] * 3 + [429]
        body = {"email": new_email(), "password": PASSWORD}
        assert [client.post("/register", json=body).status_code for _ in range(3)] == [
            201,
            201,
            429,
        ]
        body = {"refresh_token": "unknown"}
        assert [client.post("/token/refresh", json=body).status_code for _ in range(3)] == [
            401,
            401,
            429,
        ]


def test_one_name_cannot_be_tried_from_many_addresses(config: ApiConfig) -> None:
    limits = replace(PLENTY, sign_in_name=Limit(2, 86_400))
    proxies = (ip_network("192.0.2.1/32"),)
    app = create_app(replace(config, limits=limits, trusted_proxies=proxies))
    name = new_email()
    with TestClient(app, client=("192.0.2.1", 1)) as client:
        statuses = [
            client.post(
                "/token",
                data={"username": name, "password": "guessed"},
                headers={"X-Forwarded-For": new_address()},
            ).status_code
            for _ in range(3)
        ]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused_however_it_is_sent(client: TestClient, chunked: bool) -> None:
    size = 1024 * 1024 + 1
    text = b'{"email": "' + b"x" * size + b'"}'

    def pieces() -> Any:
        for start in range(0, len(text), 65536):
            yield text[start : start + 65536]

    answer = client.post(
        "/register",
        content=pieces() if chunked else text,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize("length", ["1048577", "9" * 18, "9" * 19, "9" * 5000])
def test_a_body_of_a_large_content_length_is_refused_unread(
    client: TestClient, length: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": length}
    assert client.post("/register", content=b"{}", headers=headers).status_code == 413


def test_a_large_form_in_pieces_is_refused(client: TestClient) -> None:
    def pieces() -> Any:
        for _ in range(20):
            yield b"username=" + b"x" * 65536 + b"&"

    answer = client.post(
        "/token",
        content=pieces(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413


def test_only_the_batch_may_be_larger_and_only_for_accounts(
    config: ApiConfig, new_account: Callable[..., dict[str, Any]]
) -> None:
    app = create_app(config)
    text = b"[" + b"1," * 700_000 + b"1]"
    nobody = {"Content-Type": "application/json"}
    headers = new_account()["headers"] | nobody
    with TestClient(app) as client:
        assert client.post("/predict", content=text, headers=headers).status_code == 413
        assert client.post("/predict/batch", content=text, headers=nobody).status_code == 413
        # Read whole, and refused for its content.
        assert client.post("/predict/batch", content=text, headers=headers).status_code == 422
        assert client.post("/predict/batch", content=text * 4, headers=headers).status_code == 413


def test_what_has_run_out_is_removed_and_nothing_else(
    server: Server, new_account: Callable[..., dict[str, Any]]
) -> None:
    import psycopg

    person = new_account()
    execute(
        server,
        "insert into auth.rate_windows values"
        " ('account', 'old', now() - interval '2 m', now() - interval '1 m', 1, 1),"
        " ('account', 'new', now(), now() + interval '1 m', 1, 1)",
    )
    execute(
        server,
        "insert into auth.idempotency_keys (account_id, key, request_sha256, created_at) values"
        " (%s, 'old', sha256('a'), now() - interval '8 days'), (%s, 'new', sha256('a'), now())",
        person["id"],
        person["id"],
    )
    execute(
        server,
        "insert into auth.audit (at, action) values (now() - interval '366 days', 'ancient'),"
        " (now() - interval '300 days', 'past')",
    )
    execute(
        server,
        "insert into auth.sessions (id, account_id, expires_at)"
        " values (gen_random_uuid(), %s, now() - interval '1 s')",
        person["id"],
    )
    with psycopg.connect(server.dsn("flow_api"), autocommit=True) as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
    subjects = {row[0] for row in execute(server, "select subject from auth.rate_windows")}
    assert "new" in subjects and "old" not in subjects
    assert execute(
        server, "select key from auth.idempotency_keys where account_id = %s", person["id"]
    ) == [("new",)]
    actions = {row[0] for row in execute(server, "select action from auth.audit")}
    assert "past" in actions and "ancient" not in actions
    assert execute(
        server, "select count(*) from auth.sessions where account_id = %s", person["id"]
    ) == [(1,)]
    assert execute(server, "select count(*) from auth.sessions where expires_at < now()") == [(0,)]
