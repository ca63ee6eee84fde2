"""Errors of the REST API as problem documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.access.models import KeyReused, NotAllowed, NotAuthenticated, TooManyRequests
from app.errors import AppError, ConfigurationError, Conflict, DatabaseUnavailable, Gone, NotFound, SchedulerStateError
from app.logging import redact
from app.mistakes import mistake_said
from app.schemas import ApiProblemResource, FieldProblemResource, jsonable
from app.web.problem_types import ApiError, ProblemType, for_programs

CHALLENGE = 'Bearer realm="gridkeeper", Basic realm="gridkeeper", charset="UTF-8"'
_KINDS: tuple[tuple[type[AppError], ProblemType], ...] = (
    (NotAuthenticated, ProblemType.NOT_AUTHENTICATED),
    (NotAllowed, ProblemType.NOT_ALLOWED),
    (KeyReused, ProblemType.KEY_REUSED),
    (TooManyRequests, ProblemType.TOO_MANY_REQUESTS),
    (NotFound, ProblemType.NOT_FOUND),
    (Gone, ProblemType.GONE),
    (Conflict, ProblemType.CONFLICT),
    (SchedulerStateError, ProblemType.CONFLICT),
    (DatabaseUnavailable, ProblemType.UNAVAILABLE),
    # What a service says of an argument; a setting that is wrong ends the service at its start.
    (ConfigurationError, ProblemType.INVALID_REQUEST),
)
_RETRY_SECONDS = "5"
ABSENT = "there is nothing at this path; /api/docs shows every route"


def api_problem(error: ApiError, request_id: str) -> JSONResponse:
    """The answer that tells of the error."""
    status = error.kind.status
    errors = [one.model_copy(update={"field": redact(one.field), "detail": redact(one.detail)}) for one in error.errors]
    content = ApiProblemResource(
        type=error.kind.uri,
        title=status.phrase,
        status=status.value,
        detail=redact(str(error)),
        errors=errors,
        request_id=request_id,
    )
    return JSONResponse(jsonable(content), status, error.headers, media_type="application/problem+json")


def as_api_error(error: Exception) -> ApiError:
    """What an error of the program means to whoever asked."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    found = (kind for known, kind in _KINDS if isinstance(error, known))
    kind = next(found, ProblemType.INTERNAL)
    detail = for_programs(str(error)) if isinstance(error, AppError) else "this failed; the log says why"
    return ApiError(kind, detail, headers=_headers(kind, error))


def _headers(kind: ProblemType, error: Exception) -> Mapping[str, str]:
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if kind is ProblemType.NOT_AUTHENTICATED:
        return {"WWW-Authenticate": CHALLENGE}
    return {"Retry-After": _RETRY_SECONDS} if kind is ProblemType.UNAVAILABLE else {}


_FRAMEWORK = {
    HTTPStatus.BAD_REQUEST: ProblemType.MALFORMED_BODY,
    HTTPStatus.NOT_FOUND: ProblemType.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: ProblemType.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_ACCEPTABLE: ProblemType.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_TIMEOUT: ProblemType.BODY_TOO_SLOW,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ProblemType.BODY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ProblemType.UNSUPPORTED_MEDIA_TYPE,
}


def _of_framework(error: HTTPException) -> ApiError:
    # Whatever a body fails with while it is read, the framework calls an error of its parser.
    if isinstance(error.__cause__, ApiError):
        return error.__cause__
    kind = _FRAMEWORK.get(HTTPStatus(error.status_code), ProblemType.INVALID_REQUEST)
    detail = ABSENT if kind is ProblemType.NOT_FOUND else str(error.detail)
    return ApiError(kind, detail, headers=error.headers)


def _invalid(error: RequestValidationError) -> ApiError:
    found = [_field(one) for one in error.errors()]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return ApiError(ProblemType.MALFORMED_BODY, f"the body is no JSON: {found[0].detail}", errors=found)
    said = "; ".join(f"{one.field}: {one.detail}" for one in found[:10])
    return ApiError(ProblemType.INVALID_REQUEST, said, errors=found)


def _field(found: Mapping[str, Any]) -> FieldProblemResource:
    """Without the value that was sent: it may be a secret in the wrong place."""
    location, *path = (str(part) for part in found["loc"])
    message = mistake_said(found)
    if found["type"] == "json_invalid":
        message = str(found.get("ctx", {}).get("error", message))
        path = []
    if location != "body":
        path = path[:1]  # the second of several `reason` is a `reason`
    return FieldProblemResource(location=location, field=".".join(path) or location, detail=message)


def request_id_of(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def allowed_methods(request: Request) -> list[str]:
    """What the path can be asked with, over all its routes: the framework names those of the first only."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes: Sequence[APIRoute] = request.app.state.routes
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})


def install_problems(api: FastAPI) -> None:
    """Let the API answer every error as a problem document."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        found = as_api_error(error)
        if found.kind is ProblemType.METHOD_NOT_ALLOWED:
            methods = ", ".join(allowed_methods(request))
            said = f"this path has no {request.method}; it has {methods}, and HEAD wherever it has GET"
            found = ApiError(found.kind, said, headers={"Allow": methods})
        return api_problem(found, request_id_of(request))

    for kind in (AppError, RequestValidationError, HTTPException, Exception):
        api.add_exception_handler(kind, answer)
