"""Looks at the measurements of the last hours for what is unusual, and keeps that as rows that rules can read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.monitoring.anomalies.hours import Hourly, Metric
    from app.monitoring.anomalies.repository import AnomalyRepository

HOUR = timedelta(hours=1)
LOOK_BACK = 24
"""Hours that are judged anew each time: runs may become known late, and an hour may have passed without a look."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An unusual hour of an item and area (EIC; empty: all areas of the item together)."""

    metric: str
    item: str
    area: str
    hour: datetime
    value: float
    expected: float
    score: float

    def __str__(self) -> str:
        where = f"{self.item} {self.area}".rstrip()
        return (
            f"{self.metric} of {where} at {self.hour:%Y-%m-%d %H:%M}Z: {self.value:.3g} instead of {self.expected:.3g}"
        )


class AnomalyWatch:
    """Judges whole hours only; doing it twice changes nothing."""

    def __init__(self, rows: AnomalyRepository) -> None:
        self._rows = rows

    async def look(self, now: datetime) -> list[Anomaly]:
        """Judge the last whole hours and keep what is unusual in them: that, the latest first."""
        from app.monitoring.anomalies.hours import HISTORY_DAYS

        end = now.replace(minute=0, second=0, microsecond=0)
        judged = end - LOOK_BACK * HOUR
        first = judged - timedelta(days=HISTORY_DAYS)
        found: list[Anomaly] = []
        # Item after item, so that memory does not grow with their number.
        for item in await self._rows.items(first):
            found += await asyncio.to_thread(score_hours, item, await self._rows.hours(item, first, end), first, end)
        await self._rows.keep(found, judged, end, now)
        return sorted(found, key=lambda one: (one.hour, one.score), reverse=True)


def score_hours(item: str, rows: Sequence[Mapping[str, Any]], first: datetime, end: datetime) -> list[Anomaly]:
    """What is unusual in the last hours of each area, and in how all areas of the item fail together."""
    from app.monitoring.anomalies.hours import Metric

    areas = sorted({row["area"] for row in rows})
    hourly = _table(areas, rows, (end - first) // HOUR)
    found = list(_unusual(item, areas, hourly, first, tuple(Metric)))
    if len(areas) > 1:
        found += _unusual(item, [""], hourly.summed([range(len(areas))]), first, (Metric.FAILURES,))
    return found


def _table(areas: Sequence[str], rows: Sequence[Mapping[str, Any]], hours: int) -> Hourly:
    import numpy as np

    from app.monitoring.anomalies.hours import Hourly

    places = {area: place for place, area in enumerate(areas)}
    where = ([places[row["area"]] for row in rows], [row["hour"] for row in rows])
    columns = []
    for name in ("runs", "failed", "requests", "response_seconds", "new"):
        column = np.zeros((len(areas), hours))
        column[where] = [row[name] for row in rows]
        columns.append(column)
    return Hourly(*columns)


def _unusual(
    item: str, areas: Sequence[str], hourly: Hourly, first: datetime, metrics: Sequence[Metric]
) -> Iterator[Anomaly]:
    from app.monitoring.anomalies.hours import unusual

    for one in unusual(hourly, hourly.runs.shape[1] - LOOK_BACK, metrics):
        hour = first + one.hour * HOUR
        yield Anomaly(one.metric.value, item, areas[one.series], hour, one.value, one.expected, one.score)
