"""Follows the log of changes for a reader who may wait for what comes."""

from __future__ import annotations

import time
from collections.abc import Collection

from app.db.feed.notices import CHANGES, Notices
from app.timeseries.changes.models import ChangePage, LogPlace
from app.timeseries.changes.repository import ChangeLog

LOOK_EACH = 5.0
"""Seconds after which one looks although no notice came; it may be lost."""
SETTLING = (0.02, 1.0)
"""The first and the longest pause while something is committed and not settled."""
SEARCH_SECONDS = 1.0
"""How long an answer looks for changes that its filter lets through, although its reader does not wait."""


class ChangeFeed:
    """Changes in the order of their transactions, each once for whoever hands back the place behind the last ones."""

    def __init__(self, log: ChangeLog, notices: Notices) -> None:
        self._log = log
        self._notices = notices

    async def end(self) -> LogPlace:
        """The place behind everything that is there."""
        return await self._log.end()

    async def follow(
        self,
        after: LogPlace | None,
        *,
        items: Collection[str] | None,
        areas: Collection[str] | None,
        rows: int,
        wait: float,
    ) -> ChangePage:
        """The changes behind the place; where there are none yet, what comes first within so many seconds.

        No connection is held while one waits.
        """
        until = time.monotonic() + wait
        searching = time.monotonic() + SEARCH_SECONDS
        pause = SETTLING[0]
        with self._notices.follow(CHANGES) as news:
            while True:
                # Before the look: what is settled between the two tells nobody.
                held_up = wait > 0 and await self._log.unsettled()
                page = await self._log.read(after, items=items, areas=areas, rows=rows)
                after = page.place
                now = time.monotonic()
                if len(page.changes) or (page.more and now >= max(until, searching)):
                    return page
                if page.more:
                    continue
                if now >= until or news.over:
                    return page
                if held_up:
                    await news.wait(min(pause, until - now))
                    pause = min(2 * pause, SETTLING[1])
                else:
                    await news.wait(min(LOOK_EACH, until - now))
                    pause = SETTLING[0]
