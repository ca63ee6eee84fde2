"""Places for evaluations: rules that take long, or of which nothing is known yet, hold up no others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from app.alerting.models import Rule, Severity
from app.alerting.rules.parse import OUR_DATABASE

SLOW_SECONDS = 1.0
"""Rules that took so long share few places."""
SLOW = 2
SHIPPED = 4
"""The shipped rules must not wait for anybody's statement; those that are quick are asked as one."""
OTHERS = 4
"""Of each database that is not ours: one that hangs holds up its own rules only."""


class Lanes:
    """The places of one process. New rules may take half of the quick ones, unless they are critical: they may sleep."""

    def __init__(self, quick: int) -> None:
        self.most = quick + SLOW + SHIPPED
        """Evaluations at once."""
        self._quick = asyncio.Semaphore(quick)
        self._new = asyncio.Semaphore(max(1, quick // 2))
        self._slow = asyncio.Semaphore(SLOW)
        self._shipped = asyncio.Semaphore(SHIPPED)
        self._others: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def place(self, rule: Rule, seconds: float | None) -> AsyncIterator[None]:
        """A place for a rule whose last evaluation took so long; None: there was none."""
        async with AsyncExitStack() as stack:
            for lane in self._of(rule, seconds):
                await stack.enter_async_context(lane)
            yield

    def _of(self, rule: Rule, seconds: float | None) -> tuple[asyncio.Semaphore, ...]:
        if rule.built_in:
            return () if seconds is not None and seconds <= SLOW_SECONDS else (self._shipped,)
        if rule.database != OUR_DATABASE:
            return (self._others.setdefault(rule.database, asyncio.Semaphore(OTHERS)),)
        if seconds is None and rule.severity is not Severity.CRITICAL:
            return self._new, self._quick
        return (self._slow if (seconds or 0.0) > SLOW_SECONDS else self._quick,)
