"""The kinds of problems that the REST API answers with; `problems.md` says of each what it means and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from app.errors import AppError
from app.schemas import FieldProblemResource

BASE = "/api/v1"
PATH = f"{BASE}/problems"


class ProblemType(StrEnum):
    """The last part of the `type` of a problem; once published it stays."""

    INVALID_REQUEST = "invalid-request"
    UNKNOWN_PARAMETER = "unknown-parameter"
    UNKNOWN_NAME = "unknown-name"
    LIMIT_EXCEEDED = "limit-exceeded"
    MALFORMED_BODY = "malformed-body"
    NOT_AUTHENTICATED = "not-authenticated"
    NOT_ALLOWED = "not-allowed"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    NOT_ACCEPTABLE = "not-acceptable"
    BODY_TOO_SLOW = "body-too-slow"
    CONFLICT = "conflict"
    GONE = "gone"
    BODY_TOO_LARGE = "body-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    RANGE_NOT_SATISFIABLE = "range-not-satisfiable"
    WRONG_HOST = "wrong-host"
    KEY_REUSED = "idempotency-key-reused"
    TOO_MANY_REQUESTS = "too-many-requests"
    INTERNAL = "internal-error"
    UNAVAILABLE = "unavailable"

    @property
    def status(self) -> HTTPStatus:
        return _STATUS[self]

    @property
    def uri(self) -> str:
        return f"{PATH}/{self.value}"


_STATUS: Mapping[ProblemType, HTTPStatus] = {
    ProblemType.INVALID_REQUEST: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemType.UNKNOWN_PARAMETER: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemType.UNKNOWN_NAME: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemType.LIMIT_EXCEEDED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemType.MALFORMED_BODY: HTTPStatus.BAD_REQUEST,
    ProblemType.NOT_AUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ProblemType.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    ProblemType.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ProblemType.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ProblemType.NOT_ACCEPTABLE: HTTPStatus.NOT_ACCEPTABLE,
    ProblemType.BODY_TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    ProblemType.CONFLICT: HTTPStatus.CONFLICT,
    ProblemType.GONE: HTTPStatus.GONE,
    ProblemType.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ProblemType.RANGE_NOT_SATISFIABLE: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    ProblemType.WRONG_HOST: HTTPStatus.MISDIRECTED_REQUEST,
    ProblemType.KEY_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemType.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    ProblemType.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ProblemType.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class ApiError(AppError):
    """A request that cannot be answered: the kind of problem, what to do, and which fields are wrong."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        errors: Sequence[FieldProblemResource] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.errors = list(errors)
        self.headers = dict(headers or {})


def wrong_field(kind: ProblemType, field: str, detail: str, *, location: str = "query") -> ApiError:
    """The error about one field of a request."""
    error = FieldProblemResource(location=location, field=field, detail=detail)
    said = detail if detail.startswith(f"{field} ") else f"{field}: {detail}"
    return ApiError(kind, said, errors=[error])


_ROUTES: Mapping[str, str] = {
    "areas": "areas",
    "items": "items",
    "jobs list": "jobs",
    "api keys list": "keys",
    "backfill status": "backfills",
    "quality findings": "quality/findings",
    "alerts list": "alerts",
    "alerts rules": "rules",
    "alerts silences": "silences",
    "alerts maintenance": "maintenance",
    "alerts notifications": "notifications",
}


def for_programs(detail: str) -> str:
    """What a message tells people to run, as the route that tells the same."""
    for command, route in _ROUTES.items():
        detail = detail.replace(f"`gridkeeper {command}`", f"GET {BASE}/{route}")
    return detail


@cache
def problem_texts() -> Mapping[str, str]:
    """The section about each kind of problem."""
    text = files("app.web").joinpath("problems.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ([\w-]+)\n", text, flags=re.MULTILINE)
    return {name: f"# {name}\n{body.rstrip()}\n" for name, body in zip(parts[1::2], parts[2::2], strict=True)}
