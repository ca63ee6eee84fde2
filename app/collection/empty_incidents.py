"""Times in which the source says "no matching data" to everybody: such answers prove nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from app.market.areas import find_place
from app.market.text import counted

if TYPE_CHECKING:
    from app.db.engine import Database

LOOKBACK = timedelta(hours=1)
LEAST, SHARE = 5, 0.8
"""So many windows, and so much of all in which values are expected, have to be empty."""
ANSWERS_TO_END = 3
"""So many windows with data in a row, and the incident is over."""

# Of items and areas that are known, where the same item or area has values on the days of the window. A window that
# was empty before is a question for what is known to be missing, and says nothing of the source.
_EXPECTED = """
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

_OPEN = "select began_at, windows from empty_incidents where ended_at is null"

_BEGIN = """
    insert into empty_incidents (began_at, windows, summary) values ($1, $2, $3)
    on conflict ((true)) where ended_at is null
    do update set windows = excluded.windows, summary = excluded.summary
"""

_END = "update empty_incidents set ended_at = $1 where ended_at is null"


@dataclass(frozen=True, slots=True)
class ExpectedWindow:
    """A window in which values are expected, and whether the answer had any."""

    finished_at: datetime
    empty: bool
    item: str = ""
    area: str = ""


def incident_begins(windows: Sequence[ExpectedWindow]) -> datetime | None:
    """When an incident began, by the windows of the last hour in order; None where there is none."""
    empty = [one for one in windows if one.empty]
    if len(empty) < LEAST:
        return None
    since = [one for one in windows if one.finished_at >= empty[0].finished_at]
    return empty[0].finished_at if len(empty) >= SHARE * len(since) else None


def incident_ends(windows: Sequence[ExpectedWindow]) -> datetime | None:
    """When it ended, by the windows since it began: with the first of the last answers that all had data."""
    latest = windows[-ANSWERS_TO_END:]
    if len(latest) < ANSWERS_TO_END or any(one.empty for one in latest):
        return None
    last_empty = max((number for number, one in enumerate(windows) if one.empty), default=-1)
    return windows[last_empty + 1].finished_at


class EmptyIncidents:
    """Finds such times in the record of the collection and keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = structlog.get_logger()

    async def look(self, now: datetime) -> str:
        """Begin or end an incident; says so."""
        async with self._database.transaction() as connection:
            open_one = await connection.fetchrow(_OPEN)
            begin = now - LOOKBACK if open_one is None else open_one["began_at"] - timedelta(microseconds=1)
            windows = [ExpectedWindow(**row) for row in await connection.fetch(_EXPECTED, begin, now)]
            if open_one is None:
                began = incident_begins(windows)
                if began is None:
                    return ""
                empty = [one for one in windows if one.empty]
                summary = _summary(empty)
                await connection.execute(_BEGIN, began, len(empty), summary)
                self._log.warning("empty_answers_began", since=began, windows=len(empty), summary=summary)
                return summary
            ended = incident_ends(windows)
            if ended is None:
                return "the source answers with nothing where values are expected"
            await connection.execute(_END, ended)
        self._log.info("empty_answers_ended", at=ended, next="what was empty meanwhile is asked for again")
        return "the source has data again; what was empty meanwhile is asked for again"


def _summary(empty: Sequence[ExpectedWindow]) -> str:
    pairs = list(dict.fromkeys((one.item, one.area) for one in empty))
    named = ", ".join(f"{item} {find_place(area).code}" for item, area in pairs[:3])
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
    return f"{counted(len(empty), 'window')} came back empty although values are expected there: {named}{more}"
