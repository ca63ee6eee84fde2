"""What was asked for, and the gaps that the last analysis found, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from app.collection.gaps.classification import Asked, Reason
from app.collection.gaps.history import GapChange, gap_changes
from app.collection.gaps.models import GapRow
from app.collection.models import CollectionRequest
from app.db.retention import Retention, erase
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.text import counted
from app.market.time import Interval, Resolution, merge_intervals
from app.settings import SchedulerSettings

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

# What came back empty in an incident that is over proves nothing. Each run once, however many of the gaps its window meets.
_ASKED = """
    select distinct wanted.number, runs.started_at, runs.finished_at, runs.run_id, runs.window_start, runs.window_end,
        runs.outcome <> 'failed'
        and runs.rejected = 0
        and not (
            runs.outcome = 'empty'
            and exists (
                select from empty_incidents where runs.finished_at >= began_at and runs.finished_at <= ended_at
            )
        ) as usable
    from unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        as wanted (number, item, area, first, last)
    join collection_runs as runs
        on
            runs.item = wanted.item
            and runs.area = wanted.area
            and runs.window_end > wanted.first
            and runs.window_start < wanted.last
    order by wanted.number, runs.started_at, runs.run_id
"""

_OVERLAPPING = """
    select gaps.*
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as wanted (item, area, first, last)
    join gaps
        on
            gaps.item = wanted.item
            and gaps.area = wanted.area
            and gaps.gap_end > wanted.first
            and gaps.gap_start < wanted.last
    for update of gaps
"""

_LAST_ASKED = """
    select wanted.item, wanted.area, last.finished_at
    from unnest($1::text[], $2::text[]) as wanted (item, area)
    cross join lateral (
        select finished_at from collection_runs
        where collection_runs.item = wanted.item and collection_runs.area = wanted.area
        order by finished_at desc limit 1
    ) as last
"""

_KEPT = "select true from gaps where item = $1 and area = $2 and gap_end > $3 and gap_start < $4 limit 1"

# Two analyses that cut the same gap at once would each keep the other's part of it.
_ONE_AT_A_TIME = "select pg_advisory_xact_lock($1)"
_LOCK = 0x67617073  # "gaps"

_REMOVE = "delete from gaps where gap_id = any($1::bigint[])"

_ADD = """
    insert into gaps (item, area, series_id, gap_start, gap_end, resolution, missing, reason, since, found_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict on constraint gaps_place do update
    set
        gap_end = excluded.gap_end, resolution = excluded.resolution, missing = excluded.missing,
        reason = excluded.reason, since = excluded.since, found_at = excluded.found_at
"""

_TELL = """
    insert into gap_changes (
        item, area, series_id, change_start, change_end, resolution, missing, was, reason, since, whole, at
    )
    select *, $12::timestamptz
    from unnest(
        $1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::smallint[], $7::integer[],
        $8::text[], $9::text[], $10::timestamptz[], $11::boolean[]
    )
"""

# Of what is collected every gap stays, however old, and of the rest what a person asked for.
_FORGET = """
    delete from gaps
    where
        reason in ('ours', 'late')
        and not exists (
            select from asked_ranges
            where
                asked_ranges.item = gaps.item
                and asked_ranges.area = gaps.area
                and range_start < gap_end
                and range_end > gap_start
        )
        and (
            gap_end <= $1
            and not exists (
                select from collection_runs
                where
                    collection_runs.item = gaps.item
                    and collection_runs.area = gaps.area
                    and collection_runs.window_end > gap_start
                    and collection_runs.window_start < gap_end
            )
            or not exists (
                select from collection_runs
                where
                    collection_runs.item = gaps.item
                    and collection_runs.area = gaps.area
                    and collection_runs.finished_at > $2
            )
        )
"""

# $1, $2: items and areas of the plan, with the moments $3 before which nothing else looks at them.
_OPEN = """
    select gaps.item, gaps.area, gap_start, least(gap_end, coalesce(planned.before, 'infinity')) as gap_end
    from gaps
    left join unnest($1::text[], $2::text[], $3::timestamptz[]) as planned (item, area, before)
        on planned.item = gaps.item and planned.area = gaps.area
    where
        planned.before > gap_start
        or planned.before is null
        and exists (
            select from asked_ranges
            where
                asked_ranges.item = gaps.item
                and asked_ranges.area = gaps.area
                and range_start < gap_end
                and range_end > gap_start
        )
    order by 1, 2, 3
"""

_STAYS = """
    insert into asked_ranges (item, area, range_start, range_end, backfill_id)
    select item, area, range_start, range_end, $5
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
        as asked (item, area, range_start, range_end)
    on conflict on constraint asked_ranges_once do nothing
"""

GIVEN_UP = timedelta(days=2)
"""What is collected is asked for at least once a day, also by a service that is refused."""


RETAINED = (
    Retention(
        "gaps",
        "gap_end",
        "scheduler.recent_days scheduler.analysis_days scheduler.backfill_days",
        only="gaps late or ours that nobody asked for and no window of a run meets; at once where nothing is collected",
        statement=_FORGET,
    ),
)
CHANGES_RETAINED = Retention("gap_changes", "at", "monitoring.rollup_days")
"""Deleted together with the rollups, which are made of them."""


class GapRepository:
    """Reads the runs that an analysis judges by and keeps the gaps it found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def asked(self, wanted: Sequence[tuple[CollectionRequest, Interval]]) -> dict[tuple[str, str], Asked]:
        """The runs whose windows meet one of the intervals, by item and area, in the order in which they were asked."""
        pairs = list(dict.fromkeys((request.item.value, request.place.eic) for request, _ in wanted))
        number = {pair: index for index, pair in enumerate(pairs)}
        named = [(request.item.value, request.place.eic) for request, _ in wanted]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _ASKED,
                [number[pair] for pair in named],
                [item for item, _ in named],
                [area for _, area in named],
                [interval.start for _, interval in wanted],
                [interval.end for _, interval in wanted],
            )
        found: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            found.setdefault(pairs[row["number"]], []).append(row)
        return {pair: _columns(group) for pair, group in found.items()}

    async def open_before(self, planned: Sequence[CollectionRequest]) -> list[CollectionRequest]:
        """The kept gaps that lie before the planned requests, and those that a person asked for outside of them."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _OPEN,
                [one.item.value for one in planned],
                [one.place.eic for one in planned],
                [one.interval.start for one in planned],
            )
        return [
            CollectionRequest(
                DataItem(row["item"]), find_place(row["area"]), Interval(row["gap_start"], row["gap_end"])
            )
            for row in rows
        ]

    async def keep_asked(self, requests: Sequence[CollectionRequest]) -> None:
        """Keep what a person asked for, so that it stays asked for."""
        async with self._database.connection() as connection:
            await keep_asked(connection, requests)

    async def last_asked(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
        """When each item and area was asked for last; those that never were are left out."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_LAST_ASKED, [item for item, _ in pairs], [area for _, area in pairs])
        return {(row["item"], row["area"]): row["finished_at"] for row in rows}

    async def any_kept(self, request: CollectionRequest) -> bool:
        """Whether the last analyses found a gap in the interval of the request."""
        named = (request.item.value, request.place.eic, request.interval.start, request.interval.end)
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_KEPT, *named))

    async def keep(
        self, analysed: Sequence[CollectionRequest], gaps: Sequence[GapRow], now: datetime, *, adding: bool = True
    ) -> int:
        """Makes the kept gaps of the analysed intervals these, and keeps what changed; gives the number of changed rows.

        Without `adding` only what is left of kept gaps: nothing is kept where nothing was.
        """
        if not analysed:
            return 0
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME, _LOCK)
            known = await _overlapping(connection, analysed)
            of_pair = _by_pair(analysed)
            if not adding:
                gaps = _within(gaps, known.values())
            remaining = [row for gap in known.values() for row in _rest(gap, of_pair[gap.item, gap.area])]
            wanted = set(gaps) | set(remaining)
            gone = [gap_id for gap_id, gap in known.items() if gap not in wanted]
            new = sorted(wanted - set(known.values()), key=lambda row: (row.item, row.area, row.interval))
            if gone:
                await connection.execute(_REMOVE, gone)
            if new:
                await connection.executemany(_ADD, [(*_row(gap), now) for gap in new])
            changes = gap_changes([known[gap_id] for gap_id in gone], new)
            if changes:
                await connection.execute(_TELL, *zip(*map(_change_row, changes), strict=True), now)
        return len(gone) + len(new)


async def keep_asked(
    connection: Connection, requests: Sequence[CollectionRequest], *, backfill_id: int | None = None
) -> None:
    """Keep what a person asked for, so that it stays asked for."""
    await connection.execute(
        _STAYS,
        [one.item.value for one in requests],
        [one.place.eic for one in requests],
        [one.interval.start for one in requests],
        [one.interval.end for one in requests],
        backfill_id,
    )


class GapRetention:
    """Forgets what nobody works on any more, which would be reported as missing through us for ever."""

    def __init__(self, database: Database, *, kept: timedelta) -> None:
        self._database = database
        self._kept = kept

    @classmethod
    def of(cls, database: Database, settings: SchedulerSettings) -> Self:
        """Keeps what the jobs keep complete."""
        days = max(settings.recent_days, settings.analysis_days, settings.backfill_days)
        return cls(database, kept=timedelta(days=days))

    async def tidy(self, now: datetime) -> str:
        """Drop late gaps and ours older than what is kept complete, or of what is not collected any more."""
        async with self._database.connection() as connection:
            [unfillable] = RETAINED
            count = await erase(connection, unfillable, now - self._kept, now - GIVEN_UP)
        return f"{counted(count, 'gap')} forgotten that nobody fills any more" if count else ""


async def _overlapping(connection: Connection, analysed: Sequence[CollectionRequest]) -> dict[int, GapRow]:
    rows = await connection.fetch(
        _OVERLAPPING,
        [request.item.value for request in analysed],
        [request.place.eic for request in analysed],
        [request.interval.start for request in analysed],
        [request.interval.end for request in analysed],
    )
    return {
        row["gap_id"]: GapRow(
            row["item"], row["area"], row["series_id"], Interval(row["gap_start"], row["gap_end"]),
            Resolution.from_id(row["resolution"]), row["missing"], Reason(row["reason"]), row["since"],
        )
        for row in rows
    }  # fmt: skip


def _by_pair(analysed: Sequence[CollectionRequest]) -> dict[tuple[str, str], list[CollectionRequest]]:
    found: dict[tuple[str, str], list[CollectionRequest]] = {}
    for request in analysed:
        found.setdefault((request.item.value, request.place.eic), []).append(request)
    return found


def _within(gaps: Sequence[GapRow], known: Iterable[GapRow]) -> list[GapRow]:
    """What of the gaps lies in the time of known ones; of which series each is may have been learned in between."""
    kept: dict[tuple[str, str], list[GapRow]] = {}
    for one in known:
        kept.setdefault((one.item, one.area), []).append(one)
    hulls = {pair: merge_intervals(row.interval for row in rows) for pair, rows in kept.items()}
    return [
        part
        for gap in gaps
        for hull in hulls.get((gap.item, gap.area), ())
        if gap.interval.intersection(hull)
        for part in _inside(gap, hull, kept[gap.item, gap.area])
    ]


def _inside(gap: GapRow, hull: Interval, kept: Sequence[GapRow]) -> list[GapRow]:
    """The gap without what of it lies outside of the interval; a part has been missing since what is kept of it has."""
    if gap.resolution.is_calendar:
        return [gap]
    parts = [gap]
    for beside in gap.interval.subtract(hull):
        parts = [part for one in parts for part in one.outside(beside)]
    since = min(row.since for row in kept if row.interval.intersection(hull))
    return [part if part.interval.start == gap.interval.start else replace(part, since=since) for part in parts]


def _rest(gap: GapRow, analysed: Sequence[CollectionRequest]) -> list[GapRow]:
    """The parts of a kept gap that none of the analysed intervals covers."""
    rest = [gap]
    for request in analysed:
        rest = [part for one in rest for part in one.outside(request.interval)]
    return rest


def _row(gap: GapRow) -> tuple[object, ...]:
    return (
        gap.item, gap.area, gap.series_id, gap.interval.start, gap.interval.end,
        gap.resolution.id, gap.missing, gap.reason.value, gap.since,
    )  # fmt: skip


def _change_row(change: GapChange) -> tuple[object, ...]:
    return (
        change.item, change.area, change.series_id, change.interval.start, change.interval.end,
        change.resolution.id, change.missing, change.was, change.reason, change.since, change.whole,
    )  # fmt: skip


def _columns(rows: Sequence[Any]) -> Asked:
    names = ("window_start", "window_end", "started_at", "finished_at")
    times = [[row[name].timestamp() for row in rows] for name in names]
    begins, ends, asked_at, finished = (np.array(column, np.float64).astype(np.int64) for column in times)
    return Asked(begins, ends, asked_at, finished, np.array([row["usable"] for row in rows], np.bool_))
