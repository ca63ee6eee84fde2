"""Signing in as a user or with an API key, out, and the account of who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access.models import Caller, Credentials, NotAllowed, NotAuthenticated, TooManyRequests
from app.access.users.models import own_path
from app.access.users.service import caller_of
from app.errors import ConfigurationError
from app.kit.language import gettext, gettext_noop
from app.web.browser_session import keep_session, session_id
from app.web.dependencies import OPEN, READ_LIMITED, Asking, CurrentSettings, access_service, user_service
from app.web.pages.rendering import render
from app.web.pages.routing import ForeignForm, check_host, identify, page_router, read_own_form
from app.web.pages.wording import for_people

router = page_router()

_TOO_LATE = gettext_noop("Nobody was signed in: this page was older than the cookie of the browser. Send it once more.")
_NO_KEY = gettext_noop("this key is not known, or not usable any more")


@router.get("/sign-in", openapi_extra=OPEN)
async def sign_in_page(
    request: Request, following: Annotated[str, Query(alias="next", max_length=2000)] = ""
) -> Response:
    check_host(request)
    return _welcome(request, "", following)


@router.post("/sign-in", openapi_extra=OPEN)
async def sign_in(request: Request, settings: CurrentSettings) -> Response:
    """Begin a session of the browser, with a new id whatever it had before."""
    try:
        await read_own_form(request)
    except ForeignForm as error:
        return await _sent_too_late(request, error)
    fields, users = request.state.form, user_service(request)
    try:
        caller = await _who(request)
    except NotAuthenticated as error:
        return _welcome(request, for_people(str(error)), fields.get("next", ""), HTTPStatus.UNAUTHORIZED)
    except TooManyRequests as error:
        answer = _welcome(request, for_people(str(error)), fields.get("next", ""), HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["Retry-After"] = str(max(1, round(error.retry_after)))
        return answer
    session = await users.begin(caller, request.headers.get("user-agent", ""), session_id(request, settings))
    response = _on(caller, fields)
    keep_session(response, request, settings, session)
    return response


async def _sent_too_late(request: Request, error: ForeignForm) -> Response:
    """What a form of ours leads to whose token is no longer that of the browser: sent twice, or from one of two windows."""
    if error.fields is None:
        raise error
    try:
        await identify(request)
    except NotAuthenticated:
        pass
    else:
        if (caller := request.state.caller).rights is not None:
            return _on(caller, error.fields)
    return _welcome(request, gettext(_TOO_LATE), error.fields.get("next", ""), HTTPStatus.FORBIDDEN)


def _on(caller: Caller, fields: Mapping[str, str]) -> RedirectResponse:
    """The way to the page that was asked for; the overview tells of all, and is not for whoever may see a part."""
    return _go(f"./{own_path(fields.get('next', ''))[1:] or ('data' if caller.limited else '')}")


async def _who(request: Request) -> Caller:
    fields, address = request.state.form, request.state.address
    if not (key := fields.get("key", "").strip()):
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        return caller_of(await user_service(request).sign_in(name, password, address), address)
    try:
        return await access_service(request).authenticate(Credentials(f"Bearer {key}"), address, local=False)
    except NotAuthenticated:
        raise NotAuthenticated(gettext(_NO_KEY)) from None


def _welcome(request: Request, detail: str, following: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return render(request, "welcome.html", status, detail=detail, following=own_path(following))


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


@router.post("/sign-out", openapi_extra=OPEN)
async def sign_out(request: Request, settings: CurrentSettings) -> Response:
    """End the session of this browser; another window of it may have done so already."""
    try:
        await read_own_form(request)
    except ForeignForm as error:
        if error.fields is None or session_id(request, settings):
            raise
        return _go("sign-in")
    await user_service(request).end(session_id(request, settings))
    response = _go("sign-in")
    keep_session(response, request, settings, "")
    return response


@router.get("/account", openapi_extra=READ_LIMITED)
async def account_page(request: Request, caller: Asking) -> Response:
    """Who is signed in: the password, and the browsers that are."""
    return await _account(request, caller, "")


async def _account(request: Request, caller: Caller, detail: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    user = caller.user
    found = await user_service(request).sessions(user) if user else []
    return render(request, "account.html", status, user=user, sessions=found, detail=detail)


@router.post("/account/sign-out", openapi_extra=READ_LIMITED)
async def sign_out_everywhere(request: Request, settings: CurrentSettings, caller: Asking) -> Response:
    """End every session of the user, this one too."""
    user = _user_of(caller)
    await user_service(request).sign_out(user, caller)
    response = _go("../sign-in")
    keep_session(response, request, settings, "")
    return response


@router.post("/account/password", openapi_extra=READ_LIMITED)
async def change_password(request: Request, settings: CurrentSettings, caller: Asking) -> Response:
    """Exchange the password, which ends every session; this browser gets a new one."""
    fields, users, name = request.state.form, user_service(request), _user_of(caller)
    if fields.get("password", "") != fields.get("again", ""):
        return await _account(
            request, caller, gettext("the new password was written in two ways"), HTTPStatus.UNPROCESSABLE_ENTITY
        )
    try:
        await users.sign_in(name, fields.get("old", ""), caller.address)
        await users.set_password(name, fields.get("password", ""), caller)
    except NotAuthenticated:
        return await _account(request, caller, gettext("the present password is another one"), HTTPStatus.FORBIDDEN)
    except ConfigurationError as error:
        return await _account(request, caller, for_people(str(error)), HTTPStatus.UNPROCESSABLE_ENTITY)
    session = await users.begin(caller, request.headers.get("user-agent", ""), "")
    response = _go("../account")
    keep_session(response, request, settings, session)
    return response


def _user_of(caller: Caller) -> str:
    if caller.user is None:
        raise NotAllowed(gettext("only a user who is signed in has a password and sessions"))
    return caller.user.name
