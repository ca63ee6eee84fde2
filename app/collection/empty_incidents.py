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
    from app.collection.repository import IncidentRepository

LOOKBACK = timedelta(hours=1)
LEAST, SHARE = 5, 0.8
"""So many windows, and so much of all in which values are expected, have to be empty."""
ANSWERS_TO_END = 3
"""So many windows with data in a row, and the incident is over."""


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

    def __init__(self, incidents: IncidentRepository) -> None:
        self._incidents = incidents
        self._log = structlog.get_logger()

    async def look(self, now: datetime) -> str:
        """Begin or end an incident; says so."""
        since = await self._incidents.open_since()
        if since is None:
            return await self._begin(await self._incidents.expected_windows(now - LOOKBACK, now))
        return await self._end(await self._incidents.expected_windows(since - timedelta(microseconds=1), now))

    async def _begin(self, windows: Sequence[ExpectedWindow]) -> str:
        began = incident_begins(windows)
        if began is None:
            return ""
        empty = [window for window in windows if window.empty]
        summary = _summary(empty)
        await self._incidents.begin(began, len(empty), summary)
        self._log.warning("empty_answers_began", since=began, windows=len(empty), summary=summary)
        return summary

    async def _end(self, windows: Sequence[ExpectedWindow]) -> str:
        ended = incident_ends(windows)
        if ended is None:
            return "the source answers with nothing where values are expected"
        await self._incidents.end(ended)
        self._log.info("empty_answers_ended", at=ended, next="what was empty meanwhile is asked for again")
        return "the source has data again; what was empty meanwhile is asked for again"


def _summary(empty: Sequence[ExpectedWindow]) -> str:
    pairs = list(dict.fromkeys((one.item, one.area) for one in empty))
    named = ", ".join(f"{item} {find_place(area).code}" for item, area in pairs[:3])
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
    return f"{counted(len(empty), 'window')} came back empty although values are expected there: {named}{more}"
