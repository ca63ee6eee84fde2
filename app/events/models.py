"""What happened, and the place in the log of events behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Topic(StrEnum):
    """What events tell of; a trigger of the database for each writes them."""

    RUNS = "runs"
    JOBS = "jobs"
    BACKFILLS = "backfills"
    ALERTS = "alerts"
    FINDINGS = "findings"
    CHANGES = "changes"
    INTERFACES = "interfaces"
    WEBSITES = "websites"
    SERVICES = "services"


@dataclass(frozen=True, slots=True)
class EventPlace:
    """A place in the log: an event that is there, by its transaction, number and instant."""

    xid: int
    event_id: int
    at: datetime

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The place as an id of an event holds it."""
        return self.xid, self.event_id, (self.at - _EPOCH) // _MICROSECOND

    @classmethod
    def of(cls, numbers: Sequence[Any]) -> EventPlace:
        """ValueError where the numbers are no place."""
        xid, event_id, at = numbers
        try:
            return cls(xid, event_id, _EPOCH + at * _MICROSECOND)
        except OverflowError:
            raise ValueError("no id of an event") from None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `item` and `area` where it is about values of one of them."""

    place: EventPlace
    topic: str
    kind: str
    item: str | None
    area: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in the order of commits, the place behind them, and whether more has been committed already."""

    events: Sequence[Event]
    place: EventPlace
    more: bool = False
