"""Follows the log of events for readers who stay."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from app.db.feed.notices import EVENTS, Notices
from app.errors import Conflict
from app.events.models import Event, EventPage, EventPlace
from app.events.repository import EventLog
from app.settings import ApiSettings
from app.timeseries.changes.repository import ChangeLog

HEARTBEAT = 15.0
"""Seconds without an event after which a reader is shown that the stream is alive."""
LOOK_EACH = 5.0
"""Seconds after which one looks although no notice came; it may be lost."""
SETTLING = 0.05
"""The pause while something is committed and not settled."""
REST = 0.1
"""The shortest pause between two looks: what comes close together is given together."""


class TooManyStreams(Conflict):
    """The key or the process has as many streams as it may; the message names the setting."""


class EventFeed:
    """Events in the order of their transactions, each once for whoever comes back with the id of the last one."""

    def __init__(self, log: EventLog, notices: Notices, settings: ApiSettings) -> None:
        self._log = log
        self._notices = notices
        self._settings = settings
        self._open: Counter[str] = Counter()

    async def start(self, after: EventPlace | None) -> EventPlace:
        """Where a stream begins: behind this event, which must be there (Gone), or behind all that are there."""
        if after is None:
            return await self._log.end()
        await self._log.read(after)
        return after

    @contextmanager
    def stream(self, reader: str) -> Iterator[None]:
        """A stream of this reader is open within the block; TooManyStreams where that is one too many."""
        limits = self._settings
        if self._open.total() >= limits.streams:
            raise TooManyStreams(f"{limits.streams} streams are open here (GRIDKEEPER_API__STREAMS)")
        if self._open[reader] >= limits.streams_per_key:
            raise TooManyStreams(
                f"{limits.streams_per_key} streams of this key are open (GRIDKEEPER_API__STREAMS_PER_KEY)"
            )
        self._open[reader] += 1
        try:
            yield
        finally:
            self._open[reader] -= 1

    async def follow(self, after: EventPlace, wanted: Callable[[Event], bool]) -> AsyncGenerator[EventPage]:
        """Pages of the wanted events until the service ends; an empty one first, and where nothing happens.

        No connection is held while one waits, or while the reader takes its time.
        """
        yield EventPage((), after)
        said_at = time.monotonic()
        with self._notices.follow(EVENTS) as news:
            while not news.over:
                held_up, page = await self._log.look(after)
                after = page.place
                found = [event for event in page.events if wanted(event)]
                if found or time.monotonic() - said_at >= HEARTBEAT:
                    yield EventPage(found, after)
                    said_at = time.monotonic()
                if not page.more:
                    left = said_at + HEARTBEAT - time.monotonic()
                    await news.wait(SETTLING if held_up else min(LOOK_EACH, left))
                    await asyncio.sleep(REST)


class LogRetention:
    """Keeps the logs of events and changes as long as ids and cursors hold."""

    def __init__(self, events: EventLog, changes: ChangeLog, settings: ApiSettings) -> None:
        self._events = events
        self._changes = changes
        self._settings = settings

    async def tidy(self, now: datetime) -> str:
        """Erase what of the logs is kept no longer; in words."""
        events = await self._events.erase(now - timedelta(days=self._settings.events_days))
        batches = await self._changes.erase(now - timedelta(days=self._settings.changes_days))
        return f"{events} old events and {batches} batches of changes erased" if events or batches else ""
