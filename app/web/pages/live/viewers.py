"""Everybody who looks at a page, and the one loop of the process that makes their pages anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Message, Scope

from app.access.models import NotAuthenticated
from app.db.feed.notices import RESULTS, Notices, words_of
from app.db.reading.context import AllowedReads, reading
from app.errors import AppError
from app.events.service import EventFeed
from app.kit.language import gettext
from app.kit.periodic import pause
from app.web.pages.live.messages import (
    SCOPE_KEY,
    MadePage,
    alive_message,
    ended_message,
    parts_message,
    trouble_message,
)

SPACING: Final = 2.0
"""Between two looks at a page, however much happens."""
CHECK_SECONDS: Final = 10.0
"""A viewer whose key or session has ended learns it within so long, and is sent nothing before."""
HEARTBEAT: Final = 15.0
TIMES_ITS_COST, LONGEST_SPACING = 10, 60.0
"""A page that takes long is made anew less often: the wait is so many times as long, and so many seconds at most."""
SHORTEST: Final = 0.05
"""The shortest pause of the loop."""
RETRY_SECONDS: Final = 2.0
"""After an outage of the log of events."""
_KEPT = ("type", "asgi", "http_version", "server", "client", "scheme", "root_path", "headers", "extensions")
"""What of the request for a stream the requests for its page have as well."""


@dataclass(frozen=True, slots=True)
class ViewedAddress:
    """Which page, by its path and query below the root of the service, and for whom: viewers who are alike share it."""

    path: str
    query: str
    viewer: Hashable


@dataclass(eq=False, slots=True)
class Viewer:
    """Somebody who looks. `check_again` raises NotAuthenticated when that may not be any more."""

    scope: Scope
    token: str
    check_again: Callable[[], Awaitable[None]]
    has: Mapping[str, str]
    """The digests of the parts as they are shown."""
    seen: int = -1
    """The version of the page that was sent last."""
    ended: str = ""
    joined: float = field(default_factory=time.monotonic)
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class ViewedPage:
    """A page with those who look at it."""

    asked: ViewedAddress
    viewers: dict[Viewer, None] = field(default_factory=dict)
    made: MadePage = field(default_factory=MadePage)
    made_at: datetime | None = None
    version: int = 0
    begun: float = float("-inf")
    """When the last look began, on the clock of the process."""
    took: float = 0.0
    """Seconds that it took."""
    heard: float = float("-inf")
    """When something came of which this page tells alone."""

    def due(self, changed: float) -> float:
        """When the next look is due, where something happened last at `changed`."""
        if not self.made.good:
            return self.begun + SPACING
        spacing = max(SPACING, min(TIMES_ITS_COST * self.took, LONGEST_SPACING))
        changed = self.heard if self.made.parts.calm else max(changed, self.heard)
        return self.begun + (spacing if changed >= self.begun else max(spacing, self.made.parts.each))

    def wake(self) -> None:
        for viewer in self.viewers:
            viewer.woken.set()


class LivePages:
    """The pages that somebody looks at. One loop reads the log of events and makes what has changed, for everybody."""

    def __init__(
        self,
        pages: ASGIApp,
        feed: EventFeed,
        now: Callable[[], datetime],
        most: int,
        *,
        notices: Notices,
        for_viewer: Callable[[str, str], str],
    ) -> None:
        self._pages = pages
        self._feed = feed
        self._notices = notices
        self._now = now
        self._most = most
        self._for_viewer = for_viewer
        self._viewed: dict[ViewedAddress, ViewedPage] = {}
        self._changed = float("-inf")
        self._checked = float("-inf")
        self._woken = asyncio.Event()
        self._over = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.heard: list[Callable[[], None]] = []
        """What is called when something has happened, before any page is made anew."""

    @property
    def viewers(self) -> int:
        return sum(len(page.viewers) for page in self._viewed.values())

    async def stream(
        self, asked: ViewedAddress, viewer: Viewer, keep_open: Callable[[], None]
    ) -> AsyncGenerator[bytes]:
        """What a viewer is told, until it leaves, may not look any more, or the service ends."""
        if self.viewers >= self._most:
            said = gettext(
                "%(most)s pages are open already, as many as this service keeps up to date "
                "(GRIDKEEPER_WEB__MAX_CONNECTIONS)",
                most=self._most,
            )
            yield trouble_message(said)
            return
        with self._looking(asked, viewer) as (page, running):
            yield b": the parts of this page as they change\n\n"
            while not self._over.is_set() and not running.done():
                viewer.woken.clear()
                # What only says that the page is as it was tells nothing; the loop ends who may not look any more.
                if page.made_at is not None and viewer.seen != page.version and not viewer.ended:
                    await self._check(viewer)
                if viewer.ended:
                    yield ended_message(viewer.ended)
                    return
                keep_open()
                if page.made_at is not None:
                    yield self._news(page, viewer, page.made_at)
                await pause(viewer.woken, HEARTBEAT)

    def _news(self, page: ViewedPage, viewer: Viewer, made_at: datetime) -> bytes:
        made = page.made
        if not made.good:
            return trouble_message(made.detail)
        if viewer.seen == page.version:
            return alive_message(self._now())
        if viewer.seen < 0 and viewer.has and page.begun < viewer.joined and made.parts.digests() != viewer.has:
            # What this viewer shows may be newer than the last look, as after a form that was sent.
            page.heard = time.monotonic()
            self._woken.set()
            return alive_message(self._now())
        sent = parts_message(made, viewer.has, made_at, lambda text: self._for_viewer(text, viewer.token))
        viewer.has, viewer.seen = made.parts.digests(), page.version
        return sent

    @contextmanager
    def _looking(self, asked: ViewedAddress, viewer: Viewer) -> Iterator[tuple[ViewedPage, asyncio.Task[None]]]:
        page = self._viewed.setdefault(asked, ViewedPage(asked))
        page.viewers[viewer] = None
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="live pages")
        self._woken.set()
        try:
            yield page, self._running
        finally:
            del page.viewers[viewer]
            if not page.viewers and self._viewed.get(asked) is page:
                del self._viewed[asked]
            if not self._viewed and self._running is not None:
                self._running.cancel()
                self._running = None

    async def _run(self) -> None:
        """The loops, as long as somebody looks; whoever looks is let go when they end, and comes back."""
        try:
            async with asyncio.TaskGroup() as loops:
                results = loops.create_task(self._hear_results(), name="live pages: what has results")
                loops.create_task(self._make_all(), name="live pages: what is made")
                await self._listen()
                results.cancel()
        except Exception as error:  # noqa: BLE001  what nobody foresaw ends the streams, which begin anew
            structlog.get_logger().error("live_pages_failed", exc_info=error)
        finally:
            for page in self._viewed.values():
                page.wake()

    # What happens

    async def _listen(self) -> None:
        """Note when something happens, until the service ends."""
        while not self._over.is_set():
            try:
                await self._follow()
                self._over.set()
                self._woken.set()
            except AppError as error:
                structlog.get_logger().warning("live_pages_interrupted", error=str(error), retry_seconds=RETRY_SECONDS)
                for page in self._viewed.values():
                    page.took = 0.0  # that nothing can be told is told at once
                self._note()
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        place = await self._feed.start(None)
        async with aclosing(self._feed.follow(place, lambda _event: True)) as found:
            async for happened in found:
                if happened.events:
                    self._note()

    async def _hear_results(self) -> None:
        """Note which pages show what has new results; a notice that was lost costs the time to the next look."""
        with self._notices.follow(RESULTS) as news:
            while not self._over.is_set():
                await news.wait(HEARTBEAT)
                words = words_of(news.taken())
                for page in self._viewed.values():
                    if words & page.made.parts.hears:
                        page.heard = time.monotonic()
                        self._woken.set()

    def _note(self) -> None:
        self._changed = time.monotonic()
        for call in self.heard:
            call()
        self._woken.set()

    # What is made of it

    async def _make_all(self) -> None:
        while not self._over.is_set():
            now = time.monotonic()
            self._woken.clear()
            if now >= self._checked + CHECK_SECONDS:
                self._checked = now
                for viewer in [one for page in self._viewed.values() for one in page.viewers]:
                    await self._check(viewer)
            for page in list(self._viewed.values()):
                if page.due(self._changed) <= now:
                    await self._make(page)
            dues = [page.due(self._changed) for page in self._viewed.values()]
            await pause(self._woken, max(SHORTEST, min([self._checked + CHECK_SECONDS, *dues]) - time.monotonic()))

    async def _check(self, viewer: Viewer) -> None:
        """End the viewer who may not look any more."""
        try:
            await viewer.check_again()
        except NotAuthenticated as error:
            viewer.ended = str(error)
            viewer.woken.set()
        except AppError:
            return  # without a database nobody knows; whoever makes the pages says that there is none

    async def _make(self, page: ViewedPage) -> None:
        """The page anew, as the first of its viewers may see it; those who may not are let go."""
        page.begun = time.monotonic()
        for viewer in list(page.viewers):
            if viewer.ended:
                continue
            made = await self._made(page.asked, viewer.scope)
            if made.lost:
                viewer.ended = made.detail
                viewer.woken.set()
                continue
            page.took = time.monotonic() - page.begun
            before, page.made, page.made_at = page.made, made, self._now()
            if not (made.good and before.good) or made.parts.digests() != before.parts.digests() or not page.version:
                page.version += 1
                page.wake()
            for other in page.viewers:
                if other.seen < 0:
                    other.woken.set()
            return

    async def _made(self, asked: ViewedAddress, scope: Scope) -> MadePage:
        """The page as a request of the viewer's browser would get it."""
        made = MadePage()
        inner = {name: scope[name] for name in _KEPT if name in scope}
        path, state = asked.path, dict(scope.get("state", {}))
        inner |= {"method": "GET", "path": path, "raw_path": quote(path).encode(), "query_string": asked.query.encode()}
        inner |= {"state": state | {"method": "GET"}, SCOPE_KEY: made}

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                made.status = HTTPStatus(message["status"])

        try:
            # What has just happened is told by the primary, and a replica would show the state before.
            with reading(AllowedReads(primary=True)):
                await self._pages(inner, receive, send)
        except Exception as error:  # noqa: BLE001  what a page fails with was answered and logged already
            made.detail = made.detail or f"the page failed ({type(error).__name__})"
            made.status = HTTPStatus.INTERNAL_SERVER_ERROR
        return made
