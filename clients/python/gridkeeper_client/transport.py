"""Requests: where to, with which key, and which of them are sent again."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx

from gridkeeper_client.errors import (
    ApiProblem,
    GridkeeperError,
    InvalidArgument,
    ServiceNotReached,
    ServiceUnavailable,
    TooManyRequests,
    UnreadableAnswer,
    problem_of,
)

T = TypeVar("T")
Parameter = str | int | float | bool
Parameters = Mapping[str, Parameter | Sequence[str] | None]

BASE = "/api/v1"
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
IDEMPOTENT = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request below /api/v1; one that is `repeatable` does the same however often it arrives."""

    method: str
    path: str
    parameters: Parameters = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float = 0.0
    """Seconds that the service may take beyond the usual."""

    @property
    def repeatable(self) -> bool:
        return self.method in IDEMPOTENT or "Idempotency-Key" in self.headers


class ApiTransport:
    """Sends requests and turns what fails into errors, after it was tried again where that does no harm."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        timeout: float,
        attempts: int,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = base_url(url)
        self._timeout = timeout
        self._attempts = max(1, attempts)
        self._pause = pause
        # On this machine there is nothing to save by packing, and no proxy of the network knows its services.
        local = _is_local(httpx.URL(self.url).host)
        if key and not (key.isascii() and key.isprintable() and key.strip() == key):
            raise InvalidArgument(
                "the key holds characters that no key has; give it as `gridkeeper api keys create` showed it"
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=f"{self.url}{BASE}",
            headers=headers | ({"Accept-Encoding": "identity"} if local else {}),
            transport=transport,
            trust_env=not local,
        )

    def close(self) -> None:
        self._client.close()

    def fetch(self, request: ApiRequest, read: Callable[[httpx.Response], T]) -> T:
        """What `read` makes of the answer; it begins anew where the answer breaks off."""
        for attempt in range(1, self._attempts + 1):
            failure = self._tried(request, read)
            if not isinstance(failure, _Failure):
                return failure.value
            pause = failure.pause if failure.pause is not None else FIRST_PAUSE * 2 ** (attempt - 1)
            last = attempt == self._attempts or not (request.repeatable and failure.passes) or pause > LONGEST_PAUSE
            if last:
                raise failure.error from failure.cause
            self._pause(pause * random.uniform(1, 1.25))  # noqa: S311  spreads clients, protects nothing
        raise AssertionError

    def _tried(self, request: ApiRequest, read: Callable[[httpx.Response], T]) -> _Answer[T] | _Failure:
        try:
            response = self._client.send(self._built(request), stream=True)
            try:
                if response.is_success:
                    return _Answer(read(response))
                response.read()
            finally:
                response.close()
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            found = ServiceNotReached(f"{self.url} does not answer: {reason}; see that `gridkeeper serve` runs there")
            return _Failure(found, passes=True, cause=error)
        except httpx.DecodingError as error:
            return _Failure(UnreadableAnswer(f"the answer of {self.url} cannot be unpacked: {error}"), cause=error)
        problem = problem_of(response)
        passes = isinstance(problem, TooManyRequests | ServiceUnavailable)
        return _Failure(problem, passes=passes, pause=problem.retry_after if isinstance(problem, ApiProblem) else None)

    def _built(self, request: ApiRequest) -> httpx.Request:
        given = {name: _text(value) for name, value in request.parameters.items() if value is not None}
        return self._client.build_request(
            request.method,
            request.path,
            params=given,
            json=request.body,
            headers=dict(request.headers),
            timeout=httpx.Timeout(self._timeout + request.patience, connect=min(self._timeout, 10.0)),
        )


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Failure:
    error: GridkeeperError
    passes: bool = False
    """Whether another attempt may go well."""
    pause: float | None = None
    cause: Exception | None = None


def _text(value: Parameter | Sequence[str]) -> str | list[str]:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else list(value)


def base_url(text: str) -> str:
    """The address of a service as people write it, also that of its API; InvalidArgument that says how to write it."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidArgument(
            "the address of the service is written as http://127.0.0.1:8080 or https://gridkeeper.example.org"
        )
    if url.userinfo:
        raise InvalidArgument("the address names a user; give the key as key=…, or in GRIDKEEPER_CLIENT__KEY")
    path = url.path.rstrip("/").removesuffix(BASE).rstrip("/")
    return str(url.copy_with(path=path or "/", query=None, fragment=None)).rstrip("/")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
