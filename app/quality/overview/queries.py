"""Reads scores of many series added up by the database, and findings page by page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from app.market.areas import label
from app.market.series import KEY_FIELDS, SeriesKey, distinguishing_name
from app.market.time import Interval
from app.quality.listing import ListedFinding, ListedTrend
from app.quality.overview.summary import (
    DAYS,
    WEEK,
    FallingSeries,
    GroupDay,
    Grouped,
    QualitySummary,
    SeriesWeek,
    scores_of_groups,
)
from app.quality.scoring import ScoreCounts, Weights, score_of_sum
from app.quality.sql import SUMS

if TYPE_CHECKING:
    from app.db.engine import Database

MOST_WORST = 20
_COUNTS = tuple(field.name for field in fields(ScoreCounts))
_WANTED = "($1::text[] is null or item = any($1)) and ($2::text[] is null or area = any($2))"

_LAST_DAY = f"""
    select max(day)
    from quality_scores
    join series using (series_id)
    where day_start > $3::date - interval '60 days' and day <= $3 and {_WANTED}
"""  # noqa: S608  names of columns

# A day of another zone begins a few hours off midnight.
_GROUPS = f"""
    select day, item, area, grouping(item) as over_items, grouping(area) as over_areas, count(*) as series, {SUMS}
    from quality_scores
    join series using (series_id)
    where
        day_start >= $3::date - interval '2 days'
        and day between $3 and $4
        and {_WANTED}
    group by grouping sets ((day), (day, item), (day, area))
"""  # noqa: S608  names of columns

_WORST = f"""
    select series.*, {SUMS}
    from quality_scores
    join series using (series_id)
    where
        day_start >= $3::date - interval '2 days'
        and day > $3
        and day <= $4
        and {_WANTED}
    group by series.series_id
    having avg(overall) < 100
    order by avg(overall), series_id
    limit $5
"""  # noqa: S608  names of columns

_FALLING = """
    select *
    from (
        select distinct on (series_id) *
        from v_quality_trends
        where
            ($1::text[] is null or item = any($1))
            and ($2::text[] is null or area_eic = any($2))
            and week > $3::date - 21
            and week <= $3
        order by series_id, week desc
    ) as newest
    where degrading
    order by drop_points desc, series_id
"""

_COUNTED = """
    select state, severity, count(*) as findings
    from v_quality_findings
    where ($1::text[] is null or item = any($1)) and ($2::text[] is null or area_eic = any($2))
    group by 1, 2
"""

_FINDINGS = """
    select *
    from v_quality_findings
    where
        ($1::text[] is null or item = any($1))
        and ($2::text[] is null or area_eic = any($2))
        and ($3::text = '' or rule = $3)
        and ($4::text = '' or severity = $4)
        and ($5::text[] is null or state = any($5))
        and ($6::timestamptz is null or interval_end > $6)
        and ($7::timestamptz is null or interval_start < $7)
        and ($8::bigint is null or finding_id < $8)
    order by finding_id desc
    limit $9
"""


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings are wanted; None and "" mean any."""

    items: Collection[str] | None = None
    areas: Collection[str] | None = None
    rule: str = ""
    severity: str = ""
    states: Collection[str] | None = None
    interval: Interval | None = None


class QualityOverview:
    """Reads what people look at."""

    def __init__(self, database: Database, weights: Weights) -> None:
        self._database = database
        self._weights = weights

    async def summary(
        self, today: date, *, items: Collection[str] | None = None, areas: Collection[str] | None = None
    ) -> QualitySummary | None:
        """The six weeks up to the last day that is scored; None where none is."""
        wanted = _listed(items), _listed(areas)
        async with self._database.transaction(readonly=True) as connection:
            last = await connection.fetchval(_LAST_DAY, *wanted, today)
            if last is None:
                return None
            first = last - timedelta(days=DAYS - 1)
            rows = await connection.fetch(_GROUPS, *wanted, first, last)
            worst = await connection.fetch(_WORST, *wanted, last - WEEK, last, MOST_WORST)
            trends = await connection.fetch(_FALLING, *wanted, last)
            counted = await connection.fetch(_COUNTED, *wanted)
        return QualitySummary(
            first,
            last,
            tuple(scores_of_groups(map(_day, rows), first, last, self._weights)),
            tuple(self._series(row) for row in worst),
            tuple(_falling(ListedTrend(**row)) for row in trends),
            {(row["state"], row["severity"]): row["findings"] for row in counted},
        )

    def _series(self, row: Any) -> SeriesWeek:
        return SeriesWeek(
            row["series_id"],
            row["item"],
            label(row["area"]),
            distinguishing_name(SeriesKey(**{name: row[name] for name in KEY_FIELDS})),
            score_of_sum(_counts(row), self._weights),
        )

    async def findings(self, wanted: FindingFilter, *, before: int | None, limit: int) -> list[ListedFinding]:
        """Those that were found before the one of this number, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _FINDINGS, _listed(wanted.items), _listed(wanted.areas), wanted.rule, wanted.severity,
                _listed(wanted.states),
                wanted.interval.start if wanted.interval else None, wanted.interval.end if wanted.interval else None,
                before, limit,
            )  # fmt: skip
        return [ListedFinding(**row) for row in rows]


def _listed(names: Collection[str] | None) -> list[str] | None:
    return None if names is None else list(names)


def _counts(row: Any) -> ScoreCounts:
    return ScoreCounts(**{name: row[name] for name in _COUNTS})


def _day(row: Any) -> GroupDay:
    if not row["over_items"]:
        grouped, name = Grouped.ITEM, row["item"]
    elif not row["over_areas"]:
        grouped, name = Grouped.AREA, label(row["area"])
    else:
        grouped, name = Grouped.ALL, ""
    return GroupDay(grouped, name, row["day"], row["series"], _counts(row))


def _falling(trend: ListedTrend) -> FallingSeries:
    return FallingSeries(trend.series_id, trend.title, trend.week, trend.score, trend.drop_points, trend.slope)
