"""The shared queue over its library's connections, and the rows of workers over ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from asyncpg import UndefinedTableError

from app.db.migrate import check_schema, revisions
from app.db.queue.schema import SCHEMA, check_queue_schema, shipped_migrations
from app.db.retention import erase, rows_changed
from app.errors import NotFound
from app.tasks.backend import Task
from app.tasks.shared import sql
from app.tasks.shared.models import PROBES, QUEUES, QueueState, WorkerCounts, WorkerRole, WorkerSign, WorkerState

if TYPE_CHECKING:
    import procrastinate

    from app.db.engine import Connection, Database


class TaskQueue:
    """What the library has no call for; every method raises DatabaseUnavailable where the database is away."""

    def __init__(self, app: procrastinate.App) -> None:
        self._connector = app.connector

    async def submit(self, tasks: Sequence[Task]) -> None:
        """Put tasks into their queues, in order; one that waits already is left alone."""
        await self._execute(
            sql.SUBMIT,
            queues=[QUEUES[task.priority] for task in tasks],
            # The library takes the greatest number first.
            priorities=[-task.priority for task in tasks],
            kinds=[task.kind for task in tasks],
            keys=[task.key for task in tasks],
        )

    async def drop_waiting(self, kind: str, key: str | None) -> int:
        return len(await self._rows(sql.DROP_WAITING, kind=kind, key=key))

    async def abort_running(self, kind: str, key: str | None) -> list[int]:
        """Ask those who run such tasks to end them; the numbers of the tasks."""
        return [row["id"] for row in await self._rows(sql.ABORT_RUNNING, kind=kind, key=key)]

    async def still_running(self, numbers: Collection[int]) -> int:
        return len(await self._rows(sql.STILL_RUNNING, ids=list(numbers)))

    async def beat(self, numbers: Sequence[int]) -> None:
        """A sign of life of the library's workers of these numbers."""
        await self._execute(sql.BEAT_IN_QUEUE, ids=list(numbers))

    async def free_stalled(self, silent_after: float, attempts: int) -> tuple[int, list[str]]:
        """Free the tasks of dead workers: how many, and the names of those that are parked for it."""
        from procrastinate.exceptions import UniqueViolation

        try:
            rows = await self._rows(sql.FREE_STALLED, silent_after=silent_after, attempts=attempts)
        except UniqueViolation:
            return 0, []  # one of them was submitted at this moment; the next look finds its double
        return len(rows), [f"{row['kind']} {row['key']}" for row in rows if row["status"] == "failed"]

    async def _execute(self, statement: str, **arguments: Any) -> None:
        from app.tasks.shared.engine import queue_failures

        with queue_failures():
            await self._connector.execute_query_async(statement, **arguments)

    async def _rows(self, statement: str, **arguments: Any) -> list[dict[str, Any]]:
        from app.tasks.shared.engine import queue_failures

        with queue_failures():
            return await self._connector.execute_query_all_async(statement, **arguments)


class WorkerRegistry:
    """Who works on shared tasks, and what waits; readable without the library."""

    def __init__(self, database: Database, *, history_days: int = 90, silent_after: float = 30.0) -> None:
        self._database = database
        self._history_days = history_days
        self._silent_after = silent_after
        self._checked = False

    async def check(self) -> None:
        """SchemaMismatch unless both schemas are those of this program; where they were, one statement looks again."""
        async with self._database.connection() as connection:
            if self._checked and await self._still_ours(connection):
                return
            await check_schema(connection)
            await check_queue_schema(connection)
        self._checked = True

    @staticmethod
    async def _still_ours(connection: Connection) -> bool:
        try:
            found = await connection.fetchval(sql.SCHEMAS_HOLD, revisions()[-1], shipped_migrations()[-1])
        except UndefinedTableError:
            return False
        return bool(found)

    async def beat(self, role: WorkerRole, counts: WorkerCounts, since: datetime | None = None) -> WorkerSign | None:
        """A sign of life of the process that has had the name since then; None where another has it now.

        Without a start the name is taken, whoever had it.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                sql.BEAT,
                role.name, version("gridkeeper"), list(role.queues), role.region, role.places,
                counts.running, counts.done, counts.failed, counts.per_minute, since,
            )  # fmt: skip
        return None if row is None else WorkerSign(row["started_at"], row["draining"])

    async def leave(self, name: str, since: datetime | None = None) -> None:
        """The worker has ended in order, or is forgotten; where `since` is given, only if no other has its name."""
        async with self._database.connection() as connection:
            await connection.execute(sql.LEAVE, name, since)

    async def add_up(self, ended: Mapping[str, tuple[int, int]]) -> None:
        """Count tasks that were done and that failed here, by queue, with those of all processes."""
        done, failed = zip(*ended.values(), strict=True)
        async with self._database.connection() as connection:
            await connection.execute(sql.ADD_UP, list(ended), done, failed)

    async def drain(self, name: str) -> WorkerState:
        """Ask a worker to end once its tasks have, and forget one that is silent; NotFound where there is none."""
        found = await self.worker(name)
        if found.silent(self._silent_after):
            await self.leave(name)
            return found
        async with self._database.connection() as connection:
            await connection.execute(sql.DRAIN, name)
        return replace(found, draining=True)

    async def forget_silent(self, now: datetime) -> int:
        """Forget workers that fell silent long ago; how many."""
        async with self._database.connection() as connection:
            return await erase(connection, sql.SILENT, now - sql.SILENT_KEPT)

    async def forget_all(self) -> tuple[int, int] | None:
        """Empty queue and list of workers: how many workers and tasks went. None where a worker lives, as far as is known."""
        async with self._database.transaction() as connection:
            if await connection.fetchval(sql.ANY_WORKER, self._silent_after):
                return None
            workers = await connection.execute(sql.FORGET_WORKERS)
            await connection.execute(f"set local search_path = {SCHEMA}")
            tasks = await connection.execute(sql.FORGET_TASKS)
        return rows_changed(workers), rows_changed(tasks)

    async def workers(self) -> list[WorkerState]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.WORKERS)
        return [WorkerState(**{**dict(row), "queues": tuple(row["queues"])}) for row in rows]

    async def worker(self, name: str) -> WorkerState:
        """The worker of this name; NotFound where there is none."""
        for found in await self.workers():
            if found.name == name:
                return found
        raise _unknown(name)

    async def queues(self) -> list[QueueState]:
        """The queues that hold tasks, and those that usually do, the most urgent first."""
        async with self._database.connection() as connection:
            found = await connection.fetch(sql.QUEUES, self._silent_after)
        rows = {row["name"]: QueueState(**dict(row)) for row in found}
        rows.pop(PROBES, None)
        return [rows.pop(name, QueueState(name)) for name in QUEUES.values()] + list(rows.values())

    async def tidy(self, now: datetime) -> str:
        """Forget workers that fell silent and tasks that were parked long ago; says how many."""
        before = now - timedelta(days=self._history_days)
        workers = await self.forget_silent(now)
        async with self._database.transaction() as connection:
            await connection.execute(f"set local search_path = {SCHEMA}")
            tasks = await erase(connection, sql.PARKED, before)
        gone = {"silent workers": workers, "parked tasks": tasks}
        return ", ".join(f"{number} {what}" for what, number in gone.items() if number)


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no worker {name!r}; `gridkeeper workers list` names them")
