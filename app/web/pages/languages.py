"""The languages of the pages, and which of them a browser is shown: that of the address, of its cookie, or of its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.kit.language import ENGLISH, Language, catalogue_of, choose_language
from app.web.problem_types import ProblemType, wrong_field

CATALOGUES = Path(__file__).parent / "locale"
PARAMETER: Final = "lang"
COOKIE: Final = "gridkeeper-language"
_KEPT_SECONDS = 365 * 86_400
_OTHERS = (
    Language("de", "de", "Deutsch", decimal=",", day="%d.%m.%Y"),
    Language("zh", "zh-Hans", "中文"),
)
_PREFERENCE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[\w-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


@cache
def languages() -> Mapping[str, Language]:
    """All of them by their codes, English first."""
    return {one.code: one for one in (ENGLISH, *map(_with_texts, _OTHERS))}


def _with_texts(language: Language) -> Language:
    po = (CATALOGUES / language.code / "LC_MESSAGES" / "pages.po").read_text(encoding="utf-8")
    texts, form_of = catalogue_of(po)
    return replace(language, texts=texts, form_of=form_of)


class LanguageChoice:
    """Gives every request its language, before anything of the page is made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            choose_language(language_of(Request(scope)))
        await self._app(scope, receive, send)


def language_of(request: Request) -> Language:
    known = languages()
    for code in (request.query_params.get(PARAMETER, ""), request.cookies.get(COOKIE, "")):
        if code in known:
            return known[code]
    return known[preferred(request.headers.get("accept-language", ""))]


def preferred(header: str) -> str:
    """The code of the language that a header Accept-Language likes most, English where it likes none of ours."""
    liked: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        found = _PREFERENCE.fullmatch(part)
        if found and found[1].lower() in languages():
            liked.append((float(found[2] or 1), found[1].lower()))
    best = max(liked, key=lambda one: one[0], default=(0.0, ENGLISH.code))
    return best[1] if best[0] > 0 else ENGLISH.code


def check_language(request: Request) -> None:
    """ApiError where the address names a language that there is not."""
    code = request.query_params.get(PARAMETER)
    if code is not None and code not in languages():
        said = f"there is no language {code[:60]!r} here; there are {', '.join(languages())}"
        raise wrong_field(ProblemType.INVALID_REQUEST, PARAMETER, said)


def keep_language(response: Response, request: Request, *, secure: bool) -> None:
    """Let the browser keep the language that the address names."""
    code = request.query_params.get(PARAMETER, "")
    if code in languages() and request.cookies.get(COOKIE) != code:
        response.set_cookie(
            COOKIE, code, max_age=_KEPT_SECONDS, path="/", secure=secure, httponly=True, samesite="strict"
        )
