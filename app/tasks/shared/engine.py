"""Procrastinate, as this program uses it: one task, connections that know its schema, workers that watch themselves."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import procrastinate
import psycopg
from procrastinate import exceptions
from procrastinate.job_context import AbortReason, JobContext
from procrastinate.jobs import Notification
from procrastinate.manager import get_channel_for_queues
from procrastinate.worker import Worker

from app.db.address import DatabaseAddress
from app.errors import DatabaseUnavailable
from app.kit.periodic import pause
from app.tasks.backend import Priority, Task
from app.tasks.shared.models import WorkerRole
from app.tasks.shared.pool import QueuePool
from app.tasks.shared.sql import TASK

POLL_SECONDS = 15.0
"""Between two looks for tasks in case a notice was lost."""
HEARTBEAT_SECONDS = 20.0
"""Between two of the library's own signs of life, which takes for dead who gave none for 30: others are sent for its workers
with those of their process (`TaskQueue.beat`)."""
ABORT_SECONDS = 2.0
AGAIN_SECONDS = 0.5
"""Between two attempts to say that a task has ended."""

TaskRun = Callable[[Task, Callable[[], bool]], Awaitable[None]]
"""Runs a task; the second tells whether it is being ended because its worker stops."""

# What it says of each task, and its pool of each lost connection, is said by us where it matters.
for _library in ("procrastinate", "psycopg", "psycopg.pool"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)


class QueueWorker(Worker):
    """A worker that ends as soon as its heartbeat does, so that it can be begun anew, and listens over another's connection.

    Without periodic tasks the deferrer of the library returns at once, and with it the watch over the other helpers:
    a worker whose heartbeat failed once would then be taken for dead while it works.
    """

    async def work(self) -> None:
        """Run tasks until `end`, or until the database is lost."""
        await self.run()  # type: ignore[no-untyped-call]  # the library leaves it out

    def end(self) -> None:
        """Take no further task; those under way have their time of grace."""
        self.stop()  # type: ignore[no-untyped-call]  # as above

    @property
    def channels(self) -> list[str]:
        """Where notices come of what it is to look at."""
        return list(get_channel_for_queues(self.queues))

    async def tell(self, said: Iterable[str]) -> None:
        """What the notices of its channels said; an empty one stands for those that may have been lost."""
        for notice in said:
            about: Notification = json.loads(notice) if notice else {"type": "job_inserted", "job_id": 0}
            await self._handle_notification(channel="", notification=about)

    async def _persist_job_status(self, *args: Any, **kwargs: Any) -> None:
        """Say that a task has ended, in spite of a broken connection: as long as its worker lives nobody else frees it.

        A worker that ends leaves it to those who free the tasks of dead ones.
        """
        while not await self._said(*args, **kwargs) and not self._stop_event.is_set():
            await pause(self._stop_event, AGAIN_SECONDS)

    async def _said(self, *args: Any, **kwargs: Any) -> bool:
        """Whether it is known; also where its row is gone, because others freed and ended it, or the answer was lost."""
        try:
            with queue_failures():
                await super()._persist_job_status(*args, **kwargs)
        except DatabaseUnavailable:
            return False
        except exceptions.ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
        return True

    def _start_side_tasks(self) -> list[asyncio.Task[Any]]:
        helpers = super()._start_side_tasks()
        for helper in helpers:
            if helper.get_name() == "deferrer":
                helper.cancel()
        return [helper for helper in helpers if helper.get_name() != "deferrer"]


def queue_app(address: DatabaseAddress, run: TaskRun) -> procrastinate.App:
    """The library on our database; whatever is asked for, it does by `run`."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(pool_factory=QueuePool, conninfo=address.dsn))

    @app.task(name=TASK, pass_context=True)
    async def _run(context: JobContext, kind: str, key: str) -> None:
        task = Task(kind, key, Priority(-context.job.priority))
        await run(task, lambda: context.abort_reason() is AbortReason.SHUTDOWN)

    return app


def workers_of(app: procrastinate.App, role: WorkerRole, share: float, grace: float) -> list[QueueWorker]:
    """One worker for each group of queues that share places."""
    return [
        QueueWorker(
            app,
            queues=list(queues),
            name=f"{role.name} {number}",
            concurrency=concurrency,
            fetch_job_polling_interval=POLL_SECONDS,
            abort_job_polling_interval=ABORT_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            shutdown_graceful_timeout=grace,
            delete_jobs="always",
            # One connection listens for all of them, and for the rest of the process.
            listen_notify=False,
            install_signal_handlers=False,
        )
        for number, (queues, concurrency) in enumerate(role.groups(share), 1)
    ]


@contextmanager
def queue_failures() -> Iterator[None]:
    """What the library raises where the database is away, as the program knows it; other errors are as they are."""
    try:
        yield
    except (exceptions.ConnectorException, psycopg.OperationalError) as error:
        reason = error.__cause__ or error
        if isinstance(reason, psycopg.errors.ForeignKeyViolation):
            raise DatabaseUnavailable(
                "the queue has forgotten this worker, which gave no sign of life for long; it begins anew"
            ) from error
        if not isinstance(reason, psycopg.OperationalError | psycopg.InterfaceError):
            raise
        raise DatabaseUnavailable(f"the queue of shared tasks cannot be reached: {reason}") from error
