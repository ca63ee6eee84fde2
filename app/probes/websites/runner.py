"""Checks websites when they are due, those of the shards that this process holds, and keeps what the checks show."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from app.clock import Clock, until_beat
from app.db.feed.notices import WEBSITES, News, Notices
from app.errors import ConfigurationError, DatabaseUnavailable
from app.logging import OutageLog
from app.probes.evidence.models import ConnectionMemory, NotedConnection
from app.probes.kept import reason_of
from app.probes.models import CheckFailure, CheckRequest, CheckResult
from app.probes.regions.repository import RecordedCheck
from app.probes.regions.shares import check_part, check_parts
from app.probes.sharing.shares import SHARDS
from app.probes.websites.checks import host_checked, policy_of, record_of, request_of
from app.probes.websites.models import CheckState, Website, WebsiteStatus
from app.probes.websites.network_watch import NetworkWatch
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.state import after_check
from app.probes.websites.wheel import DueWheel
from app.settings import ProbeSettings

LOOK_SECONDS, IDLE_SECONDS = 0.5, 2.0
SHORTEST_WAIT = 0.02
RELOAD_GAP = 0.4
"""Many changes within it are read at once."""
RELOAD_SECONDS = 60.0
READ_AT_ONCE = 500
"""So many websites are read by one statement."""
"""In which everything is read once more, a shard at a time: a notice may be lost with its connection."""
FLUSH_SECONDS = 0.25
CLOCK_STEP = 5.0


class WebsiteChecker(Protocol):
    async def check(self, request: CheckRequest) -> CheckResult: ...

    async def reach(self, address: str, seconds: float, *, guarded: bool = False) -> bool: ...

    def close(self) -> None: ...


class Leases(Protocol):
    """The parts of the websites that this process checks."""

    idle: bool

    @property
    def held(self) -> frozenset[int]: ...

    @property
    def due(self) -> bool: ...

    async def renew(self, busy: Collection[int]) -> None: ...

    async def leave(self) -> None: ...


class MaintenanceTimes(Protocol):
    async def extend(self) -> None:
        """Let the database know the maintenance of the next weeks."""


class WebsiteRunner:
    """One process's part; `run` it until its event is set."""

    def __init__(
        self,
        rows: WebsiteRepository,
        leases: Leases,
        checker: WebsiteChecker,
        notices: Notices,
        clock: Clock,
        *,
        maintenance: MaintenanceTimes,
        settings: ProbeSettings,
    ) -> None:
        self._rows = rows
        self._leases = leases
        self._checker = checker
        self._maintenance = maintenance
        self._notices = notices
        self._clock = clock
        self._settings = settings
        self._memory = ConnectionMemory()
        self._network = NetworkWatch(checker, clock, settings.references)
        self._websites: dict[int, Website] = {}
        """Those of the shards that were read."""
        self._wheel = DueWheel()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._busy: dict[int, int] = {}
        """The shards of those that are under way."""
        self._of_host: Counter[str] = Counter()
        self._waiting: dict[str, dict[int, None]] = {}
        """By host, what is due while as many checks of it as may be are under way."""
        self._ended: list[tuple[Website, CheckResult]] = []
        self._some_ended = asyncio.Event()
        self._running = 0
        self._known: frozenset[int] = frozenset()
        """The shards that were read since they are held."""
        self._changed: set[int] = set()
        self._changed_at = self._swept_at = 0.0
        self._read_all = False
        self._clocks = (0.0, 0.0)
        self._away = OutageLog("website_checks_failed", "website_checks_recovered")
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Check what is due; at the end what has ended is kept, and the rest is left due for whoever comes."""
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
            await self._leave()
            self._checker.close()

    async def _leave(self) -> None:
        try:
            await self._leases.leave()
        except DatabaseUnavailable as error:
            self._away.met(error)

    async def _guarded(self, news: News) -> None:
        """One look, and the wait for the next."""
        try:
            await self.look(news.taken())
        except DatabaseUnavailable as error:
            self._away.met(error)
        await news.wait(self._seconds())

    def _seconds(self) -> float:
        """Until the next look; who has nothing to check looks together with all else that looks from time to time."""
        if not self._websites and not self._under_way:
            return until_beat(IDLE_SECONDS)
        return min(LOOK_SECONDS, max(SHORTEST_WAIT, self._wheel.seconds_until_next(self._clock.now())))

    async def look(self, said: Iterable[str] = ()) -> None:
        """Hold on to the shards, follow what people changed (the numbers that were `said`), and begin what is due."""
        for text in said:
            if text:
                self._changed.add(int(text))
            else:
                self._read_all = True  # notices may have been lost
        if not self._leases.held:
            self._forget_all()
        self._leases.idle = not self._websites
        if self._leases.due:
            await self._leases.renew({self._busy[number] for number in self._under_way})
        await self._follow_shards(self._leases.held)
        await self._maintenance.extend()
        if self._clock_stepped():
            now = self._clock.now()
            for website in self._websites.values():
                self._place(website, now)
        await self._follow_changes(time.monotonic())
        self._begin_due()

    async def _follow_changes(self, at: float) -> None:
        if self._changed and at - self._changed_at >= RELOAD_GAP:
            self._changed_at = at
            await self._read_changed()
        await self._sweep_shards(at)

    async def _follow_shards(self, held: frozenset[int]) -> None:
        """Forget what others check now, and read what is checked here from now on."""
        if gone := self._known - held:
            self._known -= gone
            for number in [number for number, one in self._websites.items() if check_part(one) in gone]:
                self._forget(number)
        if new := held - self._known:
            await self._read_shards(new)
            self._known |= new

    async def _sweep_shards(self, now: float) -> None:
        """Read everything once more in a minute: many websites shard by shard, so that nothing waits for it."""
        few = len(self._websites) <= READ_AT_ONCE
        waited = now - self._swept_at >= (RELOAD_SECONDS if few else RELOAD_SECONDS / max(SHARDS, len(self._known)))
        if not self._known or not (waited or self._read_all):
            return
        order = sorted(self._known)
        one = order[int(now / RELOAD_SECONDS * len(order)) % len(order)]
        shards = self._known if few or self._read_all else {one}
        self._read_all, self._swept_at = False, now
        await self._read_shards(shards)

    async def _read_shards(self, shards: Iterable[int]) -> None:
        chosen = set(shards)
        found = await self._rows.of_shards(chosen)
        present = {one.website_id for one in found}
        for number in [
            number for number, one in self._websites.items() if check_part(one) in chosen and number not in present
        ]:
            self._forget(number)
        self._take(found)

    async def _read_changed(self) -> None:
        changed, self._changed = self._changed, set()
        mine = [number for number in changed if not self._known.isdisjoint(check_parts(number))]
        try:
            found = await self._rows.read_checked(mine) if mine else []
        except DatabaseUnavailable:
            self._changed |= changed
            raise
        found = [one for one in found if check_part(one) in self._known]
        for number in set(mine) - {one.website_id for one in found}:
            self._forget(number)
        self._take(found)

    def _take(self, found: Sequence[Website]) -> None:
        now = self._clock.now()
        for website in found:
            known = self._websites.get(website.website_id)
            if known is not None and not _is_news(known.state, website.state):
                continue  # what was written here meanwhile is newer
            self._websites[website.website_id] = website
            self._place(website, now)

    def _place(self, website: Website, now: datetime) -> None:
        """Let a website be due when its state says, unless it is under way: its result says when it is due again."""
        number = website.website_id
        self._unwait(number)
        if website.draft.enabled and number not in self._under_way:
            self._wheel.put(website, now)
        else:
            self._wheel.drop(number)

    def _forget(self, number: int) -> None:
        self._memory.forget(number)
        self._websites.pop(number, None)
        self._wheel.drop(number)
        self._unwait(number)

    def _forget_all(self) -> None:
        """Nothing is held, and others may have checked anything meanwhile."""
        self._known = frozenset()
        self._websites.clear()
        self._waiting.clear()
        self._wheel = DueWheel()

    def _unwait(self, number: int) -> None:
        for waiting in self._waiting.values():
            waiting.pop(number, None)

    def _clock_stepped(self) -> bool:
        """Whether the clock was set, so that what is due has to be counted anew."""
        before, self._clocks = self._clocks, (self._clock.now().timestamp(), time.monotonic())
        return before != (0.0, 0.0) and abs((self._clocks[0] - before[0]) - (self._clocks[1] - before[1])) > CLOCK_STEP

    def _begin_due(self) -> None:
        now, held = self._clock.now(), self._leases.held
        if not held:
            return
        while self._running < self._settings.concurrency and (number := self._wheel.pop(now)) is not None:
            website = self._websites.get(number)
            if website is None or number in self._under_way or check_part(website) not in held:
                continue
            host = host_checked(website.draft.url)
            if self._of_host[host] >= self._settings.per_host:
                self._waiting.setdefault(host, {})[number] = None
                continue
            self._of_host[host] += 1
            self._running += 1
            self._busy[number] = check_part(website)
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
            if not self._of_host[host]:
                del self._of_host[host]
        self._ended.append((website, result))
        self._some_ended.set()
        if waiting := self._waiting.get(host):
            number = next(iter(waiting))
            del waiting[number]
            self._wheel.push(number, self._clock.now())
        else:
            self._waiting.pop(host, None)
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
            await self._some_ended.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._some_ended.clear()
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
            self._some_ended.set()
            return
        except Exception:  # noqa: BLE001  the boundary of a job: these websites are checked again
            self._log.exception("website_results_lost", results=len(ended))
            for website, _ in ended:
                self._under_way.pop(website.website_id, None)
                self._again(website)
            return
        self._away.over()

    async def _keep(self, ended: list[tuple[Website, CheckResult]]) -> None:
        results = await self._network.judged([(website.draft.url, result) for website, result in ended])
        now = self._clock.now()
        recorded = []
        for (website, _), result in zip(ended, results, strict=True):
            policy = policy_of(website.website_id, website.draft, self._settings.region)
            step = after_check(
                website.state,
                policy,
                result.time,
                reason_of(result),
                now=now,
                jitter=random.random(),  # noqa: S311
            )
            check = replace(record_of(result), at=step.state.latest_at, region=self._settings.region)
            statuses = {website.state.status, step.state.status}
            turned = len(statuses) > 1 and WebsiteStatus.DOWN in statuses
            votes_at = now if website.draft.regions else None
            recorded.append(RecordedCheck(website.website_id, check, step, votes_at, turned))
        kept = await self._rows.record(recorded)
        found = [
            self._memory.news(one.website_id, one.check.region, one.check.at, result)
            for one, result in zip(recorded, results, strict=True)
            if one.website_id in kept
        ]
        if noted := [one for one in found if one is not None]:
            await self._note(noted)
        for (website, _), one in zip(ended, recorded, strict=True):
            self._under_way.pop(website.website_id, None)
            known = self._websites.get(website.website_id)
            if website.website_id not in kept:
                self._again(website)  # it was edited meanwhile
            elif known is not None:
                if known.state.version < one.step.state.version:
                    known = self._websites[website.website_id] = replace(known, state=one.step.state)
                self._place(known, now)

    async def _note(self, noted: list[NotedConnection]) -> None:
        """What was seen of the other end; where it cannot be kept, the next check says it again."""
        try:
            await self._rows.note(noted)
        except DatabaseUnavailable as error:
            self._away.met(error)
            for one in noted:
                self._memory.forget(one.website_id)

    def _again(self, website: Website) -> None:
        """Read a website anew, whatever version of it is known here."""
        self._forget(website.website_id)
        self._changed.add(website.website_id)


def _is_news(known: CheckState, found: CheckState) -> bool:
    """Whether a state that was read is newer than the one that is known here, or due sooner because another region asks."""
    return found.version > known.version or (found.version == known.version and found.due_at < known.due_at)
