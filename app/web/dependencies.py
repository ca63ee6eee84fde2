"""What routes are given: the services of the running process, whoever asks, and where a page begins."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.access.models import AccessScope, Caller, NotAuthenticated, StoredAnswer
from app.access.service import AccessService, check_scope
from app.access.users.service import UserService
from app.db.reading.context import read_twice
from app.kit.suggest import did_you_mean
from app.settings import Settings
from app.web.api_problems import as_api_error
from app.web.browser_session import credentials_of
from app.web.problem_types import ProblemType, wrong_field
from app.wiring.container import Container

BEARER, BASIC = "key", "keyAsPassword"
"""The security schemes of the document."""


# What a route declares

RouteAccess = dict[str, Any]


def _access(scope: AccessScope, *, limited: bool = False, once: bool = False) -> RouteAccess:
    return {
        "security": [{BEARER: [scope.value]}, {BASIC: [scope.value]}],
        "x-limited-keys": limited,
        "x-shown-once": once,
    }


READ = _access(AccessScope.READ)
"""A key of scope `read` that is limited to no areas and items."""
READ_LIMITED = _access(AccessScope.READ, limited=True)
"""Any key: the route leaves out what is not for its caller (`Caller.may_read`), or tells what everybody may know."""
OPERATE = _access(AccessScope.OPERATE)
ADMIN = _access(AccessScope.ADMIN)
ADMIN_ONCE = _access(AccessScope.ADMIN, once=True)
"""The answer holds a secret, so that it is kept for no Idempotency-Key."""
OPEN: RouteAccess = {"security": []}
"""Tells nothing of the data."""

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_READING = {"GET", "HEAD"}


class ApiRoute(APIRoute):
    """A route with its access, which `openapi_extra` declares; without a declaration it is for scope `admin`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["openapi_extra"] = dict(options.get("openapi_extra") or ADMIN)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()
        known = query_names(self.dependant)

        async def admitted(request: Request) -> Response:
            self._check_scope(request)
            check_query(request, known)
            return await (read_twice(partial(handle, request)) if request.method in _READING else handle(request))

        async def guarded(request: Request) -> Response:
            await self._identify(request)
            if request.method in _READING or not self._declared["security"]:
                return await admitted(request)
            key = None if self._declared.get("x-shown-once") else request.headers.get(IDEMPOTENCY_KEY)
            if request.method == "POST" and key is not None:
                return await self._once(request, idempotency_key(key), admitted)
            return await self._recorded(request, admitted)

        return guarded

    @property
    def _declared(self) -> Mapping[str, Any]:
        return self.openapi_extra or {}

    @property
    def _scope(self) -> AccessScope | None:
        security = self._declared["security"]
        return AccessScope(security[0][BEARER][0]) if security else None

    async def _identify(self, request: Request) -> None:
        """Who asks; whoever has no key cannot make changes."""
        scope, state = self._scope, request.state
        if scope is None:
            return
        service, shown = access_service(request), credentials_of(request, _container(request).settings())
        caller = await service.authenticate(shown, state.address, local=state.local)
        state.check_again = partial(service.check_again, shown, state.address, local=state.local)
        if caller.rights is None and not caller.scope.includes(scope):
            raise NotAuthenticated(
                f"a key of scope {scope} is needed: `gridkeeper api keys create NAME --scope {scope}`"
            )
        state.caller = caller

    def _check_scope(self, request: Request) -> None:
        if self._scope is not None:
            check_scope(request.state.caller, self._scope, whole=not self._declared.get("x-limited-keys"))

    async def _once(self, request: Request, key: str, handle: _Handler) -> Response:
        """The answer to the first request with this key; only that one does anything."""

        async def act() -> StoredAnswer:
            response = await self._recorded(request, handle)
            return StoredAnswer(response.status_code, response.media_type or "", bytes(response.body))

        parts = (request.method.encode(), request.url.path.encode(), request.url.query.encode(), await request.body())
        digest = hashlib.sha256(b"\0".join(parts)).digest()
        answer, before = await access_service(request).once(request.state.caller, key, digest, act)
        headers = {"Idempotency-Replayed": "true"} if before else {}
        return Response(answer.body, answer.status, headers, media_type=answer.content_type or None)

    async def _recorded(self, request: Request, handle: _Handler) -> Response:
        """The answer of a change, which is recorded before it is made, one that is refused too."""
        service, state = access_service(request), request.state
        entry = service.entry(state.caller, self.name, request.url.path, request_id=state.request_id)
        state.audit_id = number = await service.note(entry)
        try:
            response = await handle(request)
        except Exception as error:
            await service.note_answer(number, as_api_error(error).kind.status.value)
            raise
        await service.note_answer(number, response.status_code)
        return response


IDEMPOTENCY_KEY = "idempotency-key"


def idempotency_key(text: str) -> str:
    """The key under which a client may send a request again; ApiError where it cannot be one."""
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", text):
        raise wrong_field(
            ProblemType.INVALID_REQUEST,
            "Idempotency-Key",
            "take up to 200 visible characters, a UUID for one",
            location="header",
        )
    return text


def api_router(tag: str) -> APIRouter:
    """A module of routes; its routes have their access and refuse what they do not know."""
    return APIRouter(tags=[tag], route_class=ApiRoute)


# What is refused


def query_names(dependant: Dependant) -> Mapping[str, bool]:
    """The query parameters of a route, and whether each may be given several times."""
    own = {field.alias: _is_list(field.field_info.annotation) for field in dependant.query_params}
    for inner in dependant.dependencies:
        own |= query_names(inner)
    return own


def _is_list(annotation: Any) -> bool:
    return "list[" in str(annotation)


def check_query(request: Request, known: Mapping[str, bool]) -> None:
    """ApiError where a parameter is not known, is given too often, or holds what no text has."""
    if "\0" in request.url.path or any("\0" in str(value) for value in request.path_params.values()):
        raise wrong_field(ProblemType.INVALID_REQUEST, "path", "it holds a null character", location="path")
    for name, value in request.query_params.multi_items():
        if name not in known:
            said = f"there is no parameter {name[:60]!r} here"
            hint = did_you_mean(name, known, otherwise=_listed(known))
            raise wrong_field(ProblemType.UNKNOWN_PARAMETER, name[:60], said + hint)
        if not known[name] and len(request.query_params.getlist(name)) > 1:
            raise wrong_field(ProblemType.UNKNOWN_PARAMETER, name, "it can be given once only")
        if "\0" in value:
            raise wrong_field(ProblemType.INVALID_REQUEST, name, "it holds a null character")


def _listed(known: Mapping[str, bool]) -> str:
    return f"; it has {', '.join(known)}" if known else "; it has none"


# What a route asks for


# Each is a coroutine, because the framework calls what is none in a thread, which takes longer than all of them.


def _container(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


def access_service(request: Request) -> AccessService:
    return _container(request).access().service()


def user_service(request: Request) -> UserService:
    return _container(request).access().users()


async def _services(request: Request) -> Container:
    return _container(request)


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _settings(request: Request) -> Settings:
    settings: Settings = _container(request).settings()
    return settings


async def _now(request: Request) -> datetime:
    return _container(request).clock().now()


async def _audit_id(request: Request) -> int:
    number: int = request.state.audit_id
    return number


Services = Annotated[Container, Depends(_services)]
"""The services of the running process by domain: `services.collection().gaps()`."""
Asking = Annotated[Caller, Depends(_caller)]
Recorded = Annotated[int, Depends(_audit_id)]
"""The record of the change that is asked for."""
CurrentSettings = Annotated[Settings, Depends(_settings)]
Now = Annotated[datetime, Depends(_now)]
