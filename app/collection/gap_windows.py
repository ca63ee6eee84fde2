"""Gaps as the rest of the program sees them, and the windows to ask for because of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.collection.gap_reasons import Reason
from app.collection.models import CollectionRequest
from app.market.areas import Place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution

SMALL = timedelta(days=3)
"""Gaps up to this length are filled at once, longer ones become windows of a backfill."""
JOINED = timedelta(days=1)
"""Windows that lie closer together are one question: an answer costs a request, however little it holds."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(days=1)
LONGEST_PAUSE_OF_OURS = timedelta(minutes=30)
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Gap:
    """Adjacent market time units without a value, for one reason.

    `series_key` is None where no series of the item and place is known in the interval; the resolution is then assumed.
    `since` is when the first of the units was or will be due. `asked` counts the attempts since then, `last_asked` is
    the last attempt ever that covered the gap.
    """

    item: DataItem
    place: Place
    series_key: SeriesKey | None
    interval: Interval
    resolution: Resolution
    missing: int
    reason: Reason
    since: datetime
    asked: int = 0
    last_asked: datetime | None = None

    def is_ripe(self, now: datetime) -> bool:
        """Whether it is time to ask again: after each attempt the pause doubles.

        What is missing through us is asked for soon again: its attempts may all have met an outage.
        """
        if self.last_asked is None or not self.asked:
            return True
        longest = LONGEST_PAUSE_OF_OURS if self.reason is Reason.OURS else LONGEST_PAUSE
        doublings = min(self.asked - 1, 16)
        return now >= self.last_asked + min(FIRST_PAUSE * (1 << doublings), longest)


@dataclass(frozen=True, slots=True)
class DueWindows:
    """What to ask for: short windows at once, long ones by a backfill; each list newest first."""

    small: tuple[CollectionRequest, ...]
    large: tuple[CollectionRequest, ...]

    @property
    def requests(self) -> tuple[CollectionRequest, ...]:
        return self.small + self.large


def windows_due(
    gaps: Iterable[Gap], *, now: datetime | None = None, forced: bool = False, small: timedelta = SMALL
) -> DueWindows:
    """The windows that cover all gaps that are late or ours, in whole hours, each piece of time once an item and place.

    With `now`, gaps that were asked for a moment ago wait. `forced` asks also for what the source lacked.
    """
    wanted = {Reason.LATE, Reason.OURS} | ({Reason.MISSING_AT_SOURCE} if forced else set())
    grouped: dict[tuple[DataItem, str], list[Gap]] = {}
    for gap in gaps:
        if gap.reason in wanted and (now is None or gap.is_ripe(now)):
            grouped.setdefault((gap.item, gap.place.eic), []).append(gap)
    requests = [
        CollectionRequest(group[0].item, group[0].place, window)
        for group in grouped.values()
        for window in _joined([_whole_hours(gap.interval) for gap in group])
    ]
    requests.sort(key=lambda request: request.interval.end, reverse=True)
    short = tuple(request for request in requests if request.interval.duration <= small)
    return DueWindows(short, tuple(request for request in requests if request.interval.duration > small))


def _whole_hours(interval: Interval) -> Interval:
    """The platform answers in whole documents; a window below an hour asks for no less."""
    first, last = int(interval.start.timestamp()), int(interval.end.timestamp())
    return Interval(
        datetime.fromtimestamp(first // HOUR * HOUR, UTC), datetime.fromtimestamp(-(-last // HOUR) * HOUR, UTC)
    )


def _joined(intervals: Sequence[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for one in sorted(intervals):
        if found and one.start <= found[-1].end + JOINED:
            found[-1] = Interval(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found
