"""Backfills over many processes: the leader submits what can be claimed, and whoever runs a task claims a window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from app.clock import until_beat
from app.collection.backfill.models import WindowEnd
from app.collection.backfill.watch import BackfillWatch
from app.collection.backfill.window_runner import WindowRunner
from app.collection.backfill.worker import KIND, TOPIC
from app.db.feed.notices import EVENTS, Notices, watching
from app.errors import Conflict, DatabaseUnavailable
from app.kit.periodic import pause
from app.tasks.backend import Priority, Task, TaskBackend


class BackfillFeeder:
    """Submits a task for each window that can be claimed, while this process leads.

    A key names the backfill and a number below those that can be claimed: what waits already is not submitted again.
    """

    def __init__(
        self, watch: BackfillWatch, backend: TaskBackend, notices: Notices | None = None, *, poll_seconds: float = 2.0
    ) -> None:
        self._watch = watch
        self._backend = backend
        self._notices = notices
        self._poll = poll_seconds

    async def run(self, stop: asyncio.Event, leads: Callable[[], bool]) -> None:
        """Look until the event is set; from time to time also for the windows of dead workers."""
        led = False
        with watching(self._notices, EVENTS, TOPIC) as backfills:
            while not stop.is_set():
                if leads():
                    if not led:
                        backfills.missed()
                    if backfills.due() or self._watch.any_open:
                        await self.look()
                    if self._watch.any_open:
                        await self._watch.sweep()
                led = leads()
                await pause(stop, until_beat(self._poll))

    async def look(self) -> None:
        """Submit what can be claimed now."""
        tasks = [
            Task(KIND, f"{opening.backfill_id}:{number}", Priority.BACKFILL)
            for opening in await self._watch.openings()
            for number in range(opening.windows)
        ]
        with suppress(DatabaseUnavailable):  # said by the watch, and tried again with the next look
            await self._backend.submit_many(tasks)


class SharedWindows:
    """Runs the tasks of backfills in any process; the leases of what is under way are renewed as long as it works."""

    def __init__(self, runner: WindowRunner, backend: TaskBackend) -> None:
        self._runner = runner
        self._backend = backend

    async def run_one(self, key: str) -> None:
        """One window of the backfill that the key names; where it was ended here and another waits, that is asked for at once."""
        if await self._runner.run(int(key.partition(":")[0])) is WindowEnd.MORE:
            # Where this fails the leader submits it with its next look.
            with suppress(Conflict, DatabaseUnavailable):
                await self._backend.submit(Task(KIND, key, Priority.BACKFILL))

    async def keep_leases(self) -> None:
        """Renew what is under way, for as long as this process works."""
        await self._runner.keep_leases()
