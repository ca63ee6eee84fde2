"""A route that answers with a page: who may read it is what the REST API says, and an error is a page as well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.access.models import AccessScope, Caller, Credentials, NotAllowed, NotAuthenticated
from app.access.service import check_scope
from app.db.reading.context import read_twice
from app.errors import AppError
from app.kit.language import gettext, gettext_noop
from app.web.api.boundary import known_host, own_hosts, wrong_host
from app.web.api_problems import as_api_error
from app.web.browser_session import credentials_of, has_own_token, is_from_here
from app.web.dependencies import BEARER, access_service, check_query, query_names
from app.web.pages.forms import changed
from app.web.pages.languages import PARAMETER, check_language
from app.web.pages.rendering import render
from app.web.pages.wording import absent, in_words, mistakes
from app.web.problem_types import ApiError, ProblemType

LARGEST_FORM = 10_000
RETRY_SECONDS = 5
"""After so many a page that found no database looks again, with scripts or without."""
# A challenge for Basic would open the browser's own dialog before a page could say anything.
_QUIET_CHALLENGE = 'Bearer realm="gridkeeper"'


class ForeignForm(ApiError):
    """A form that no page of ours sent, or that is too old; `fields` are those of one that a page of ours sent."""

    fields: Mapping[str, str] | None = None


class PageRoute(APIRoute):
    """Asks who is there before the page is made; without a declaration of its access nobody is let in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = {**query_names(self.dependant), PARAMETER: False}
        security = (self.openapi_extra or {})["security"]
        whole = not (self.openapi_extra or {}).get("x-limited-keys")

        async def page(request: Request) -> Response:
            if not security:
                return await handle(request)
            if request.method != "POST":
                await identify(request)
                return await admitted(request)
            await read_own_form(request)
            await identify(request)
            return await changed(request, self.name, admitted)

        async def admitted(request: Request) -> Response:
            _check_scope(request.state.caller, AccessScope(security[0][BEARER][0]), whole=whole)
            check_query(request, known)
            check_language(request)
            return await (handle(request) if request.method == "POST" else read_twice(partial(handle, request)))

        return page


def _check_scope(caller: Caller, scope: AccessScope, *, whole: bool) -> None:
    """As for a request of the API; whoever has not signed in is told of users as well, whom pages know."""
    if caller.rights is None and not caller.scope.includes(scope):
        raise NotAllowed(
            f"Sign in as a user, or with a key, of scope {scope}. Who runs this service adds one: `gridkeeper users add "
            f"NAME --scope {scope}` or `gridkeeper api keys create NAME --scope {scope}`"
        )
    check_scope(caller, scope, whole=whole)


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute)


async def identify(request: Request) -> None:
    """Who asks, by the rules of the REST API; a name that is not ours may have led here by DNS rebinding."""
    check_host(request)
    state, settings = request.state, request.app.state.container.settings()
    shown = credentials_of(request, settings, form=request.method == "POST")
    try:
        state.caller = await access_service(request).authenticate(shown, state.address, local=state.local)
    except NotAuthenticated as error:
        raise _of_page(error, shown) from error


def _of_page(error: NotAuthenticated, shown: Credentials) -> NotAuthenticated:
    """What a page says to whom it may not be shown; only programs send a header Authorization."""
    if shown.authorization is not None:
        return error
    if shown.user:
        return NotAuthenticated(
            gettext(
                "%(name)s is no user here; who runs this service adds one: gridkeeper users add NAME --by-proxy",
                name=repr(shown.user[:60]),
            )
        )
    if shown.session:
        return NotAuthenticated(gettext("your sign-in has ended; sign in again"))
    return NotAuthenticated(gettext("sign in to read this page"))


def viewer_check(request: Request) -> Callable[[], Awaitable[None]]:
    """What raises NotAuthenticated when whoever asked, and waits for more, may not read any more."""
    state, settings = request.state, request.app.state.container.settings()
    shown = credentials_of(request, settings)

    async def check() -> None:
        try:
            await access_service(request).check_again(shown, state.address, local=state.local)
        except NotAuthenticated as error:
            raise _of_page(error, shown) from error

    return check


async def read_own_form(request: Request) -> None:
    """Keep the fields of a form as `request.state.form`; ApiError where it is none of ours."""
    check_host(request)
    settings, body = request.app.state.container.settings(), b""
    try:
        async with asyncio.timeout(settings.api.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_FORM:
                    raise ApiError(ProblemType.BODY_TOO_LARGE, _too_large())
    except TimeoutError:
        raise ApiError(ProblemType.BODY_TOO_SLOW, gettext("the form did not arrive in time; send it again")) from None
    fields = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    from_here = is_from_here(request)
    if not (from_here and has_own_token(request, settings, fields.get("form", ""))):
        raise _foreign_form(fields if from_here else None)
    if any("\0" in value for value in fields.values()):
        raise ApiError(ProblemType.INVALID_REQUEST, gettext("a field of the form holds a null character; remove it"))
    request.state.form = fields


def _foreign_form(fields: Mapping[str, str] | None) -> ForeignForm:
    error = ForeignForm(
        ProblemType.NOT_ALLOWED,
        gettext(
            "Nothing was done: the browser did not send the cookie with this form that belongs to it, or sent it from another "
            "address. That happens when the page was open while the service began anew or somebody signed out, when cookies "
            "are blocked, or when another site sent the form. Open the page anew, and send it again."
        ),
    )
    error.fields = fields
    return error


def _too_large() -> str:
    return gettext("the form is larger than %(bytes)s bytes", bytes=LARGEST_FORM)


def path_of(request: Request) -> str:
    """What was asked for, as it is named below the prefix of a proxy."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return f"{path}?{request.url.query}" if request.url.query else path


def check_host(request: Request) -> None:
    if not known_host(request.headers.get("host", ""), own_hosts(request.app.state.container.settings())):
        raise wrong_host()


def install_error_pages(pages: FastAPI) -> None:
    """Let every error be a page that says what to do."""

    async def answer(request: Request, error: Exception) -> Response:
        found = _as_page_error(error)
        if found.kind is ProblemType.INTERNAL:
            structlog.get_logger().error("page_failed", path=request.url.path, exc_info=error)
        return error_page(request, found)

    for kind in (AppError, RequestValidationError, HTTPException, Exception):
        pages.add_exception_handler(kind, answer)


def _as_page_error(error: Exception) -> ApiError:
    """What went wrong, in words for people."""
    if isinstance(error, RequestValidationError):
        found = error.errors()
        if nothing := absent(found):
            return ApiError(ProblemType.NOT_FOUND, nothing)
        return ApiError(ProblemType.INVALID_REQUEST, mistakes(found))
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
        return ApiError(ProblemType.NOT_FOUND, gettext("No page has this address."))
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        said = gettext(
            "Nothing was done: this address takes what a form of a page sends. Open the page, and use its form."
        )
        return ApiError(ProblemType.METHOD_NOT_ALLOWED, said, headers=error.headers)
    return as_api_error(error)


def error_page(request: Request, error: ApiError) -> Response:
    status = error.kind.status
    if error.kind is ProblemType.NOT_AUTHENTICATED:
        response = render(
            request,
            "welcome.html",
            status,
            detail=in_words(error),
            following=path_of(request) if request.method == "GET" else "",
        )
        response.headers["WWW-Authenticate"] = _QUIET_CHALLENGE
        return response
    gone = error.kind is ProblemType.UNAVAILABLE
    response = render(
        request,
        "error.html",
        status,
        title=_title(request, error),
        detail=in_words(error),
        gone=gone,
        other_key=status is HTTPStatus.FORBIDDEN and not isinstance(error, ForeignForm),
        back=_page_above(request) if status is HTTPStatus.METHOD_NOT_ALLOWED else "",
    )
    response.headers.update(error.headers or {})
    if gone:
        response.headers["Refresh"] = str(RETRY_SECONDS)
    return response


def _page_above(request: Request) -> str:
    """The nearest page to which an address without one belongs, "" where that is the overview."""
    path = path_of(request).partition("?")[0]
    routes: Sequence[APIRoute] = request.app.state.routes
    while path := path.rpartition("/")[0]:
        if any(route.path_regex.match(path) and "GET" in (route.methods or ()) for route in routes):
            return path.removeprefix("/")
    return ""


def _title(request: Request, error: ApiError) -> str:
    status, caller = error.kind.status, getattr(request.state, "caller", None)
    if isinstance(error, ForeignForm):
        return gettext("This form was not accepted")
    if status is HTTPStatus.FORBIDDEN and caller is not None and caller.rights is None:
        return gettext("Sign in for that")
    return gettext(_TITLES.get(status, status.phrase))


_TITLES = {
    HTTPStatus.SERVICE_UNAVAILABLE: gettext_noop("The database does not answer"),
    HTTPStatus.NOT_FOUND: gettext_noop("There is nothing here"),
    HTTPStatus.FORBIDDEN: gettext_noop("You may not do that"),
    HTTPStatus.METHOD_NOT_ALLOWED: gettext_noop("This is no page of its own"),
    HTTPStatus.CONFLICT: gettext_noop("This cannot be done now"),
    HTTPStatus.UNPROCESSABLE_ENTITY: gettext_noop("Something in the request is wrong"),
    HTTPStatus.INTERNAL_SERVER_ERROR: gettext_noop("This page failed"),
    HTTPStatus.TOO_MANY_REQUESTS: gettext_noop("Too many requests"),
}
