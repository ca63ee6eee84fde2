"""Errors as a program meets them; those of the service are made from its problem documents (RFC 9457).

GridkeeperError
├── ServiceNotReached        nothing answers there, or the connection broke
├── UnreadableAnswer         what answers there is no Gridkeeper, or something between cut its answer
├── MissingPackage           a library that the call needs is not installed
├── InvalidArgument          an argument that no service has to see: also a ValueError
└── ApiProblem               the service says no: `kind`, `detail` with the remedy, `errors` by field
    ├── InvalidRequest       a parameter is wrong
    │   ├── UnknownName      there is no such area or item; `detail` names the nearest
    │   └── LimitExceeded    more than one request may ask for
    ├── NotAuthenticated     a key is needed, or this one is not valid
    ├── NotAllowed           the key is for other things
    ├── NotFound
    ├── RequestConflict      it contradicts the present state
    ├── CursorExpired        changes that old are not kept any more: read the values anew
    ├── TooManyRequests      also after waiting as long as the service asked for
    ├── ServiceUnavailable   it does not work at present, its database for one
    └── ServiceFailed        a defect; the service's log says more under `request_id`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


class GridkeeperError(Exception):
    """Whatever this client raises; the message says what to do."""


class ServiceNotReached(GridkeeperError):
    """Nothing answers at the address, or the connection broke."""


class UnreadableAnswer(GridkeeperError):
    """The answer is none of a Gridkeeper."""


class MissingPackage(GridkeeperError, ImportError):
    """A library that the call needs is not installed."""


class InvalidArgument(GridkeeperError, ValueError):
    """What a method was given cannot be asked for."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one part of a request: where it stands, its name, and why."""

    location: str
    field: str
    detail: str


class ApiProblem(GridkeeperError):
    """What a problem document of the service says."""

    def __init__(self, document: Mapping[str, Any], status: int, retry_after: float | None = None) -> None:
        self.type = str(document.get("type", "about:blank"))
        self.title = str(document.get("title", ""))
        self.status = status
        self.detail = str(document.get("detail", "")) or self.title
        self.errors = tuple(
            FieldProblem(*(str(one.get(name, "")) for name in ("location", "field", "detail")))
            for one in document.get("errors", [])
        )
        self.request_id = str(document.get("request_id", ""))
        self.retry_after = retry_after
        """Seconds after which the service wants to be asked again, where it says so."""
        super().__init__(self.detail)

    @property
    def kind(self) -> str:
        """The last part of `type`, which stays: `unknown-name`, `limit-exceeded` …."""
        return self.type.rpartition("/")[2]


class InvalidRequest(ApiProblem):
    """A parameter or a body is wrong."""


class UnknownName(InvalidRequest):
    """There is no such area or item."""


class LimitExceeded(InvalidRequest):
    """More than one request may ask for."""


class NotAuthenticated(ApiProblem):
    """A key is needed, or the given one is not valid."""


class NotAllowed(ApiProblem):
    """The key is for other things."""


class NotFound(ApiProblem):
    """The named thing does not exist."""


class RequestConflict(ApiProblem):
    """The request contradicts the present state."""


class CursorExpired(ApiProblem):
    """Changes behind this cursor are not kept any more: read the values anew."""


class TooManyRequests(ApiProblem):
    """More requests than one key may make."""


class ServiceUnavailable(ApiProblem):
    """The service does not work at present."""


class ServiceFailed(ApiProblem):
    """A defect of the service."""


_BY_KIND: Mapping[str, type[ApiProblem]] = {"unknown-name": UnknownName, "limit-exceeded": LimitExceeded}
_BY_STATUS: Mapping[int, type[ApiProblem]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: RequestConflict,
    410: CursorExpired,
    429: TooManyRequests,
    503: ServiceUnavailable,
}
_UNAVAILABLE = {502, 504}
"""What proxies say where the service does not answer them."""


def problem_of(response: httpx.Response) -> ApiProblem | UnreadableAnswer:
    """The error that an answer tells of; its body has been read."""
    document, status = _document(response), response.status_code
    if document is None and status not in {*_BY_STATUS, *_UNAVAILABLE}:
        return UnreadableAnswer(
            f"{response.request.url.copy_with(query=None)} answers {status} and no problem document: is it a Gridkeeper?"
        )
    said = document or {"title": response.reason_phrase, "detail": f"{status} {response.reason_phrase}"}
    return _class_of(said, status)(said, status, retry_after(response))


def _document(response: httpx.Response) -> Mapping[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        found = json.loads(response.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "type" in found else None


def _class_of(document: Mapping[str, Any], status: int) -> type[ApiProblem]:
    if found := _BY_KIND.get(str(document.get("type", "")).rpartition("/")[2]):
        return found
    if status in _UNAVAILABLE:
        return ServiceUnavailable
    return _BY_STATUS.get(status, ServiceFailed if status >= 500 else InvalidRequest)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of Retry-After, which may be a date."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
