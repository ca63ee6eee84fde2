"""Backfills and their windows as rows: claimed under a lease, ended once, by whichever process holds the lease.

Whoever changes the windows of a backfill locks its row first: so the number of windows under way is exact over all
processes, and of two that end the last two windows at once the later one sees that nothing is left.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app.collection.backfill import queries
from app.collection.backfill import sql as statements
from app.collection.backfill.models import (
    UNANSWERED_BY,
    BackfillProgress,
    BackfillRequest,
    BackfillRetryPolicy,
    BackfillState,
    ClaimedWindow,
    FailedWindow,
    Holder,
    MissingInterval,
    Opening,
    PlannedWindow,
    Reprocess,
    WindowAttempt,
    WindowEnd,
    WindowState,
)
from app.collection.gaps.question_schedule import AskPolicy, answers_that_count
from app.collection.gaps.repository import keep_asked
from app.collection.models import Work
from app.db.leases.repository import Dead
from app.db.retention import erase
from app.errors import Conflict, NotFound
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database


class BackfillRepository:
    """Stores backfills and hands out their windows."""

    def __init__(self, database: Database, patience: BackfillRetryPolicy) -> None:
        self._database = database
        self._patience = patience

    async def add(self, request: BackfillRequest, work: Sequence[Work]) -> int:
        """The id of the new backfill; one without windows is completed at once."""
        async with self._database.transaction() as connection:
            backfill_id: int = await connection.fetchval(
                statements.ADD,
                request.description, request.reprocess.value, request.newest_first, request.concurrency,
            )  # fmt: skip
            await connection.execute(
                statements.ADD_WINDOWS,
                backfill_id,
                [one.item.value for one in work],
                [one.place.eic for one in work],
                [one.window.start for one in work],
                [one.window.end for one in work],
            )
            await connection.execute(statements.COMPLETE, backfill_id)
            if request.stays:
                await keep_asked(connection, request.requests, backfill_id=backfill_id)
        return backfill_id

    async def queued(self, work: Sequence[Work]) -> list[MissingInterval]:
        """The windows of open backfills that wait for the same items and areas."""
        return [_missing_interval(row) for row in await self._of_pairs(queries.QUEUED, work)]

    async def failed(self, work: Sequence[Work]) -> list[MissingInterval]:
        """The windows that failed or were partly refused, and for which no later answer proves anything."""
        settled = AskPolicy().asks
        rows = await self._of_pairs(queries.LAST_FAILED, work)
        return [_missing_interval(row) for row in rows if answers_that_count(map(_second, row["empty_at"])) < settled]

    async def openings(self, only: int | None = None) -> list[Opening]:
        """How many windows of each open backfill (or of one) can be claimed now, oldest backfill first.

        One that waits for the source goes on once anybody was answered.
        """
        async with self._database.connection() as connection:
            await connection.execute(statements.RELEASE, list(UNANSWERED_BY))
            rows = await connection.fetch(statements.OPENINGS, only)
        return [Opening(row["backfill_id"], row["windows"]) for row in rows]

    async def any_open(self) -> bool:
        """Whether there is a backfill that has not ended, be it paused or held."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(statements.ANY_OPEN))

    async def claim(self, backfill_id: int, worker: str) -> ClaimedWindow | None:
        """The next window of the backfill, or None where none is left, or as many as allowed are under way."""
        async with self._database.transaction() as connection:
            if await connection.fetchval(statements.LOCK_OPEN, backfill_id) is None:
                return None
            row = await connection.fetchrow(
                statements.CLAIM, backfill_id, worker, self._patience.lease, self._patience.attempts
            )
        return None if row is None else _claimed(row)

    async def extend(self, leases: Collection[UUID]) -> set[UUID]:
        """Renews the leases; those that are not returned are lost, and with them the right to end their windows."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(statements.WINDOWS.extend, list(leases), self._patience.lease)
        return {row["lease"] for row in rows}

    async def end(self, window: ClaimedWindow, attempt: WindowAttempt) -> WindowEnd:
        """Records the end of the window, and tells whether another can be claimed; where the lease was lost nothing changes."""
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK, window.backfill_id)
            ended = await connection.fetchval(
                statements.END,
                window.window_id, window.lease, attempt.outcome.value, attempt.run_id, attempt.requests,
                attempt.error_class, attempt.error_message,
            )  # fmt: skip
            if not ended:
                return WindowEnd.LOST
            await connection.execute(statements.ANSWERED, window.backfill_id)
            if await connection.fetchval(statements.LEFT, window.backfill_id):
                return WindowEnd.MORE
            await connection.execute(statements.COMPLETE, window.backfill_id)
        return WindowEnd.LAST

    async def retry_later(self, window: ClaimedWindow, attempt: WindowAttempt) -> WindowEnd:
        """Puts the window back for a later attempt; after several in a row the backfill waits as a whole.

        It waits longer after each round of failures, not after each window; and what the source left unanswered while
        it was down counts as no attempt.
        """
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK, window.backfill_id)
            returned = await connection.fetchval(
                statements.RETRY_LATER,
                window.window_id, window.lease, self._patience.pause(window.attempts),
                attempt.error_class, attempt.error_message, attempt.run_id, attempt.requests,
            )  # fmt: skip
            if returned:
                [(failures, counted)] = await connection.fetch(
                    statements.UNANSWERED, window.backfill_id, attempt.error_message, window.window_id
                )
                if failures >= statements.HOLD_AFTER:
                    await connection.execute(statements.REFUND, window.window_id)
                if failures >= statements.HOLD_AFTER and counted:
                    pause = self._patience.hold(failures - statements.HOLD_AFTER + 1)
                    await connection.execute(statements.HOLD, window.backfill_id, pause)
        return WindowEnd.MORE if returned else WindowEnd.LOST

    async def hand_back(self, leases: Collection[UUID]) -> int:
        """Returns windows untried, because their worker stops; the number of those it still held."""
        async with self._database.connection() as connection:
            return len(await connection.fetch(statements.WINDOWS.hand_back, list(leases)))

    async def give_up_lost(self) -> int:
        """Fails the windows whose workers died so often that the window itself must be the cause; returns how many."""
        async with self._database.transaction() as connection:
            wanted = await connection.fetch(statements.LOST, self._patience.attempts)
            if not wanted:
                return 0
            backfills = sorted({row["backfill_id"] for row in wanted})
            await connection.execute(statements.LOCK_MANY, backfills)
            failed = await connection.fetch(statements.GIVE_UP, [row["window_id"] for row in wanted])
            for backfill_id in backfills:
                await connection.execute(statements.COMPLETE, backfill_id)
        return len(failed)

    @property
    def database_name(self) -> str:
        """The database that holds them, by its address."""
        return self._database.name

    async def free_dead(self, dead: Dead) -> int:
        """Frees the windows of workers that are known to be dead before their leases end; how many."""
        async with self._database.connection() as connection:
            holders = [row["claimed_by"] for row in await connection.fetch(statements.WINDOWS.holders)]
            gone = list(dead(self.database_name, holders)) if holders else []
            return len(await connection.fetch(statements.WINDOWS.free, gone)) if gone else 0

    async def measured(self, work: Sequence[Work]) -> tuple[float, float] | None:
        """What a window of these items and areas took lately: requests and seconds of work; None where nothing is known."""
        items, areas = {one.item.value for one in work}, {one.place.eic for one in work}
        async with self._database.connection() as connection:
            [found] = await connection.fetch(queries.MEASURED, sorted(items), sorted(areas))
        return None if found["requests"] is None else (found["requests"], found["seconds"])

    async def slowed(self, reason: str, only: int | None = None) -> None:
        """Notes for those who ask why the open backfills (or one) go slower than they might."""
        async with self._database.connection() as connection:
            await connection.execute(statements.SLOWED, reason, only)

    async def pause(self, backfill_id: int, reason: str = "") -> None:
        """No further window is claimed; those under way end. Conflict where the backfill has ended."""
        await self._change(backfill_id, "pause", statements.PAUSE, backfill_id, reason)

    async def resume(self, backfill_id: int) -> None:
        """Windows are claimed again, also where the source did not answer. Conflict where the backfill has ended."""
        await self._change(backfill_id, "resume", statements.RESUME, backfill_id)

    async def cancel(self, backfill_id: int) -> int:
        """Ends the backfill for good; the number of windows that are given up. Conflict where it has ended."""
        async with self._database.transaction() as connection:
            await _changed(connection, backfill_id, "cancel", statements.CANCEL, backfill_id)
            await connection.execute(statements.FORGET_ASKED, backfill_id)
            return len(await connection.fetch(statements.CANCEL_WINDOWS, backfill_id))

    async def retry_failed(self, backfill_id: int) -> int:
        """Queues the failed windows once more and opens the backfill for them; returns how many."""
        async with self._database.transaction() as connection:
            state = await _state(connection, backfill_id)
            if state is BackfillState.CANCELLED:
                raise Conflict(f"backfill {backfill_id} is cancelled; start a new one with --reprocess missing+failed")
            await connection.execute(statements.LOCK, backfill_id)
            queued = await connection.fetch(statements.RETRY_FAILED, backfill_id)
            if queued:
                await connection.execute(statements.REOPEN, backfill_id)
        return len(queued)

    async def prune(self, age: timedelta) -> int:
        """Deletes what ended longer ago; how many backfills went."""
        async with self._database.transaction() as connection:
            [ended] = statements.RETAINED
            return await erase(connection, ended, age)

    async def progress(self, backfill_id: int | None = None, *, limit: int = 20) -> list[BackfillProgress]:
        """The open backfills and the newest, or one; NotFound where there is none of this number."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.PROGRESS, backfill_id, limit)
        if backfill_id is not None and not rows:
            raise _unknown(backfill_id)
        return [_progress(row) for row in rows]

    async def states(self, backfill_ids: Collection[int]) -> dict[int, tuple[BackfillState, str]]:
        """The state of each backfill, and why where there is a reason."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.STATES, list(backfill_ids))
        return {row["backfill_id"]: (BackfillState(row["state"]), row["reason"]) for row in rows}

    async def failures(self, backfill_id: int, *, limit: int | None = None) -> list[FailedWindow]:
        """The windows that failed or wait for another attempt, all or the first, in the order of the plan."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.FAILURES, backfill_id, limit)
        return [FailedWindow(**dict(row)) for row in rows]

    async def windows(
        self, backfill_id: int, state: WindowState | None, *, limit: int, after: int = 0
    ) -> list[PlannedWindow]:
        """The windows in the order of the plan, of one state or all; `after` is the position after which to go on."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.WINDOWS, backfill_id, state and state.value, after, limit)
        return [PlannedWindow(**{**dict(row), "state": WindowState(row["state"])}) for row in rows]

    async def _of_pairs(self, statement: str, work: Sequence[Work]) -> list[Record]:
        pairs = list(dict.fromkeys((one.item.value, one.place.eic) for one in work))
        async with self._database.connection() as connection:
            return await connection.fetch(statement, [item for item, _ in pairs], [area for _, area in pairs])

    async def _change(self, backfill_id: int, verb: str, statement: str, *arguments: object) -> None:
        async with self._database.transaction() as connection:
            await _changed(connection, backfill_id, verb, statement, *arguments)


def _missing_interval(row: Record) -> MissingInterval:
    return MissingInterval(row["item"], row["area"], row["window_start"], row["window_end"])


def _second(instant: datetime) -> int:
    return int(instant.timestamp())


async def _changed(connection: Connection, backfill_id: int, verb: str, statement: str, *arguments: object) -> None:
    if await connection.fetchval(statement, *arguments) is None:
        state = await _state(connection, backfill_id)
        raise Conflict(f"backfill {backfill_id} is {state}: there is nothing to {verb}")


async def _state(connection: Connection, backfill_id: int) -> BackfillState:
    rows = await connection.fetch(queries.PROGRESS, backfill_id, 1)
    if not rows:
        raise _unknown(backfill_id)
    return BackfillState(rows[0]["state"])


def _unknown(backfill_id: int) -> NotFound:
    return NotFound(f"there is no backfill {backfill_id}; `gridkeeper backfill status` lists them")


def _claimed(row: Record) -> ClaimedWindow:
    work = Work(DataItem(row["item"]), find_place(row["area"]), Interval(row["window_start"], row["window_end"]))
    return ClaimedWindow(row["window_id"], row["backfill_id"], work, row["lease"], row["attempts"])


def _progress(row: Record) -> BackfillProgress:
    return BackfillProgress(
        backfill_id=row["backfill_id"],
        description=row["description"],
        state=BackfillState(row["state"]),
        reason=row["reason"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        reprocess=Reprocess(row["reprocess"]),
        newest_first=row["newest_first"],
        concurrency=row["concurrency"],
        counts={state: row[state.value] for state in WindowState},
        requests=row["requests"],
        claimable=row["claimable"],
        holders=tuple(
            Holder(*one) for one in zip(row["holders"], row["holders_windows"], row["holders_until"], strict=True)
        ),
        last_ended=row["last_ended"],
        waiting=row["waiting"],
        recent_windows=row["recent_windows"],
        recent_seconds=row["recent_seconds"],
        window_seconds=row["window_seconds"],
    )
