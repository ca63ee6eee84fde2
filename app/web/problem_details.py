"""Errors as JSON, in the form of RFC 9457 (problem details); the request border."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, Conflict, DatabaseUnavailable, NotFound, SchedulerStateError
from app.logging import redact
from app.schemas import ProblemResource, jsonable

_STATUS: tuple[tuple[type[AppError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (SchedulerStateError, HTTPStatus.CONFLICT),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


ABSENT = "there is nothing here; see /health/live, /health/ready and /metrics"


def status_of(error: AppError) -> HTTPStatus:
    """The status that an error of ours means."""
    found = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem(status: HTTPStatus, detail: str, headers: Any = None) -> JSONResponse:
    content = ProblemResource(title=status.phrase, status=status.value, detail=redact(detail))
    return JSONResponse(jsonable(content), status, headers, media_type="application/problem+json")


async def of_http(_request: Request, error: Exception) -> JSONResponse:
    """An error of the framework, an unknown path for one."""
    assert isinstance(error, HTTPException)  # noqa: S101  what it is registered for
    status = HTTPStatus(error.status_code)
    detail = ABSENT if status is HTTPStatus.NOT_FOUND else str(error.detail)
    return problem(status, detail, error.headers)


async def _of_ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)  # noqa: S101  what it is registered for
    return problem(status_of(error), str(error))


class RequestBoundary:
    """Turns an error that nobody expected into a log line and an answer that tells nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception:  # noqa: BLE001  the boundary of a request: one that fails must not disturb the others
            self._log.exception("request_failed", method=scope["method"], path=scope["path"])
            if not begun:
                await problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this failed; the log says why")(scope, receive, send)


def install(app: FastAPI) -> None:
    """Let the application answer errors in our form."""
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(AppError, _of_ours)
    app.add_middleware(RequestBoundary)
