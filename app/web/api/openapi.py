"""The OpenAPI document of the API: what the framework writes of the routes, with access, errors and limits."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.kit.json_text import dumps
from app.schemas import ApiProblemResource, FieldProblemResource
from app.settings import ApiSettings
from app.web.dependencies import BASIC, BEARER
from app.web.problem_types import BASE, ProblemType

Document = dict[str, Any]
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ApiProblemResource"}}}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x21-\x7e]+$"},
    "description": "A request that comes again with this key within a day does nothing, and is answered as the first was.",
}
_ANYWHERE = (
    ProblemType.MALFORMED_BODY,
    ProblemType.NOT_AUTHENTICATED,
    ProblemType.NOT_ALLOWED,
    ProblemType.METHOD_NOT_ALLOWED,
    ProblemType.WRONG_HOST,
    ProblemType.INVALID_REQUEST,
    ProblemType.TOO_MANY_REQUESTS,
    ProblemType.INTERNAL,
    ProblemType.UNAVAILABLE,
)
_WITH_BODY = (
    ProblemType.BODY_TOO_SLOW,
    ProblemType.CONFLICT,
    ProblemType.BODY_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
)
_VALUES = "/observations"
_WITH_CURSOR_OF_A_LOG = ("/changes", "/events")
TAGS = {
    "catalogue": "What is known before anything is collected.",
    "series": "What is stored: series, values, what was believed before.",
    "completeness": "What is missing and why, and how complete the store is.",
    "quality": "How good the stored values are, and what is wrong with them.",
    "jobs": "The jobs of the scheduler, their runs, and the windows that were asked for.",
    "backfills": "History that is brought in.",
    "workers": "Processes that share work, and what waits for them.",
    "alerts": "What fires, silences and maintenance.",
    "rules": "The rules of alerts.",
    "channels": "The channels to people, and the messages.",
    "websites": "Websites that are checked.",
    "interfaces": "Services whose HTTP interfaces are probed.",
    "reports": "Reports for people and programs.",
    "service": "How the service is, and what it is set to.",
    "events": "What happens, as it happens.",
    "access": "Keys, and the record of what was changed.",
    "about": "What the API says of itself.",
}
DESCRIPTION = """\
Everything that Gridkeeper knows and does, for programs.

Send `Authorization: Bearer KEY`, or the key as the password of HTTP Basic; `gridkeeper api keys create NAME` makes a
key. Without one, programs on the same machine may read as long as no key was ever made. Lists come in pages: `next` of a page is the
parameter `next` of the request for the one after it, and the header `Link` is its address. Errors are problem documents
(RFC 9457) whose `type` leads to a text about them. HEAD is answered wherever GET is. A parameter that a route does not
know is an error.

A version stays as it is but for what is added. What is to go is announced in the headers `Deprecation` (RFC 9745) and
`Sunset` (RFC 8594) at least half a year before.
"""


def api_document(api: FastAPI, limits: ApiSettings) -> Document:
    """The document, which is made once."""
    if api.openapi_schema is None:
        api.openapi_schema = _made(api, limits)
    return api.openapi_schema


def _made(api: FastAPI, limits: ApiSettings) -> Document:
    document = get_openapi(
        title="Gridkeeper",
        version=version("gridkeeper"),
        description=DESCRIPTION + _limits_text(limits),
        routes=api.routes,
        servers=[{"url": BASE}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (ApiProblemResource, FieldProblemResource):
        schemas[model.__name__] = _schema(model)
    document["components"]["securitySchemes"] = {
        BEARER: {"type": "http", "scheme": "bearer", "description": "A key of this service: `gk_…`."},
        BASIC: {"type": "http", "scheme": "basic", "description": "The key as the password; any user."},
    }
    for path, method, operation in operations(document):
        _finish(path, method, operation, limits)
    return document


def _limits_text(limits: ApiSettings) -> str:
    return (
        f"\nLimits of this service: {limits.page_rows} rows a page, {limits.changes_rows} changes an answer, "
        f"{limits.range_days} days of delivery and {limits.places} combinations of item and place a request, parts of "
        f"Parquet files of {limits.file_bytes} bytes, bodies of {limits.body_bytes} bytes within {limits.body_seconds:g} s, "
        f"{limits.requests_per_minute} requests a minute of one key (0: no limit). They are "
        "settings (`GRIDKEEPER_API__…`), which the error of whoever meets one names.\n"
    )


def _schema(model: type[ApiProblemResource | FieldProblemResource]) -> Document:
    made = model.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    made.pop("$defs", None)
    return made


def document_text(document: Document) -> str:
    return dumps(document, indent=2) + "\n"


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _finish(path: str, method: str, operation: Document, limits: ApiSettings) -> None:
    """Adds errors and limits to an operation."""
    kinds = [*_ANYWHERE, *(_WITH_BODY if method != "get" else ()), *((ProblemType.NOT_FOUND,) if "{" in path else ())]
    kinds += [ProblemType.GONE] if path in _WITH_CURSOR_OF_A_LOG else []
    kinds += [ProblemType.NOT_ACCEPTABLE, ProblemType.RANGE_NOT_SATISFIABLE] if path == _VALUES else []
    if not operation.get("security"):
        kinds = [kind for kind in kinds if kind not in {ProblemType.NOT_AUTHENTICATED, ProblemType.NOT_ALLOWED}]
    responses = operation["responses"]
    for status in {kind.status for kind in kinds}:
        responses[str(status.value)] = {"description": status.phrase, "content": _PROBLEM} | _headers(status)
    for response in responses.values():
        # Generators of clients take the first that they know.
        if "application/json" in (content := response.get("content", {})):
            response["content"] = {"application/json": content["application/json"]} | content
    operation["responses"] = dict(sorted(responses.items()))
    if method == "post" and not operation.get("x-shown-once"):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "limit":
            parameter["schema"]["maximum"] = limits.changes_rows if path in _WITH_CURSOR_OF_A_LOG else limits.page_rows


def _headers(status: HTTPStatus) -> Document:
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        seconds = {"description": "Seconds until to ask again.", "schema": {"type": "integer"}}
        return {"headers": {"Retry-After": seconds}}
    return {}


def routes_table(document: Document) -> str:
    """Every route with the scope that it needs and what it does, as docs/api.md has it."""
    lines = ["| route | scope | does |", "|---|---|---|"]
    lines += [
        f"| `{method.upper()} {path}` | {_scope_of(operation)} | {operation['description'].splitlines()[0]} |"
        for path, method, operation in operations(document)
    ]
    return "\n".join(lines)


def _scope_of(operation: Document) -> str:
    if not operation.get("security"):
        return "none"
    scope: str = operation["security"][0][BEARER][0]
    return f"{scope}*" if operation.get("x-limited-keys") else scope
