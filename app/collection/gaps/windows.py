"""Gaps as the rest of the program sees them, and the windows to ask for because of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.collection.gaps.classification import Reason
from app.collection.models import CollectionRequest
from app.market.areas import Place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution, merge_intervals

SMALL = timedelta(days=3)
"""Gaps up to this length are filled at once, longer ones become windows of a backfill."""
JOINED = timedelta(days=1)
"""Windows that lie closer together are one question: an answer costs a request, however little it holds."""
HOUR = 3600
AT_ONCE = datetime.min.replace(tzinfo=UTC)


class AskEvidence(StrEnum):
    """What the questions so far say of missing values."""

    NOT_DUE = "not due"
    NEVER_ASKED = "never asked"
    NO_ANSWER = "no usable answer"
    EMPTY = "empty"
    NEVER_EXISTED = "never existed"


@dataclass(frozen=True, slots=True)
class Gap:
    """Adjacent market time units without a value, for one reason.

    `series_key` is None where no series of the item and place is known in the interval; the resolution is then assumed.
    `since` is when the first of the units was or will be due. `asked` counts the attempts since then, `answers` those
    answers without the value that prove something, `last_asked` is the last attempt ever that covered a part of the gap.
    From `next_ask` on the first of the units is to be asked for again.
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
    next_ask: datetime = AT_ONCE
    answers: int = 0

    @property
    def evidence(self) -> AskEvidence:
        """What is known of the missing values, for people."""
        if self.reason is Reason.NOT_DUE:
            return AskEvidence.NOT_DUE
        if not self.asked:
            return AskEvidence.NEVER_ASKED
        if not self.answers:
            return AskEvidence.NO_ANSWER
        if self.reason is Reason.MISSING_AT_SOURCE and self.series_key is None:
            return AskEvidence.NEVER_EXISTED
        return AskEvidence.EMPTY

    def is_ripe(self, now: datetime, *, again: bool = False) -> bool:
        """Whether it is time to ask for it; `again` by whoever repeats a question that has just failed."""
        if again and self.reason is Reason.OURS:
            return True
        return self.reason is not Reason.NOT_DUE and now >= self.next_ask


@dataclass(frozen=True, slots=True)
class DueWindows:
    """What to ask for: windows of short gaps at once, of long ones by a backfill; each list newest first."""

    small: tuple[CollectionRequest, ...]
    large: tuple[CollectionRequest, ...]

    @property
    def requests(self) -> tuple[CollectionRequest, ...]:
        return self.small + self.large


def windows_due(
    gaps: Iterable[Gap],
    *,
    now: datetime | None = None,
    again: bool = False,
    forced: bool = False,
    small: timedelta = SMALL,
) -> DueWindows:
    """The windows that cover all gaps that are late or ours, in whole hours, each piece of time once an item and place.

    With `now` it is those whose time has come, what the source lacked among them: its questions never end.
    `again`: what is ours does not wait, because this repeats a run that failed. `forced` asks for what the source lacked
    in any case.
    """
    wanted = {Reason.LATE, Reason.OURS} | ({Reason.MISSING_AT_SOURCE} if forced or now is not None else set())
    grouped: dict[tuple[DataItem, str], list[Gap]] = {}
    for gap in gaps:
        if gap.reason in wanted and (now is None or gap.is_ripe(now, again=again)):
            grouped.setdefault((gap.item, gap.place.eic), []).append(gap)
    short: list[CollectionRequest] = []
    long: list[CollectionRequest] = []
    for group in grouped.values():
        starts = [gap.interval.start for gap in group if _is_long(gap, small)]
        for window in merge_intervals([_whole_hours(gap.interval) for gap in group], apart=JOINED):
            chosen = long if any(start in window for start in starts) else short
            chosen.append(CollectionRequest(group[0].item, group[0].place, window))
    return DueWindows(_newest_first(short), _newest_first(long))


def _is_long(gap: Gap, small: timedelta) -> bool:
    """What the last answer lacked is asked for at once, however long it is: the answer holds next to nothing."""
    return gap.reason is Reason.OURS and gap.interval.duration > small


def _newest_first(requests: Sequence[CollectionRequest]) -> tuple[CollectionRequest, ...]:
    return tuple(sorted(requests, key=lambda request: request.interval.end, reverse=True))


def _whole_hours(interval: Interval) -> Interval:
    """The platform answers in whole documents; a window below an hour asks for no less."""
    first, last = int(interval.start.timestamp()), int(interval.end.timestamp())
    return Interval(
        datetime.fromtimestamp(first // HOUR * HOUR, UTC), datetime.fromtimestamp(-(-last // HOUR) * HOUR, UTC)
    )
