"""Pages of lists by key: a page begins after the last key of the one before, whatever came and went meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from app.schemas import Page, Resource
from app.web.api.cursors import CursorPart, decode_cursor, encode_cursor
from app.web.problem_types import ProblemType, wrong_field

DEFAULT_ROWS = 100
T = TypeVar("T")
R = TypeVar("R", bound=Resource)
RowKey = tuple[CursorPart, ...]

_Limit = Annotated[int, Query(ge=1, description="Most rows of the page.")]
_Next = Annotated[str | None, Query(description="`next` of the page before.", min_length=1)]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is asked for, and the answer whose header leads to the next one."""

    limit: int
    cursor: str | None
    request: Request
    response: Response

    def after(self, *kinds: type[CursorPart]) -> RowKey | None:
        """The key after which the page begins, whose parts are of these kinds; None at the beginning."""
        if self.cursor is None:
            return None
        try:
            return decode_cursor(self.cursor, kinds)
        except ValueError as error:
            raise wrong_field(
                ProblemType.INVALID_REQUEST, "next", f"{error}; hand back `next` of the page before as it is"
            ) from None

    def page(self, rows: Sequence[T], key: Callable[[T], RowKey], resource: Callable[[T], R]) -> Page[R]:
        """The page of rows that begin where it begins; one more than its limit says that there is another."""
        kept = rows[: self.limit]
        following = encode_cursor(key(kept[-1])) if len(rows) > self.limit else None
        if following is not None:
            self.response.headers["Link"] = f'<{self.request.url.include_query_params(next=following)}>; rel="next"'
        return Page(data=[resource(row) for row in kept], next=following)

    def of(self, rows: Iterable[T], key: Callable[[T], RowKey], resource: Callable[[T], R]) -> Page[R]:
        """The page of a list that is in memory, in the order of its keys."""
        ordered = sorted(rows, key=key)
        if ordered and (after := self.after(*map(type, key(ordered[0])))) is not None:
            ordered = [row for row in ordered if key(row) > after]
        return self.page(ordered, key, resource)


async def _page(request: Request, response: Response, limit: _Limit = DEFAULT_ROWS, next: _Next = None) -> PageRequest:  # noqa: A002  the name of the parameter
    most = request.app.state.limits.page_rows
    if limit > most:
        raise wrong_field(
            ProblemType.LIMIT_EXCEEDED, "limit", f"a page has at most {most} rows (GRIDKEEPER_API__PAGE_ROWS)"
        )
    return PageRequest(limit, next, request, response)


Paging = Annotated[PageRequest, Depends(_page)]
