"""The record of collection runs: what was asked, what came of it, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.collection.models import CollectionRun
from app.collection.source_health import LastWindow, PlatformState, state_after
from app.db.engine import Database

if TYPE_CHECKING:
    from app.db.engine import Connection

_INSERT_RUN = """
    INSERT INTO collection_runs (
        source, item, area, window_start, window_end, started_at, finished_at, outcome, error_class, error_message,
        received, new, revised, unchanged, vanished, rejected, requests, retries, bytes,
        api_seconds, parse_seconds, store_seconds
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
    RETURNING run_id
"""

_INSERT_REJECTED = "INSERT INTO rejected_points (run_id, series, place, reason) VALUES ($1, $2, $3, $4)"

_INSERT_MALFORMED = """
    INSERT INTO malformed_documents (
        run_id, received_at, source, item, area, window_start, window_end, reason, body
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

LATEST = 200
"""So many windows tell how the platform is, and since when."""

_LATEST = """
    select finished_at, outcome, coalesce(error_class, '') as error_class, coalesce(error_message, '') as error_message
    from collection_runs
    order by finished_at desc
    limit $1
"""


async def latest_windows(connection: Connection, limit: int = LATEST) -> list[LastWindow]:
    """How the latest windows ended, whoever asked for them, oldest first."""
    return [LastWindow(**row) for row in reversed(await connection.fetch(_LATEST, limit))]


class RunRepository:
    """Stores collection runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, run: CollectionRun, *, malformed: Sequence[bytes] = ()) -> int:
        """The id of the stored run; keeps the points that were refused and the bytes that could not be read."""
        place, window, cost = run.place.eic, run.window, run.statistics
        async with self._database.transaction() as connection:
            run_id: int = await connection.fetchval(
                _INSERT_RUN,
                run.source, run.item.value, place, window.start, window.end, run.started_at, run.finished_at,
                run.outcome.value, run.error_class, run.error_message,
                run.received, run.new, run.revised, run.unchanged, run.vanished, len(run.rejected),
                cost.requests, cost.retries, cost.bytes, cost.api_seconds, cost.parse_seconds, run.store_seconds,
            )  # fmt: skip
            if run.rejected:
                rows = [(run_id, point.series, point.where, point.reason) for point in run.rejected]
                await connection.executemany(_INSERT_REJECTED, rows)
            for body in malformed:
                await connection.execute(
                    _INSERT_MALFORMED,
                    run_id, run.finished_at, run.source, run.item.value, place, window.start, window.end,
                    run.error_message, body,
                )  # fmt: skip
        return run_id

    async def platform(self) -> PlatformState:
        """What the latest windows say of the platform."""
        async with self._database.connection() as connection:
            return state_after(await latest_windows(connection))
