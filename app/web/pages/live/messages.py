"""What a stream of a page tells, as bytes (WHATWG HTML, "Server-sent events"). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from markupsafe import escape

from app.market.time import iso
from app.web.pages.live.parts import PageParts, differing

SCOPE_KEY = "gridkeeper.made_page"
"""Where a request asks for the parts of a page in place of the page."""

_OF_TABLES = {"thead", "tbody", "tfoot", "tr", "td", "th"}
_LINE = re.compile(r"\r\n|\r|\n")


@dataclass(slots=True)
class MadePage:
    """A page as its viewers have to see it; without `status` 200 it says in `detail` what is wrong."""

    parts: PageParts = field(default_factory=PageParts)
    title: str = ""
    detail: str = ""
    status: HTTPStatus = HTTPStatus.OK

    @property
    def good(self) -> bool:
        return self.status is HTTPStatus.OK

    @property
    def lost(self) -> bool:
        """Whether looking again changes nothing: it is not for this viewer, or is no page any more."""
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR and (
            self.status is not HTTPStatus.TOO_MANY_REQUESTS
        )


def parts_message(page: MadePage, had: Mapping[str, str], at: datetime, for_viewer: Callable[[str], str]) -> bytes:
    """The parts that differ from what the viewer has, with its own tokens in their forms, behind the title."""
    parts = (_whole(page.parts, name) for name in differing(page.parts, had))
    return message("parts", for_viewer(f"<title>{escape(page.title)}</title>{''.join(parts)}"), at)


def _whole(parts: PageParts, name: str) -> str:
    """The part as a browser reads it where no table is around it."""
    text = parts.element(name)
    return f"<template>{text}</template>" if parts.found[name].tag in _OF_TABLES else text


def alive_message(at: datetime) -> bytes:
    """The page is as it was, and the stream lives."""
    return message("alive", "", at)


def trouble_message(detail: str) -> bytes:
    """The page cannot be made at present; the service tries again."""
    return message("trouble", detail)


def ended_message(detail: str) -> bytes:
    """The stream ends for good: whoever looks may not read the page any more, or there is none."""
    return message("ended", detail)


def message(kind: str, text: str, at: datetime | None = None) -> bytes:
    """The id is the instant that the page is of."""
    lines = [f"event: {kind}", *([f"id: {iso(at)}"] if at else []), *(f"data: {line}" for line in _LINE.split(text))]
    return "".join(f"{line}\n" for line in [*lines, ""]).encode()
