"""Scores, findings and scans as rows, and the values that a scan reads."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from app.errors import Conflict, NotFound
from app.market.time import Interval, Resolution
from app.quality import sql as statements
from app.quality.assessment.alignment import NOTHING, StoredValues
from app.quality.findings import Changes, Finding, State, dimension_of, severity_of
from app.quality.listing import ListedFinding, ListedScore, SummedScores
from app.quality.models import EvidenceRule
from app.quality.scoring import DayScore, Dimension
from app.quality.trend import Trend
from app.timeseries.binary_copy import RowFormat
from app.timeseries.grid import ResolutionChange

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database

_LOCKS = 0x7175616C
"""Namespace of the advisory locks of quality."""
_VALUES = RowFormat(
    series_id="int4",
    delivery_start="timestamptz",
    resolution="int2",
    value="float8",
    filled="bool",
    recorded_at="timestamptz",
    learned_at="timestamptz",
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan of a series has seen."""

    series_id: int
    fingerprint: str
    window: Interval
    known_until: datetime | None


@dataclass(frozen=True, slots=True)
class ScoreHistory:
    """The overall score of each day of a series, oldest first."""

    series_id: int
    days: Sequence[date]
    scores: Sequence[float]


class ScanReader:
    """Reads what a scan needs, all from one snapshot."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def fingerprints(self, ids: Collection[int], interval: Interval) -> dict[int, tuple[str, datetime | None]]:
        """A digest of the values of each series from the start of the interval on, and when the latest was learned.

        What lies behind the interval changes the digest once the interval reaches it.
        """
        rows = await self.connection.fetch(statements.FINGERPRINTS, sorted(ids), interval.start, interval.end)
        return {row["series_id"]: (row["fingerprint"], row["known_until"]) for row in rows}

    async def scans(self, ids: Collection[int]) -> dict[int, tuple[str, datetime]]:
        """The fingerprint of the last scan of each series, and the start of its window."""
        rows = await self.connection.fetch(statements.SCANS, sorted(ids))
        return {row["series_id"]: (row["fingerprint"], row["window_start"]) for row in rows}

    async def changes(self, ids: Collection[int]) -> dict[int, list[ResolutionChange]]:
        """The resolutions of each series, oldest first."""
        found: dict[int, list[ResolutionChange]] = {}
        for row in await self.connection.fetch(statements.CHANGES, sorted(ids)):
            change = ResolutionChange(int(row["valid_from"].timestamp()), Resolution.from_id(row["resolution"]))
            found.setdefault(row["series_id"], []).append(change)
        return found

    async def any_findings(self, ids: Collection[int], interval: Interval) -> set[int]:
        """Which of the series have findings in the interval."""
        rows = await self.connection.fetch(statements.ANY_FINDINGS, sorted(ids), interval.start, interval.end)
        return {row["series_id"] for row in rows}

    async def values(self, ids: Collection[int], interval: Interval) -> dict[int, StoredValues]:
        """The present values of each series with the moment at which each was first known."""
        with io.BytesIO() as received:
            await self.connection.copy_from_query(
                statements.VALUES, sorted(ids), interval.start, interval.end, output=received, format="binary"
            )
            with received.getbuffer() as view:
                columns = _VALUES.decode(view)
        names = ("delivery_start", "resolution", "value", "filled", "recorded_at", "learned_at")
        found = dict.fromkeys(ids, NOTHING)
        numbers, firsts = np.unique(columns["series_id"], return_index=True)
        for number, first, end in zip(numbers, firsts, np.append(firsts, len(columns["value"]))[1:], strict=True):
            starts, *rest = (columns[name][first:end] for name in names)
            found[int(number)] = StoredValues(starts // 1_000_000, *rest)
        return found


class QualityRepository:
    """Keeps scores, findings and scans; every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ScanReader]:
        """A reader of one snapshot."""
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            yield ScanReader(connection)

    @asynccontextmanager
    async def writing(self, ids: Collection[int]) -> AsyncIterator[QualityWriter]:
        """A writer for these series, of which there is one at a time."""
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK, _LOCKS, sorted(ids))
            yield QualityWriter(connection)

    async def findings(
        self,
        *,
        ids: Collection[int] | None = None,
        items: Collection[str] | None = None,
        areas: Collection[str] | None = None,
        interval: Interval | None = None,
        states: Collection[State] | None = None,
    ) -> list[ListedFinding]:
        """Those that meet all of it, the latest interval first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                statements.LIST_FINDINGS,
                _listed(ids), _listed(items), _listed(areas),
                interval.start if interval else None, interval.end if interval else None, _listed(states),
            )  # fmt: skip
        return [ListedFinding(**row) for row in rows]

    async def scores(
        self,
        *,
        items: Collection[str] | None = None,
        areas: Collection[str] | None = None,
        interval: Interval | None = None,
    ) -> list[ListedScore]:
        """Those whose day begins in the interval, by series and day."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                statements.LIST_SCORES,
                _listed(items), _listed(areas),
                interval.start if interval else None, interval.end if interval else None,
            )  # fmt: skip
        return [ListedScore(**row) for row in rows]

    async def summed_scores(self, interval: Interval, first: date, last: date) -> list[SummedScores]:
        """Those of the days from the first to the last that begin in the interval, added up for each series."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(statements.SUMMED_SCORES, interval.start, interval.end, first, last)
        return [SummedScores.of(row) for row in rows]

    async def score_histories(self, since: datetime) -> list[ScoreHistory]:
        """Of every series that has scores."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(statements.SCORE_HISTORIES, since)
        return [ScoreHistory(**row) for row in rows]

    async def keep_trends(self, trends: Sequence[tuple[int, Trend]], now: datetime) -> None:
        """Keep the trend of each series, by its id; equal ones write nothing."""
        async with self._database.transaction() as connection:
            await connection.executemany(
                statements.KEEP_TREND, [(series_id, *astuple(trend), now) for series_id, trend in trends]
            )

    async def scanned_since(self, since: datetime) -> dict[str, int]:
        """How many series were examined last from then on, and what that has written; whoever did it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(statements.SCANNED_SINCE, since)
        return dict(row or {})

    async def accept(self, finding_id: int, *, note: str, by: str, now: datetime) -> Finding:
        """The finding, which counts no longer; NotFound and Conflict where there is none, or nothing to accept."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(statements.FINDING, finding_id)
            if row is None:
                raise NotFound(f"there is no finding {finding_id}; `gridkeeper quality findings` lists them")
            finding = finding_of(row)
            if finding.state in {State.REPAIRED, State.WITHDRAWN}:
                raise Conflict(f"finding {finding_id} is {finding.state}; only what still stands can be accepted")
            await connection.execute(statements.ACCEPT, finding_id, note, by, now)
            # The scores of its days change: the next scan looks at the series again.
            await connection.execute(statements.FORGET_SCAN, finding.series_id)
            return finding


def _listed(names: Collection[Any] | None) -> list[Any] | None:
    return None if names is None else [str(one) if isinstance(one, str) else one for one in names]


class QualityWriter:
    """Writes what a scan of some series found, all at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def findings(self, ids: Collection[int], interval: Interval) -> dict[int, list[Finding]]:
        """The kept findings of each series that meet the interval."""
        found: dict[int, list[Finding]] = {number: [] for number in ids}
        for row in await self._connection.fetch(statements.KNOWN_FINDINGS, sorted(ids), interval.start, interval.end):
            found[row["series_id"]].append(finding_of(row))
        return found

    async def keep_findings(self, changes: Changes) -> int:
        """Writes new and changed findings; gives their number."""
        if changes.absorbed:
            await self._connection.execute(statements.REMOVE_FINDINGS, list(changes.absorbed))
        new = [one for one in changes.written if one.finding_id is None]
        if new:
            await self._connection.executemany(statements.ADD_FINDING, [_finding_row(one) for one in new])
        changed = [one for one in changes.written if one.finding_id is not None]
        if changed:
            await self._connection.executemany(
                statements.CHANGE_FINDING, [(one.finding_id, *_finding_row(one)) for one in changed]
            )
        return len(changes.written)

    async def keep_scores(self, series_id: int, interval: Interval, scores: Sequence[DayScore], now: datetime) -> int:
        """Makes the scores of the days that begin in the interval these; gives the number of rows that changed."""
        removed = await self._connection.fetchval(
            statements.REMOVE_SCORES, series_id, interval.start, interval.end, [one.day_start for one in scores]
        )
        written = await self._connection.fetchval(statements.KEEP_SCORES, series_id, now, *_score_columns(scores))
        return int(removed) + int(written)

    async def keep_scan(self, scan: Scan, now: datetime, *, findings: int, scores: int) -> None:
        """What was seen, and how many findings and scores it has changed."""
        await self._connection.execute(
            statements.KEEP_SCAN,
            scan.series_id, scan.fingerprint, scan.window.start, scan.window.end, scan.known_until, now, scores, findings,
        )  # fmt: skip


def _score_columns(scores: Sequence[DayScore]) -> list[list[Any]]:
    rows = [(one.day_start, one.day, *one.score.dimensions, one.score.overall, *_counts(one)) for one in scores]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(19)]
    return [*columns, [float(weight) for weight in scores[0].weights] if scores else [0.0] * len(Dimension)]


def _counts(one: DayScore) -> list[int]:
    return [getattr(one.counts, name) for name in type(one.counts).__dataclass_fields__]


def _finding_row(one: Finding) -> tuple[Any, ...]:
    return (
        one.series_id, dimension_of(one.rule).value, one.rule.value, one.interval.start, one.interval.end,
        one.affected, one.score, one.known_until, severity_of(one.rule, one.score).value, one.state.value,
        json.dumps(dict(one.evidence), sort_keys=True), one.first_seen, one.last_seen, one.state_since,
    )  # fmt: skip


def finding_of(row: Mapping[str, Any] | Record) -> Finding:
    """A finding of a row of its table."""
    return Finding(
        row["finding_id"], row["series_id"], EvidenceRule(row["rule"]),
        Interval(row["interval_start"].astimezone(UTC), row["interval_end"].astimezone(UTC)),
        row["affected"], row["score"], row["known_until"], row["evidence"], State(row["state"]),
        row["first_seen"], row["last_seen"], row["state_since"],
    )  # fmt: skip
