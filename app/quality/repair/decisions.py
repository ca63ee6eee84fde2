"""When values that a finding doubts are asked for again, and what the answer means. Values change by the source only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import find_item
from app.market.time import Interval, merge_intervals
from app.quality.findings import State

SPACING = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
"""From the finding to the first attempt, and from each attempt to the next: sources correct within hours, or in a week."""
MOST_ATTEMPTS = 4 * len(SPACING)
"""Of one finding, however often it opens again: a source that flips its values does not make us ask for ever."""
JOINED = timedelta(days=1)
"""Intervals of one item and area that lie closer together are one question."""
_HOUR = 3600


class RepairOutcome(StrEnum):
    """What came of one attempt."""

    PENDING = "pending"
    CORRECTED = "corrected"
    REPEATED = "repeated"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A finding whose values may be asked for again; `since` is when it opened, or the last attempt."""

    finding_id: int
    series_id: int
    item: str
    area: str
    interval: Interval
    attempts: int
    since: datetime

    def is_ripe(self, now: datetime) -> bool:
        due = next_attempt(self.attempts, self.since)
        return due is not None and due <= now


@dataclass(frozen=True, slots=True)
class Compared:
    """After an answer: whether every window was answered, how many values there are, and how many of them are new."""

    answered: bool
    values: int
    changed: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of an attempt, the state of the finding after it, and when to ask next."""

    outcome: RepairOutcome
    state: State
    next_attempt_at: datetime | None


def next_attempt(attempts: int, since: datetime) -> datetime | None:
    """When to ask (again); None after the last attempt."""
    return since + SPACING[attempts] if attempts < len(SPACING) else None


def decide_repairs(
    compared: Compared, attempts: int, total: int, *, answered_before: bool, now: datetime
) -> Settlement:
    """What the comparison means for the finding after so many attempts since it opened, the one compared included.

    `total` counts all attempts since it was first seen.

    Changed values repair it: should they be as doubtful as before, the next look opens it again. The last attempt
    confirms what any answer repeated, and gives up where no attempt was ever answered.
    """
    if compared.changed:
        return Settlement(RepairOutcome.CORRECTED, State.REPAIRED, None)
    outcome = RepairOutcome.REPEATED if compared.answered else RepairOutcome.UNANSWERED
    following = next_attempt(attempts, now) if total < MOST_ATTEMPTS else None
    if following is not None:
        return Settlement(outcome, State.OPEN, following)
    said = compared.answered or answered_before
    return Settlement(outcome, State.CONFIRMED if said else State.UNREPAIRABLE, None)


def requests_for(doubts: Iterable[Doubt]) -> list[CollectionRequest]:
    """What to ask for, in whole hours, each piece of time once an item and area."""
    grouped: dict[tuple[str, str], list[Interval]] = {}
    for doubt in doubts:
        grouped.setdefault((doubt.item, doubt.area), []).append(_whole_hours(doubt.interval))
    return [
        CollectionRequest(find_item(item), find_place(area), interval)
        for (item, area), intervals in grouped.items()
        for interval in merge_intervals(intervals, apart=JOINED)
    ]


def _whole_hours(interval: Interval) -> Interval:
    first, last = int(interval.start.timestamp()), int(interval.end.timestamp())
    return Interval(
        datetime.fromtimestamp(first // _HOUR * _HOUR, UTC), datetime.fromtimestamp(-(-last // _HOUR) * _HOUR, UTC)
    )
