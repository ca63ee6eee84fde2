"""How late the values of a series appear: against their legal deadline, and against what the weeks before suggest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from app.collection.gaps.classification import NEVER_ASKED, Asked, due
from app.collection.gaps.repository import GapRepository
from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution
from app.quality.assessment.alignment import StoredValues
from app.quality.repository import QualityRepository
from app.quality.timeliness import HABIT_DAYS, Distribution, Publications, beyond_habit, distribution, punctuality
from app.sources.catalog import Publication
from app.timeseries.grid import Units


@dataclass(frozen=True, slots=True)
class SeriesDelays:
    """Of one series: the examined values of an interval, how many were late, and how many unusually late for it."""

    series_id: int
    late: int
    unusual: int
    delays: Distribution


class LatenessReader:
    """Reads when values were first known and when they were asked for."""

    def __init__(self, records: GapRepository, repository: QualityRepository, publication: Publication) -> None:
        self._records = records
        self._repository = repository
        self._publication = publication

    async def lateness(self, keys: Mapping[int, SeriesKey], interval: Interval) -> list[SeriesDelays]:
        """Of the series that have a deadline and whose publication was watched, in the order given."""
        around = Interval(interval.start - timedelta(days=HABIT_DAYS), interval.end)
        ruled = {number: key for number, key in keys.items() if self._publication(DataItem(key.item)) is not None}
        if not ruled:
            return []
        requests = [CollectionRequest(DataItem(key.item), find_place(key.area), around) for key in ruled.values()]
        asked = await self._records.asked([(request, around) for request in requests])
        async with self._repository.reading() as reader:
            values = await reader.values(list(ruled), around)
        found = (
            self._of(number, key, values[number], asked.get((key.item, key.area), NEVER_ASKED), interval)
            for number, key in ruled.items()
        )
        return [one for one in found if one is not None]

    def _of(
        self, number: int, key: SeriesKey, observed: StoredValues, asked: Asked, interval: Interval
    ) -> SeriesDelays | None:
        begin, end = (int(instant.timestamp()) for instant in (interval.start, interval.end))
        published = self._published(key, observed)
        judged = punctuality(published, asked)
        unusual = beyond_habit(published, judged)
        inside = (published.starts >= begin) & (published.starts < end)
        columns = (published.starts, published.ends, published.learned, published.due)
        shown = Publications(*(column[inside] for column in columns))
        within = punctuality(shown, asked)
        delays = distribution(shown, within)
        return SeriesDelays(number, within.late, int((unusual & inside).sum()), delays) if delays else None

    def _published(self, key: SeriesKey, observed: StoredValues) -> Publications:
        zone, rule = find_place(key.area).zone, self._publication(DataItem(key.item))
        starts, resolutions = observed.starts, observed.resolutions
        ends = np.array(_ends(starts.tolist(), resolutions.tolist(), key), np.int64)
        due_at = due(rule, Units(starts, ends, resolutions), zone, None)
        return Publications(starts, ends, observed.learned // 1_000_000, due_at)


def _ends(starts: Sequence[int], resolutions: Sequence[int], key: SeriesKey) -> list[int]:
    zone = find_place(key.area).zone
    found = []
    for start, number in zip(starts, resolutions, strict=True):
        resolution = Resolution.from_id(number)
        if resolution.seconds:
            found.append(start + resolution.seconds)
        else:
            found.append(int(resolution.step(datetime.fromtimestamp(start, UTC), 1, zone).timestamp()))
    return found
