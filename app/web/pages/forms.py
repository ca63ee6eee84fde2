"""What forms ask for: recorded, done once however often a form is sent, and told on the page that follows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qs, urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from app.access.models import StoredAnswer, UnderWay
from app.errors import AppError
from app.kit.language import gettext, gettext_noop
from app.schemas import RequestBody
from app.web.api_problems import as_api_error
from app.web.browser_session import keep_notice
from app.web.dependencies import access_service
from app.web.pages.rendering import NOT_KEPT, see_other
from app.web.pages.wording import FieldLabels, for_people, in_words, mistakes
from app.web.problem_types import ApiError, ProblemType

B = TypeVar("B", bound=RequestBody)
Act = Callable[[Request], Awaitable[Response]]
FORM_TYPE = "application/x-www-form-urlencoded"
LONGEST_NOTICE = 1000
# A name that is taken is a conflict.
_OF_WHAT_WAS_ENTERED = {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT}
LOOKS, SECONDS_BETWEEN = 100, 0.1
"""How often a form that was sent twice asks what came of the first, and how long it waits in between."""
AGAIN = gettext_noop("The form was sent more than once, and this was done once: %(notice)s")


class _NothingDone(Exception):
    """The form itself again, with what is wrong in it: it may be sent anew."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


WARNING_SIGN = "⚠ "
"""Begins a notice of what did not come about, or not as it may be meant, which a page shows as such."""


def done(request: Request, path: str, notice: str) -> Response:
    """The way to the page that says that something was done."""
    request.state.notice = notice[:LONGEST_NOTICE]
    response = see_other(request, path)
    keep_notice(response, request, request.app.state.container.settings(), request.state.notice)
    return response


def remarked(notice: str, remarks: Sequence[str]) -> str:
    """A notice with what may not be meant of what was done."""
    said = (gettext("But: %(remark)s.", remark=for_people(one)) for one in remarks)
    return " ".join((f"{WARNING_SIGN}{notice}" if remarks else notice, *said))


def body_of(kind: type[B], fields: Mapping[str, object], labels: FieldLabels | None = None) -> B:
    """What a form asks for, as the body of a request of the REST API; ApiError that names what is wrong."""
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        raise ApiError(ProblemType.INVALID_REQUEST, mistakes(error.errors(), labels)) from None


def answered(problem: str) -> HTTPStatus:
    """The status of a page whose form says what is wrong with it, "" where nothing is."""
    return HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK


def what_is_wrong(error: AppError, labels: FieldLabels | None = None) -> str:
    """What a form says beside its fields, by its labels; raises the error again where it is not about what was entered.

    A form that names what it is to be about by a field says of a thing that is gone as of any other mistake.
    """
    found = as_api_error(error)
    if found.kind.status not in _OF_WHAT_WAS_ENTERED and not (labels and found.kind is ProblemType.NOT_FOUND):
        raise error
    return in_words(found, labels)


async def changed(request: Request, action: str, handle: Act) -> Response:
    """A change that a form asks for; a form with a token `once` does its work once."""
    form, caller = request.state.form, request.state.caller
    token = form.get("once", "")
    if not token or caller.rights is None:
        return await _recorded(request, action, handle)
    asked = urlencode(sorted((name, text) for name, text in form.items() if name != "form"))
    digest = hashlib.sha256(f"{request.url.path}?{asked}".encode())
    made: list[Response] = []

    async def act() -> StoredAnswer:
        made[:] = [await _recorded(request, action, handle)]
        if made[0].status_code != HTTPStatus.SEE_OTHER:
            raise _NothingDone(made[0])
        kept = {"location": made[0].headers["location"], "notice": getattr(request.state, "notice", "")}
        return StoredAnswer(made[0].status_code, FORM_TYPE, urlencode(kept).encode())

    for look in range(LOOKS):
        try:
            answer, before = await access_service(request).once(
                caller, f"form-{digest.hexdigest()}", digest.digest(), act
            )
        except _NothingDone as nothing:
            return nothing.response
        except UnderWay:
            if look == LOOKS - 1:
                raise
            await asyncio.sleep(SECONDS_BETWEEN)
        else:
            return _said_again(request, answer) if before else made[0]
    raise AssertionError("the last look gives an answer or raises")


def _said_again(request: Request, answer: StoredAnswer) -> Response:
    kept = parse_qs(answer.body.decode())
    response = RedirectResponse(kept["location"][0], HTTPStatus.SEE_OTHER, dict(NOT_KEPT))
    notice = gettext(AGAIN, notice=kept.get("notice", [""])[0])
    keep_notice(response, request, request.app.state.container.settings(), notice)
    return response


async def _recorded(request: Request, action: str, handle: Act) -> Response:
    """A change, which is recorded before it is made, one that is refused too, as those over the REST API are."""
    service, state = access_service(request), request.state
    state.audit_id = number = await service.note(
        service.entry(state.caller, action, request.url.path, request_id=state.request_id)
    )
    try:
        response = await handle(request)
    except Exception as error:
        await service.note_answer(number, as_api_error(error).kind.status.value)
        raise
    await service.note_answer(number, response.status_code)
    return response
