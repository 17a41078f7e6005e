"""The description of the service (OpenAPI): roles and errors that follow from how it is built.

An operation's own texts are in its router. The role that it needs, and the errors of limits, checks
and failures, are added here, so that no operation can lack them.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from flow_platform.api.access import ROLE_SCHEME
from flow_platform.api.problems import ProblemBody, responses

SCHEME = "account"
PUBLIC = "public"
_METHODS = ("get", "put", "post", "patch", "delete")
_REF = "#/components/schemas/{model}"
# They need neither account nor database, and are not limited.
_PLAIN = ("/health/live", "/metrics")


def install_description(app: FastAPI) -> None:
    """Let `app.openapi()` make the description once, at its first call."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI) -> dict[str, Any]:
    description = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        # Relative to the description's own address, so that it holds behind a gateway too.
        servers=[{"url": "/"}],
    )
    components = description.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemBody.model_json_schema(ref_template=_REF)
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem | {"title": "Problem"}
    schemes = components.get("securitySchemes", {})
    for found in list(schemes.values())[:1]:
        components["securitySchemes"] = {SCHEME: found}
    for path, item in description["paths"].items():
        for method in _METHODS:
            if method in item:
                _complete(path, item[method])
    return description


def _complete(path: str, operation: dict[str, Any]) -> None:
    role = _role(operation)
    is_public = role == PUBLIC
    operation["x-role"] = role
    operation["security"] = [] if is_public else [{SCHEME: []}]
    needs = (
        "Public: no account is needed." if is_public else f"Needs the role **{role}** or higher."
    )
    operation["description"] = "\n\n".join(filter(None, [operation.get("description"), needs]))
    statuses = [500]
    if path not in _PLAIN:
        statuses += [503] if path.startswith("/health") else [429, 503]
    if not is_public:
        statuses += [401] if role == "viewer" else [401, 403]
    if "requestBody" in operation:
        statuses += [400, 413, 422]
    elif "parameters" in operation:
        statuses += [422]
    own = operation["responses"]
    if "application/json" in own.get("422", {}).get("content", {}):
        del own["422"]
    for status, entry in responses(*statuses).items():
        own.setdefault(str(status), entry)
    operation["responses"] = dict(sorted(own.items()))


def _role(operation: dict[str, Any]) -> str:
    for entry in operation.get("security", []):
        for scheme in entry:
            if scheme.startswith(ROLE_SCHEME):
                return str(scheme.removeprefix(ROLE_SCHEME))
    return PUBLIC
