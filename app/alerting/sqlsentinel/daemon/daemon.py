"""The daemon: asks when alerts are due, keeps what was found, sends what is due, and follows its file."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.alerting.sqlsentinel.daemon.due_alerts import DueAlerts
from app.alerting.sqlsentinel.daemon.metrics import SentinelMetrics
from app.alerting.sqlsentinel.daemon.turns import LateAnswers, WaitingAlerts
from app.alerting.sqlsentinel.databases.asking import AnswerRow
from app.alerting.sqlsentinel.databases.jobs import Answered
from app.alerting.sqlsentinel.dependencies import blocking
from app.alerting.sqlsentinel.file_watch import file_row, late_row, late_watch
from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile, late_name
from app.alerting.sqlsentinel.notices.sending import NoticeSender
from app.alerting.sqlsentinel.repository import SentinelRepository
from app.alerting.sqlsentinel.results import QueryStatus
from app.alerting.sqlsentinel.runs import AlertRun
from app.alerting.sqlsentinel.service import BATCH, SentinelService, run_of
from app.clock import Clock
from app.errors import AppError, ConfigurationError
from app.kit.watched_file import WatchedFile
from app.logging import OutageLog

TICK = 0.5
"""Seconds between two looks at the clock at most: it may be set."""
RELOAD_SECONDS = 0.25
SEND_SECONDS = 15.0
STATE_PAUSE, PAUSES_SECONDS = 2.0, 2.0
DRAIN_SECONDS, LAST_SENDING_SECONDS = 5.0, 2.0
"""Together less than the ten seconds after which containers are killed."""
STALLED_SECONDS = 30.0
DAY = timedelta(days=1)

ReadFile = Callable[[bytes], SentinelFile]
"""What a file says; ConfigurationError where it cannot be used."""


@dataclass(slots=True)
class Finished:
    """An alert that was asked, and what was answered."""

    alert: SentinelAlert
    answered: Answered
    triggered_by: str = ""


class SentinelDaemon:
    """One file, one database that is asked, one database of states."""

    def __init__(
        self,
        file: SentinelFile,
        service: SentinelService,
        repository: SentinelRepository,
        sender: NoticeSender,
        *,
        metrics: SentinelMetrics,
        clock: Clock,
    ) -> None:
        self._file = file
        self._service = service
        self._repository = repository
        self._sender = sender
        self._metrics = metrics
        self._clock = clock
        self._due = DueAlerts()
        self._running: set[str] = set()
        self._waiting, self._late = WaitingAlerts(), LateAnswers()
        self._statuses: dict[str, QueryStatus] = {}
        """How alerts stood last, as far as others depend on them."""
        self._paused: frozenset[str] = frozenset()
        self._again: dict[str, str] = {}
        """Due while they were still being asked: they are asked once more afterwards."""
        self._finished: asyncio.Queue[Finished] = asyncio.Queue()
        self._to_send, self._idle = asyncio.Event(), asyncio.Event()
        self._unkept = OutageLog("state_writing_failed", "state_writing_recovered")
        self._log = structlog.get_logger()
        self._refused = False
        self._ticked_at = 0.0
        self.last_execution: datetime | None = None

    @property
    def file(self) -> SentinelFile:
        """The file that counts now."""
        return self._file

    def run_now(self, name: str) -> None:
        """Ask an alert now, paused or not, whatever it depends on."""
        alert = self._file.alert(name)
        if alert is not None:
            self._ask(alert, "API")

    @property
    def jobs(self) -> int:
        return len(self._due)

    @property
    def alive(self) -> bool:
        """Whether it has looked for due alerts of late."""
        return time.monotonic() - self._ticked_at < STALLED_SECONDS

    def next_run(self) -> datetime | None:
        return self._due.next_slot()

    async def run(
        self, stop: asyncio.Event, watched: WatchedFile[bytes | None] | None = None, read: ReadFile | None = None
    ) -> None:
        """Work until stopped; statements that are under way then have some seconds to end."""
        last = await asyncio.to_thread(self._repository.last_executions)
        self._due.use(self._file, self._clock.now(), last)
        self._metrics.jobs.set(len(self._due))
        self._log.info("daemon_started", file=self._file.name, jobs=len(self._due), catching_up=len(last))
        await self._recall()
        keeping = asyncio.create_task(self._keep_all())
        others = [asyncio.create_task(work()) for work in (self._send_all, self._prune_daily, self._follow_pauses)]
        if watched is not None and read is not None:
            others.append(asyncio.create_task(self._follow(watched, read)))
        try:
            await self._ask_all(stop, [keeping, *others])
        finally:
            await self._finish([keeping, *others])

    async def _ask_all(self, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        while not stop.is_set():
            self._ticked_at = time.monotonic()
            now = self._clock.now()
            due = self._due.pop(now)
            for alert, slot in due:
                self._metrics.lateness.observe(max(0.0, (now - slot).total_seconds()))
                self._late.began(alert, slot)
            self._begin(self._waiting.admit([alert for alert, _ in due], self._file.upstreams, self._running))
            for alert, late in self._late.overdue(now):
                self._log.warning("run_late_noticed", alert=alert.name, seconds=round(late, 1))
                self._tell(late_watch(alert), late_row(late, alert))
            for task in tasks:
                if task.done():
                    task.result()  # what went wrong in it ends the daemon, so that whoever watches it starts it again
            following = self._due.next_slot()
            seconds = TICK if following is None else (following - self._clock.now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(TICK, max(0.001, seconds)))

    def _begin(self, alerts: Iterable[SentinelAlert]) -> None:
        """Ask alerts, but those that are left out because one that they depend on is not well."""
        for alert in alerts:
            blocker = blocking(alert, self._file.upstreams, self._statuses)
            if blocker or alert.name in self._paused:
                self._late.dropped(alert)
                self._log.info("run_skipped", alert=alert.name, upstream=blocker, paused=not blocker)
            else:
                self._ask(alert)

    def _ask(self, alert: SentinelAlert, triggered_by: str = "") -> None:
        if alert.name in self._running:
            self._again[alert.name] = triggered_by
            self._log.warning("run_delayed", alert=alert.name)
            return
        self._running.add(alert.name)
        loop = asyncio.get_running_loop()

        def done(answer: Future[Answered]) -> None:
            finished = Finished(alert, answer.result(), triggered_by)
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for it any more
                loop.call_soon_threadsafe(self._finished.put_nowait, finished)

        self._service.ask(alert).add_done_callback(done)

    async def _keep_all(self) -> None:
        while True:
            batch = [await self._finished.get()]
            while len(batch) < BATCH and not self._finished.empty():
                batch.append(self._finished.get_nowait())
            await self._keep(batch)

    async def _keep(self, batch: list[Finished]) -> None:
        """Write a batch; while the database of states is away, it is tried again."""
        runs = [run_of(one.alert, one.answered) for one in batch]
        for run, one in zip(runs, batch, strict=True):
            run.triggered_by = one.triggered_by
        while True:
            try:
                await asyncio.to_thread(self._service.keep, self._file, runs, "CRON")
            except AppError as error:
                self._unkept.met(error)
                await asyncio.sleep(STATE_PAUSE)
            else:
                self._unkept.over()
                break
        self.last_execution = self._clock.now()
        for run in runs:
            self._count_run(run)

    def _count_run(self, run: AlertRun) -> None:
        name = run.alert.name
        self._metrics.ran(run)
        if run.notices:
            self._to_send.set()
        log = self._log.debug if run.verdict.status.value == "OK" else self._log.info
        log(
            "alert_evaluated",
            alert=name,
            status=run.verdict.run_status.value,
            notice=run.notice.value,
            error=run.verdict.error,
        )
        self._running.discard(name)
        if self._file.upstreams:
            self._statuses[name] = run.verdict.status
        took = self._late.ended(run.alert, self._clock.now())
        if took is not None:
            self._tell(late_watch(run.alert), late_row(took, run.alert))
        if name in self._again:
            triggered_by, current = self._again.pop(name), self._file.alert(name)
            if current is not None and triggered_by:
                self._ask(current, triggered_by)
            elif current is not None and current.enabled:
                self._begin([current])
        if self._waiting.names:
            self._begin(self._waiting.freed(self._file.upstreams, self._running))
        if not self._running:
            self._idle.set()

    async def _send_all(self) -> None:
        seconds = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._to_send.wait(), seconds)
            self._to_send.clear()
            seconds = SEND_SECONDS
            try:
                while attempts := await self._sender.send_due(self._file):
                    now = self._clock.now()
                    later = [(made.due - now).total_seconds() for made in attempts if made.due is not None]
                    seconds = min([seconds, *(max(0.1, one) for one in later)])
            except AppError as error:
                self._log.warning("notices_postponed", error=str(error))

    async def _follow_pauses(self) -> None:
        while True:
            await asyncio.sleep(PAUSES_SECONDS)
            await self._look_at_pauses()

    async def _look_at_pauses(self) -> None:
        try:
            self._paused = await asyncio.to_thread(self._repository.paused)
        except AppError as error:
            self._log.debug("pauses_reading_failed", error=str(error))

    async def _prune_daily(self) -> None:
        while True:
            if self._file.history_days:
                before = self._clock.now() - timedelta(days=self._file.history_days)
                try:
                    deleted = await asyncio.to_thread(self._repository.prune, before)
                    self._log.info("history_pruned", rows=deleted)
                except AppError as error:
                    self._log.warning("history_pruning_failed", error=str(error))
            await asyncio.sleep(DAY.total_seconds())

    async def _follow(self, watched: WatchedFile[bytes | None], read: ReadFile) -> None:
        """Use each edit of the file once it has come to rest; one that cannot be used leaves everything as it was."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                content = await asyncio.to_thread(watched.changed)
                if content is not None:
                    self._use(await asyncio.to_thread(read, content))
                    self._statuses = await asyncio.to_thread(self._service.statuses, self._file) | self._statuses
                    self._tell_of_file("")
            except ConfigurationError as error:
                self._metrics.reload_failures.inc()
                self._log.error("file_refused", file=self._file.name, error=str(error))
                self._tell_of_file(str(error))

    def _tell_of_file(self, problem: str) -> None:
        """Let the alert about the file fire, or end: it is kept and people are notified as of any other."""
        if self._file.watch is not None and (problem or self._refused):
            self._refused = bool(problem)
            self._tell(self._file.watch, file_row(problem))

    def _tell(self, alert: SentinelAlert, row: AnswerRow) -> None:
        """An alert of the daemon's own: it is kept and people are notified as of any other."""
        self._finished.put_nowait(Finished(alert, Answered([row])))

    async def _recall(self) -> None:
        """What an earlier daemon knew. A file that is read at the start is a good one; it may have met a bad one."""
        late = [alert.name for alert in self._file.alerts if alert.behaviour.late_after]
        watch = self._file.watch.name if self._file.watch else ""
        known = await asyncio.to_thread(self._repository.states, [watch, *map(late_name, late)])
        firing = {name for name, state in known.items() if state.current_status is QueryStatus.ALERT}
        self._late = LateAnswers([name for name in late if late_name(name) in firing])
        self._statuses = await asyncio.to_thread(self._service.statuses, self._file)
        await self._look_at_pauses()
        self._refused = watch in firing
        self._tell_of_file("")

    def _use(self, file: SentinelFile) -> None:
        self._file = file
        change = self._due.use(file, self._clock.now(), {})
        for name in change.removed:
            self._metrics.removed(name)
        self._metrics.jobs.set(len(self._due))
        self._log.info("file_reloaded", added=change.added, changed=change.changed, removed=change.removed)

    async def _finish(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Keep what is under way and send it, for so long as that may take."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                self._again.clear()
                self._waiting.clear()
                if self._running and not tasks[0].done():
                    self._idle.clear()
                    await self._idle.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError, AppError):
            async with asyncio.timeout(LAST_SENDING_SECONDS):
                await self._sender.send_due(self._file)
        await self._sender.close()
        self._log.info("daemon_stopped", unfinished=sorted(self._running))
