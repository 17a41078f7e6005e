"""What surrounds every request: its id, address, limits of size and rate, headers, log, metrics.

One plain ASGI layer, because each layer costs every request. The routes decide the answer.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Set
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flow_platform.api import context as contexts
from flow_platform.api.config import ApiConfig
from flow_platform.api.context import Context
from flow_platform.api.database import DatabaseDown
from flow_platform.api.limits import address_subject
from flow_platform.api.logs import log, log_failure
from flow_platform.api.problems import MEANINGS, Problem, problem_response

# Probes come from machines that need an answer every time, and cost little.
_UNLIMITED = frozenset({"/health/live", "/health/ready", "/health", "/metrics"})
# Only the page of the description shows anything in a browser; it sets a policy of its own.
_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE = (b"cache-control", b"no-store")
_PRIVATE_PATHS = frozenset({"/register", "/token", "/token/refresh", "/token/revoke"})
_LONGEST_LOGGED_METHOD = 16
_LONGEST_LENGTH = 18


class Envelope:
    """The layer around `app`. Errors that no route has caught become a problem, never a trace.

    Bodies sent to `large_body_paths` with an account may have `config.limits.large_body_bytes`.
    """

    def __init__(self, app: ASGIApp, config: ApiConfig, large_body_paths: Set[str]) -> None:
        self.app = app
        self.config = config
        self.large_body_paths = large_body_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()


class _Exchange:
    """One request and its response."""

    def __init__(self, envelope: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
        self.app, self.config = envelope.app, envelope.config
        self.scope, self.receive, self.send = scope, receive, send
        # The last of several headers of one name counts; the list of proxies is joined.
        self.headers: dict[bytes, bytes] = {}
        forwarded = []
        for name, value in scope["headers"]:
            self.headers[name] = value
            if name == b"x-forwarded-for":
                forwarded.append(value)
        self.context = self._context(b",".join(forwarded))
        contexts.attach(scope, self.context)
        limits = self.config.limits
        self.is_large = scope["path"] in envelope.large_body_paths
        self.body_left = limits.large_body_bytes if self.is_large else limits.body_bytes
        self.status = 0
        self.is_private = b"authorization" in self.headers or scope["path"] in _PRIVATE_PATHS

    async def run(self) -> None:
        started = time.perf_counter()
        metrics = self.scope["app"].state.metrics
        metrics.in_progress.inc()
        try:
            await self._answer()
        finally:
            metrics.in_progress.dec()
            self._record(metrics, time.perf_counter() - started)

    async def _answer(self) -> None:
        try:
            await self._admit()
            await self.app(self.scope, self._receive, self._send)
        except Problem as problem:
            await self._send_problem(
                problem.status, problem.title, problem.detail, problem.type, problem.headers
            )
        except DatabaseDown as error:
            self.context.note = str(error)
            await self._send_problem(
                503, HTTPStatus(503).phrase, MEANINGS[503], headers={"Retry-After": "5"}
            )
        except Exception as error:
            log_failure("request failed", error, request_id=self.context.request_id)
            await self._send_problem(500, HTTPStatus(500).phrase, MEANINGS[500])

    async def _admit(self) -> None:
        if self.is_large and not await self._has_account():
            # FastAPI reads a body before it checks the account.
            self.body_left = self.config.limits.body_bytes
        length = self.headers.get(b"content-length", b"")
        # A length that is not a number was refused by the server, or the body is counted as it is
        # read. Python refuses to parse a number of thousands of digits.
        if length.isdigit() and (len(length) > _LONGEST_LENGTH or int(length) > self.body_left):
            raise _too_large()
        if self.scope["path"] not in _UNLIMITED:
            limits = self.scope["app"].state.limits
            await limits.take("address", address_subject(self.context.address))

    async def _has_account(self) -> bool:
        scheme, _, token = self.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        try:
            await self.scope["app"].state.sessions.account(token.strip())
        except Problem:
            return False
        return scheme.lower() == "bearer"

    async def _receive(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.body_left -= len(message.get("body", b""))
            if self.body_left < 0:
                # Of this type: FastAPI replaces any other that is raised while it reads a body.
                raise HTTPException(413, headers={"Connection": "close"})
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], *_HEADERS]
            headers.append((b"x-request-id", self.context.request_id.encode()))
            if not any(name == b"content-security-policy" for name, _ in headers):
                headers.append((b"content-security-policy", _POLICY))
            if self.is_private:
                headers = [one for one in headers if one[0] != b"cache-control"] + [_NO_STORE]
            if self.context.is_secure:
                headers.append(_HSTS)
            message["headers"] = headers
        await self.send(message)

    async def _send_problem(self, *args: Any, **kwargs: Any) -> None:
        # Once a response has begun it cannot be replaced; the server closes the connection.
        if not self.status:
            response = problem_response(self.scope, *args, **kwargs)
            await response(self.scope, self.receive, self._send)

    def _record(self, metrics: Any, seconds: float) -> None:
        route = getattr(self.scope.get("route"), "path", None) or "unknown"
        method = self.scope["method"]
        if len(method) > _LONGEST_LOGGED_METHOD or route == "unknown":
            method = "other"
        metrics.observe(route, method, self.status, seconds)
        log(
            "request",
            request_id=self.context.request_id,
            method=method,
            route=route,
            status=self.status,
            ms=round(seconds * 1000, 2),
            account=self.context.account_id,
            note=self.context.note,
        )

    def _context(self, forwarded: bytes) -> Context:
        client = self.scope.get("client")
        peer = client[0] if client else ""
        is_secure = self.scope["scheme"] == "https"
        address = peer
        if self._is_trusted(peer):
            is_secure |= self.headers.get(b"x-forwarded-proto") == b"https"
            # From the right: each proxy appends its client; what a client invented is on the left.
            for part in reversed(forwarded.decode("latin-1").split(",")):
                if not part.strip():
                    continue
                address = part.strip()[:64]
                if not self._is_trusted(address):
                    break
        request_id = contexts.request_id(self.headers.get(b"x-request-id"))
        return Context(request_id, address, is_secure)

    def _is_trusted(self, address: str) -> bool:
        if not self.config.trusted_proxies:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.config.trusted_proxies)


def _too_large() -> Problem:
    return Problem(413, detail=MEANINGS[413], headers={"Connection": "close"})
