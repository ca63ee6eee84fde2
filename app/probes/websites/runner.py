"""Checks websites when they are due, in the process that leads, and keeps what the checks show."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from app.clock import Clock
from app.db.feed.notices import WEBSITES, News, Notices
from app.errors import ConfigurationError, DatabaseUnavailable
from app.logging import OutageLog
from app.probes.checking.network import UNREACHED, HostOutcome, host_outcome, is_network_down, without_network
from app.probes.models import CheckFailure, CheckRequest, CheckResult
from app.probes.websites.checks import host_checked, policy_of, reason_of, record_of, request_of
from app.probes.websites.models import Website
from app.probes.websites.repository import RecordedCheck, WebsiteRepository
from app.probes.websites.state import after_check
from app.probes.websites.wheel import DueWheel
from app.settings import ProbeSettings

LOOK_SECONDS = 0.5
SHORTEST_WAIT = 0.02
RELOAD_GAP = 0.4
"""Many changes within it are read at once."""
RELOAD_SECONDS = 60.0
"""A notice may be lost with its connection."""
FLUSH_SECONDS = 0.25
OUTCOMES_FOR = timedelta(minutes=10)
"""How long the latest result of a host says something about this machine's network."""
REFERENCE_SECONDS = 5.0
CLOCK_STEP = 5.0


class WebsiteChecker(Protocol):
    async def check(self, request: CheckRequest) -> CheckResult: ...

    async def reach(self, address: str, seconds: float) -> bool: ...

    def close(self) -> None: ...


class WebsiteRunner:
    """One process's part; `run` it until its event is set."""

    def __init__(
        self,
        rows: WebsiteRepository,
        checker: WebsiteChecker,
        notices: Notices,
        clock: Clock,
        *,
        settings: ProbeSettings,
    ) -> None:
        self._rows = rows
        self._checker = checker
        self._notices = notices
        self._leads: Callable[[], bool] = lambda: True
        self._clock = clock
        self._settings = settings
        self._websites: dict[int, Website] = {}
        self._wheel = DueWheel()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._of_host: Counter[str] = Counter()
        self._waiting: dict[str, deque[int]] = {}
        """By host, what is due while as many checks of it as may be are under way."""
        self._ended: list[tuple[Website, CheckResult]] = []
        self._outcomes: dict[str, tuple[datetime, HostOutcome]] = {}
        self._running = 0
        self._stale, self._loaded_at = True, 0.0
        self._clocks = (0.0, 0.0)
        self._away = OutageLog("website_checks_failed", "website_checks_recovered")
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event, leads: Callable[[], bool]) -> None:
        """Check what is due while this process leads; at the end what has ended is kept, and the rest is left due."""
        self._leads = leads
        writing = asyncio.create_task(self._write_each(), name="results of websites")
        try:
            with self._notices.follow(WEBSITES) as news:
                while not stop.is_set():
                    await self._guarded(news)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._write()
            self._checker.close()

    async def _guarded(self, news: News) -> None:
        """One look, and the wait for the next."""
        try:
            await self.look()
        except DatabaseUnavailable as error:
            self._away.met(error)
        if await news.wait(min(LOOK_SECONDS, max(SHORTEST_WAIT, self._wheel.seconds_until_next(self._clock.now())))):
            self._stale = True

    async def look(self) -> None:
        """Follow what people changed, and begin what is due."""
        if not self._leads():
            self._websites.clear()
            self._wheel = DueWheel()
            self._stale = True
            return
        age = time.monotonic() - self._loaded_at
        if self._clock_stepped() or age > (RELOAD_GAP if self._stale else RELOAD_SECONDS):
            await self._reload()
        self._begin_due()

    async def _reload(self) -> None:
        self._stale, self._loaded_at = False, time.monotonic()
        try:
            found = await self._rows.all()
        except DatabaseUnavailable:
            self._stale = True
            raise
        self._websites = {one.website_id: one for one in found}
        self._wheel.refill(
            [one for one in found if one.draft.enabled and one.website_id not in self._under_way], self._clock.now()
        )
        self._waiting.clear()

    def _clock_stepped(self) -> bool:
        """Whether the clock was set, so that what is due has to be counted anew."""
        before, self._clocks = self._clocks, (self._clock.now().timestamp(), time.monotonic())
        return before != (0.0, 0.0) and abs((self._clocks[0] - before[0]) - (self._clocks[1] - before[1])) > CLOCK_STEP

    def _begin_due(self) -> None:
        now = self._clock.now()
        while self._running < self._settings.concurrency and (number := self._wheel.pop(now)) is not None:
            website = self._websites.get(number)
            if website is None or number in self._under_way:
                continue
            host = host_checked(website.draft.url)
            if self._of_host[host] >= self._settings.per_host:
                self._waiting.setdefault(host, deque()).append(number)
                continue
            self._of_host[host] += 1
            self._running += 1
            self._under_way[number] = asyncio.create_task(self._check(website, host), name=f"website {number}")

    async def _check(self, website: Website, host: str) -> None:
        try:
            result = await self._result(website)
        except asyncio.CancelledError:
            self._under_way.pop(website.website_id, None)
            raise
        finally:
            self._running -= 1
            self._of_host[host] -= 1
        self._ended.append((website, result))
        if waiting := self._waiting.get(host):
            self._wheel.push(waiting.popleft(), self._clock.now())
        if self._leads():
            self._begin_due()

    async def _result(self, website: Website) -> CheckResult:
        """What the check shows; what fails here says nothing about the website."""
        begun = self._clock.now()
        try:
            return await self._checker.check(request_of(website.draft))
        except ConfigurationError as error:
            return CheckResult(begun, CheckFailure.OURS, str(error))
        except Exception:  # noqa: BLE001  the boundary of a job: other websites are checked all the same
            self._log.exception("website_check_crashed", website=website.website_id)
            return CheckResult(begun, CheckFailure.OURS, "the check itself failed; the log says why")

    async def _write_each(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._write()

    async def _write(self) -> None:
        """Keep what has ended with what it changes; without a database it waits."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        try:
            await self._keep(ended)
        except DatabaseUnavailable as error:
            self._away.met(error)
            self._ended = [*ended, *self._ended]
            return
        except Exception:  # noqa: BLE001  the boundary of a job: these websites are checked again
            self._log.exception("website_results_lost", results=len(ended))
            self._stale = True
            for website, _ in ended:
                self._under_way.pop(website.website_id, None)
            return
        self._away.over()

    async def _keep(self, ended: list[tuple[Website, CheckResult]]) -> None:
        results = await self._judged(ended)
        now = self._clock.now()
        recorded = []
        for (website, _), result in zip(ended, results, strict=True):
            policy = policy_of(website.website_id, website.draft)
            step = after_check(
                website.state,
                policy,
                result.time,
                reason_of(result),
                now=now,
                jitter=random.random(),  # noqa: S311
            )
            check = replace(record_of(result), at=step.state.latest_at)
            recorded.append(RecordedCheck(website.website_id, check, step))
        kept = await self._rows.record(recorded)
        for (website, _), one in zip(ended, recorded, strict=True):
            self._under_way.pop(website.website_id, None)
            known = self._websites.get(website.website_id)
            if website.website_id not in kept:
                self._stale = True  # it was edited meanwhile
            elif known is not None:
                self._websites[website.website_id] = replace(known, state=one.step.state)
                self._wheel.push(website.website_id, one.step.state.due_at)

    async def _judged(self, ended: list[tuple[Website, CheckResult]]) -> list[CheckResult]:
        """The results, as `ours` where this machine has no network."""
        now = self._clock.now()
        results = [result for _, result in ended]
        for website, result in ended:
            outcome = host_outcome(website.draft.url, result)
            self._outcomes[outcome.host] = (now, outcome)
        if not any(result.failure in UNREACHED for result in results):
            return results
        self._outcomes = {host: one for host, one in self._outcomes.items() if one[0] > now - OUTCOMES_FOR}
        addresses = self._settings.references
        reached = await asyncio.gather(*(self._checker.reach(one, REFERENCE_SECONDS) for one in addresses))
        latest = [outcome for _, outcome in self._outcomes.values()]
        down = is_network_down(latest, dict(zip(addresses, reached, strict=True)))
        return without_network(results) if down else results
