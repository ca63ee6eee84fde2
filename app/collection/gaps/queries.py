"""Reads the kept gaps as people look at them: which pairs of item and area there are, and why what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

from app.collection.gaps.classification import Reason
from app.market.time import Interval
from app.timeseries.coverage import Granularity

if TYPE_CHECKING:
    from app.db.engine import Database

Pair = tuple[str, str]
Reasons = tuple[bool, bool, bool]
"""Whether something of a month or day is missing for each of `KEPT_REASONS`, over all series."""

KEPT_REASONS = (Reason.OURS, Reason.LATE, Reason.MISSING_AT_SOURCE)
"""The worst first."""

# What has gaps and no series has never had a value.
_PAIRS = """
    select item, area from series
    where ($1::text[] is null or item = any($1)) and ($2::text[] is null or area = any($2))
    union
    select item, area from gaps
    where ($1::text[] is null or item = any($1)) and ($2::text[] is null or area = any($2))
"""

# Nearly every gap lies within one month, and to unfold the others only takes half the time.
_REASONS = """
    with placed as (
        select
            item, area, reason,
            date_trunc($5::text, greatest(gap_start, $3::timestamptz)) as first,
            date_trunc($5::text, least(gap_end, $4::timestamptz) - interval '1 microsecond') as last
        from gaps
        where
            item = any($1::text[])
            and area = any($2::text[])
            and gap_end > $3
            and gap_start < $4
    )
    select
        item, area, begin::date as begin,
        bool_or(reason = 'ours') as ours,
        bool_or(reason = 'late') as late,
        bool_or(reason = 'missing_at_source') as missing_at_source
    from (
        select item, area, reason, first as begin from placed where first = last
        union all
        select item, area, reason, begin
        from placed
        cross join lateral generate_series(first, last, ('1 ' || $5::text)::interval) as part (begin)
        where first < last
    ) as parts
    group by 1, 2, 3
"""


class KeptGaps:
    """The gaps that the last analyses found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pairs(self, items: Collection[str] | None, areas: Collection[str] | None) -> list[Pair]:
        """The items and areas that have a series or a gap; None means any."""
        named = [None if names is None else list(names) for names in (items, areas)]
        async with self._database.connection() as connection:
            return [(row["item"], row["area"]) for row in await connection.fetch(_PAIRS, *named)]

    async def reasons(
        self, pairs: Collection[Pair], interval: Interval, step: Granularity
    ) -> Mapping[Pair, Mapping[date, Reasons]]:
        """Of each item and area the months or days in which something is missing."""
        async with self._database.transaction(readonly=True) as connection:
            # Months begin at midnight of UTC, whatever the zone of the database.
            await connection.execute("set local timezone to 'UTC'")
            rows = await connection.fetch(
                _REASONS,
                list({item for item, _ in pairs}),
                list({area for _, area in pairs}),
                interval.start,
                interval.end,
                step.value,
            )
        found: dict[Pair, dict[date, Reasons]] = {}
        for item, area, begin, ours, late, missing in rows:
            found.setdefault((item, area), {})[begin] = (ours, late, missing)
        return found
