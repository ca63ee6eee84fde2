"""Collects windows: fetch, store, record. Scheduler, gap filling, backfill and the command line share this path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from app.clock import Clock, SystemClock
from app.collection.models import CollectionRequest, CollectionRun, Outcome, RunObserver, Work
from app.collection.repository import RunRepository
from app.errors import (
    AccessDenied,
    AnswerOutdated,
    AnswerTooSlow,
    AppError,
    DatabaseUnavailable,
    MalformedDocument,
    RequestTooLarge,
    SourceError,
    SourceUnavailable,
)
from app.market.time import Interval, halve
from app.net.transports import Sleep
from app.sources.source import Fetched, Source
from app.timeseries.repository import StoreResult, TimeSeriesRepository

STORE_ATTEMPTS = 5
"""A restarting database is back within seconds; what was fetched waits for it."""


MOST_HALVINGS = 4
"""Of a window that is not answered in time: with two attempts first and one for each half as many as ever."""


class CollectionService:
    """Turns windows into stored values and a run record each."""

    def __init__(
        self,
        source: Source,
        timeseries: TimeSeriesRepository,
        runs: RunRepository,
        clock: Clock,
        *,
        concurrency: int,
        observers: Sequence[RunObserver] = (),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._source = source
        self._timeseries = timeseries
        self._runs = runs
        self._clock = clock
        self._concurrency = concurrency
        self._observers = observers
        self._sleep = sleep
        self._log = structlog.get_logger()

    @property
    def source_name(self) -> str:
        return self._source.name

    def plan(self, requests: Iterable[CollectionRequest]) -> list[Work]:
        """The windows of all requests, in order, each small enough for one request to the source."""
        return [
            Work(request.item, request.place, window)
            for request in requests
            for window in self._source.catalog.windows(request.item, request.place, request.interval)
        ]

    async def collect_all(self, work: Sequence[Work], on_run: Callable[[CollectionRun], None]) -> None:
        """Collect every window, several at once; `on_run` hears of each as it ends. Stops asking once the store is lost or the token refused."""
        queue = iter(work)
        lost: list[AppError] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._concurrency, len(work))):
                group.create_task(self._worker(queue, on_run, lost))

    async def _worker(
        self, queue: Iterator[Work], on_run: Callable[[CollectionRun], None], lost: list[AppError]
    ) -> None:
        for work in queue:
            if not lost:
                try:
                    run = await self.collect(work)
                    if run.error_class == AccessDenied.__name__:
                        lost.append(AccessDenied(run.error_message))
                    on_run(run)
                    continue
                except DatabaseUnavailable as error:
                    lost.append(error)
            on_run(_failed(self._begin(work), lost[0], self._clock.now()))

    async def collect(self, work: Work) -> CollectionRun:
        """One window from the source into the store; a source that gives nothing usable is a failed run, not an error.

        Raises DatabaseUnavailable where the store cannot be reached.
        """
        malformed: list[bytes] = []
        run = await self._gather(self._begin(work), malformed)
        run = replace(run, run_id=await self._runs.add(run, malformed=malformed))
        await self._tell(run)
        return run

    async def _gather(self, run: CollectionRun, malformed: list[bytes]) -> CollectionRun:
        """Fetch and store; what is too old to be stored, because this process stood still, is asked for once more."""
        try:
            return await self._gather_once(run, malformed)
        except AnswerOutdated as error:
            self._log.warning("answer_outdated", item=run.item, window=str(run.window), error=str(error))
        try:
            return await self._gather_once(run, malformed)
        except AnswerOutdated as error:
            return _failed(run, error, self._clock.now())

    async def _gather_once(self, run: CollectionRun, malformed: list[bytes]) -> CollectionRun:
        """Fetch and store; a window that is too large in halves, each stored before the next is asked for."""
        run.statistics.time_outs = _time_outs(run)
        try:
            fetched = await self._source.fetch(run.item, run.place, run.window, run.statistics)
        except RequestTooLarge as error:
            halves = halve(run.window, run.place.zone)
            if halves is None:
                return _failed(run, error, self._clock.now())
            first = await self._gather(replace(run, window=halves[0]), malformed)
            if first.error_class == RequestTooLarge.__name__:
                return replace(first, window=run.window)
            return first.joined_with(await self._gather(replace(run, window=halves[1]), malformed))
        except AnswerTooSlow as error:
            return await self._gather_less(run, error, malformed)
        except SourceError as error:
            if isinstance(error, MalformedDocument):
                malformed.append(error.body)
            return _failed(run, error, self._clock.now())
        return await self._store(run, fetched)

    async def _gather_less(self, run: CollectionRun, error: AnswerTooSlow, malformed: list[bytes]) -> CollectionRun:
        """The halves of a window that was not answered in time; a source that answers nothing is unavailable."""
        halvings = run.statistics.halvings
        halves = halve(run.window, run.place.zone)
        if halves is None or halvings >= MOST_HALVINGS:
            return _failed(run, SourceUnavailable(str(error)), self._clock.now())
        run.statistics.halvings = halvings + 1
        first = await self._gather(replace(run, window=halves[0]), malformed)
        if first.error_class == SourceUnavailable.__name__:
            return replace(first, window=run.window)
        run.statistics.halvings = halvings + 1
        return first.joined_with(await self._gather(replace(run, window=halves[1]), malformed))

    async def _store(self, run: CollectionRun, fetched: Fetched) -> CollectionRun:
        begun = time.perf_counter()
        stored = await self._persist(fetched, run.window, run.statistics.question)
        return replace(
            run,
            finished_at=self._clock.now(),
            outcome=_outcome(fetched),
            error_class=MalformedDocument.__name__ if fetched.damaged else "",
            error_message=fetched.damaged,
            received=fetched.received,
            new=stored.new,
            revised=stored.revised,
            unchanged=stored.unchanged + stored.superseded,
            vanished=stored.vanished,
            rejected=tuple(fetched.rejected),
            notes=(*fetched.notes, *fetched.remarks),
            store_seconds=time.perf_counter() - begun,
        )

    async def _persist(self, fetched: Fetched, window: Interval, question: int | None) -> StoreResult:
        # The store has the moment from the server, whose clock all share; a simulated time is its own.
        learned_at = None if isinstance(self._clock, SystemClock) else self._clock.now()
        # Only an answer that could be read to its end tells what is missing at the source.
        answered = None if fetched.rejected or fetched.notes else window
        store = partial(
            self._timeseries.store, fetched.blocks, learned_at=learned_at, answered=answered, question=question
        )
        for attempt in range(1, STORE_ATTEMPTS):
            try:
                return await store()
            except DatabaseUnavailable as error:
                self._log.warning("store_retried", attempt=attempt, error=str(error))
                await self._sleep(2.0 ** (attempt - 1))
        return await store()

    async def _tell(self, run: CollectionRun) -> None:
        self._log.debug(
            "window_collected",
            item=run.item,
            area=run.place.code,
            window=str(run.window),
            outcome=run.outcome,
            received=run.received,
            new=run.new,
            revised=run.revised,
            error=run.error_message or None,
        )
        for observer in self._observers:
            await observer.observe(run)

    def _begin(self, work: Work) -> CollectionRun:
        return CollectionRun.begun(self._source.name, work, self._clock.now())


def _time_outs(run: CollectionRun) -> int:
    """How many time-outs end a request: none where nothing shorter can be asked for."""
    if halve(run.window, run.place.zone) is None and not run.statistics.halvings:
        return 0
    return 1 if run.statistics.halvings else 2


def _outcome(fetched: Fetched) -> Outcome:
    """An answer of which a part could not be read has failed, though what could be read is stored."""
    if fetched.damaged:
        return Outcome.FAILED
    return Outcome.STORED if fetched.blocks else Outcome.EMPTY


def _failed(run: CollectionRun, error: AppError, now: datetime) -> CollectionRun:
    return run.failed(type(error).__name__, str(error), now)
