"""The record of the collection: what was asked, what came of it, what was refused, which empty answers prove nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.collection.answers import UNASKED, Answers, answers_of
from app.collection.empty_incidents import ExpectedWindow
from app.collection.models import CollectionRequest, CollectionRun, Outcome
from app.collection.source_health import LastWindow, PlatformState, state_after
from app.db.engine import Database
from app.market.time import Interval

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

# What is published while a question waits for its answer may be in none: its start counts.
# Of the questions of each cycle for the last hours only the latest tell anything: later ones have covered the same time.
_ANSWERS = """
    select
        wanted.number,
        runs.window_start,
        runs.window_end,
        runs.started_at,
        runs.outcome <> 'failed'
        and runs.rejected = 0
        and not (
            runs.outcome = 'empty'
            and exists (
                select from empty_incidents
                where runs.finished_at >= began_at and coalesce(runs.finished_at <= ended_at, true)
            )
        ) as usable,
        runs.revised + runs.vanished > 0 as corrected
    from unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        as wanted (number, item, area, first, last)
    join collection_runs as runs
        on
            runs.item = wanted.item
            and runs.area = wanted.area
            and runs.window_end > wanted.first
            and runs.window_start < wanted.last
            and (
                runs.finished_at > $6::timestamptz - interval '12 hours'
                or runs.window_end - runs.window_start > interval '4 hours'
                or runs.finished_at - runs.window_end > interval '20 hours'
            )
    order by wanted.number, runs.started_at, runs.run_id
"""

# Of items and areas that are known, where the same item or area has values on the days of the window. A window that
# was empty before is a question for what is known to be missing, and says nothing of the source.
_EXPECTED_WINDOWS = """
    select runs.finished_at, runs.item, runs.area, runs.outcome = 'empty' as empty
    from collection_runs as runs
    where
        runs.finished_at > $1
        and runs.finished_at <= $2
        and runs.outcome in ('stored', 'empty')
        and exists (select from series where series.item = runs.item and series.area = runs.area)
        and (
            runs.outcome = 'stored'
            or exists (
                select
                from series
                join daily_counts using (series_id)
                where
                    (series.item = runs.item or series.area = runs.area)
                    and day >= (runs.window_start at time zone 'UTC')::date
                    and day <= (runs.window_end at time zone 'UTC')::date
                    and stored > 0
            )
            and not exists (
                select
                from collection_runs as earlier
                where
                    earlier.item = runs.item
                    and earlier.area = runs.area
                    and earlier.window_end > runs.window_start
                    and earlier.window_start < runs.window_end
                    and earlier.outcome = 'empty'
                    and earlier.finished_at <= $1
            )
        )
    order by runs.finished_at, runs.run_id
"""

_OPEN_INCIDENT = "select began_at from empty_incidents where ended_at is null"

_BEGIN_INCIDENT = """
    insert into empty_incidents (began_at, windows, summary) values ($1, $2, $3)
    on conflict ((true)) where ended_at is null
    do update set windows = excluded.windows, summary = excluded.summary
"""

_END_INCIDENT = "update empty_incidents set ended_at = $1 where ended_at is null"


# Newest first; $7 and $8 are where the page before ended.
_RECORD = """
    select
        run_id, source, item, area, window_start, window_end, started_at, finished_at, outcome,
        coalesce(error_class, '') as error_class, coalesce(error_message, '') as error_message,
        received, new, revised, unchanged, vanished, rejected, requests, retries, bytes,
        api_seconds, parse_seconds, store_seconds
    from collection_runs
    where
        ($1::text[] is null or item = any($1))
        and ($2::text[] is null or area = any($2))
        and ($3::text is null or outcome = $3)
        and finished_at >= $4
        and finished_at < $5
        and ($7::timestamptz is null or (finished_at, run_id) < ($7, $8::bigint))
    order by finished_at desc, run_id desc
    limit $6
"""


async def latest_windows(connection: Connection, limit: int = LATEST) -> list[LastWindow]:
    """How the latest windows ended, whoever asked for them, oldest first."""
    return [LastWindow(**row) for row in reversed(await connection.fetch(_LATEST, limit))]


@dataclass(frozen=True, slots=True)
class RecordedWindow:
    """A window as it is kept: what was asked, what came of it, what it cost."""

    run_id: int
    source: str
    item: str
    area: str
    window_start: datetime
    window_end: datetime
    started_at: datetime
    finished_at: datetime
    outcome: str
    error_class: str
    error_message: str
    received: int
    new: int
    revised: int
    unchanged: int
    vanished: int
    rejected: int
    requests: int
    retries: int
    bytes: int
    api_seconds: float
    parse_seconds: float
    store_seconds: float


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

    async def recorded(
        self,
        asked: Interval,
        *,
        items: Collection[str] | None = None,
        areas: Collection[str] | None = None,
        outcome: Outcome | None = None,
        limit: int,
        before: tuple[datetime, int] | None = None,
    ) -> list[RecordedWindow]:
        """The windows of these items and areas whose answer came in the interval, the latest first; None means any."""
        names = [None if one is None else list(one) for one in (items, areas)]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _RECORD, *names, outcome and outcome.value, asked.start, asked.end, limit, *(before or (None, None))
            )
        return [RecordedWindow(**row) for row in rows]

    async def platform(self) -> PlatformState:
        """What the latest windows say of the platform."""
        async with self._database.connection() as connection:
            return state_after(await latest_windows(connection))


class AnswerRepository:
    """Reads the questions that were answered, for who decides what to ask again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answers(self, requests: Sequence[CollectionRequest], now: datetime) -> dict[tuple[str, str], Answers]:
        """The questions that met the requests, by item and area."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _ANSWERS,
                list(range(len(requests))),
                [one.item.value for one in requests],
                [one.place.eic for one in requests],
                [one.interval.start for one in requests],
                [one.interval.end for one in requests],
                now,
            )
        groups: dict[int, list[Any]] = {}
        for row in rows:
            groups.setdefault(row["number"], []).append(row)
        return {
            (one.item.value, one.place.eic): answers_of(groups[number]) if number in groups else UNASKED
            for number, one in enumerate(requests)
        }


class IncidentRepository:
    """Keeps the times in which empty answers prove nothing; at most one is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_since(self) -> datetime | None:
        """When the open incident began."""
        async with self._database.connection() as connection:
            began: datetime | None = await connection.fetchval(_OPEN_INCIDENT)
        return began

    async def expected_windows(self, after: datetime, until: datetime) -> list[ExpectedWindow]:
        """The windows asked for since then in which values are expected, in the order of their answers."""
        async with self._database.connection() as connection:
            return [ExpectedWindow(**row) for row in await connection.fetch(_EXPECTED_WINDOWS, after, until)]

    async def begin(self, began: datetime, windows: int, summary: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_BEGIN_INCIDENT, began, windows, summary)

    async def end(self, ended: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_END_INCIDENT, ended)
