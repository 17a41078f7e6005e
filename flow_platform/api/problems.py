"""Every error the service answers with, as application/problem+json (RFC 9457).

A problem describes what is wrong and what to do. It never repeats a value that was sent, and never
shows a trace: the request id finds the request in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from flow_platform.api.context import context_of
from flow_platform.api.database import DatabaseDown, UnusableValue

MEDIA_TYPE = "application/problem+json"
_TYPES = "urn:flow-platform:problem:"
# Longer than it takes PostgreSQL to start over, short enough for a client that waits.
_RETRY_SECONDS = 5
_LOCATION_PARTS = 6


class Problem(Exception):
    """An answer other than success. Raised anywhere in a request, it becomes the response.

    >>> raise Problem(404, detail="There is no run of this id.")

    `type` is a short name such as "rate-limited", where the status alone is not enough. `headers`
    are added to the response, `more` to its body.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(title or detail or str(status))
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.type = _TYPES + type if type else "about:blank"
        self.headers = dict(headers or {})
        self.more = dict(more or {})


class InvalidField(BaseModel):
    """One field that cannot be used, and the reason."""

    field: str = Field(examples=["body.password"])
    reason: str = Field(examples=["String should have at least 8 characters"])


class ProblemBody(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = Field(examples=["about:blank"], description="The kind of problem, as a URI.")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(None, examples=["There is nothing at this address."])
    instance: str = Field(examples=["/me"], description="The path of the request.")
    request_id: str = Field(
        examples=["7c0f6c1e9a5b4a6e8c3d2b1a09f8e7d6"],
        description="Finds the request in the service's log.",
    )
    errors: list[InvalidField] | None = Field(None, description="For 422: the fields and reasons.")


# The text of each status, in the description and in answers without a detail of their own.
MEANINGS: dict[int, str] = {
    400: "The request cannot be read.",
    401: "No valid access token was sent. Get one at `POST /token`.",
    403: "The account's role does not suffice.",
    404: "There is nothing at this address or of this name.",
    409: "The request conflicts with the current state.",
    413: "The body is too large.",
    415: "This operation does not accept bodies of this media type.",
    422: "A field is missing or cannot be used; `errors` names each.",
    429: "Too many requests. Wait for the number of seconds in `Retry-After`.",
    500: "The service has failed. The request id finds the request in its log.",
    503: "The service cannot answer now. Wait for the number of seconds in `Retry-After`.",
}
_RETRY_HEADER = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {
        "WWW-Authenticate": {
            "description": "Bearer, with the reason (RFC 6750).",
            "schema": {"type": "string"},
        }
    },
    429: _RETRY_HEADER,
    503: _RETRY_HEADER,
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The entries of `responses=` for these statuses.

    An operation names only statuses of its own (404, 409): `openapi.py` adds 401, 403, 413, 422,
    429, 500 and 503 wherever they can occur.

    >>> @router.get("/runs/{run_id}", responses=responses(404))
    """
    return {status: _schema_example(status) for status in statuses}


def _schema_example(status: int) -> dict[str, Any]:
    """How the description shows the problem of a status."""
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": MEANINGS[status],
        "instance": "/path",
        "request_id": "7c0f6c1e9a5b4a6e8c3d2b1a09f8e7d6",
    }
    if status == 422:
        example["errors"] = [{"field": "body.field", "reason": "Field required"}]
    entry: dict[str, Any] = {
        "description": MEANINGS[status],
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }
    if status in _HEADERS:
        entry["headers"] = _HEADERS[status]
    return entry


def problem_response(
    scope: Mapping[str, Any],
    status: int,
    title: str,
    detail: str | None = None,
    type: str = "about:blank",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """The response of a problem, for code outside of routes, where raising has no effect."""
    raw: bytes = scope.get("raw_path") or b"/"
    body = {"type": type, "title": title, "status": status}
    if detail:
        body["detail"] = detail
    body |= {
        "instance": raw.split(b"?")[0].decode("ascii", "replace")[:200],
        "request_id": context_of(scope).request_id,
    } | dict(more or {})
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Make a problem of every error that is raised in a route of `app`."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DatabaseDown, _database_down)
    app.add_exception_handler(UnusableValue, _unusable)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(
        request.scope,
        error.status,
        error.title,
        error.detail,
        error.type,
        error.headers,
        error.more,
    )


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    return problem_response(
        request.scope,
        status,
        HTTPStatus(status).phrase,
        MEANINGS.get(status),
        headers=error.headers,
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [_invalid_field(problem) for problem in error.errors()[:50]]
    return problem_response(
        request.scope,
        422,
        HTTPStatus(422).phrase,
        MEANINGS[422],
        _TYPES + "invalid",
        more={"errors": found},
    )


async def _database_down(request: Request, error: Exception) -> Response:
    context_of(request.scope).note = str(error)
    return problem_response(
        request.scope,
        503,
        HTTPStatus(503).phrase,
        "The database does not answer. Try again in some seconds.",
        _TYPES + "database-down",
        {"Retry-After": str(_RETRY_SECONDS)},
    )


async def _unusable(request: Request, error: Exception) -> Response:
    return problem_response(request.scope, 422, HTTPStatus(422).phrase, str(error))


def _invalid_field(problem: Mapping[str, Any]) -> dict[str, str]:
    """The field and the reason, without any value that the client sent: it may be a secret."""
    kind, location = problem["type"], list(problem["loc"])
    if kind == "json_invalid":
        return {"field": "body", "reason": f"Not JSON, from character {location[-1]} on"}
    if kind == "extra_forbidden":
        return {"field": _path(location[:-1]), "reason": "It has an unknown field"}
    reason = str(problem["msg"])
    if kind.startswith("union_tag"):
        reason = "The kind is missing or not one of those described"
    elif kind == "value_error" and reason.startswith("value is not a valid email"):
        reason = "Not a valid e-mail address"
    elif kind.endswith("_parsing"):
        # After the comma pydantic repeats the value.
        reason = reason.split(",")[0]
    return {"field": _path(location), "reason": reason.removeprefix("Value error, ")}


def _path(location: list[Any]) -> str:
    return ".".join(str(part) for part in location[:_LOCATION_PARTS])
