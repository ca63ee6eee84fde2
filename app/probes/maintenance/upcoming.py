"""What of the planned maintenance is told to people who plan nothing: the time of each that lasts, and the next one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.probes.websites.models import StatusWindow


@dataclass(frozen=True, slots=True)
class UpcomingMaintenance:
    """A time of a maintenance, and the websites that it is for."""

    name: str
    start: datetime
    end: datetime
    website_ids: tuple[int, ...]

    def active(self, now: datetime) -> bool:
        return self.start <= now < self.end


def upcoming(windows: Mapping[int, Iterable[StatusWindow]], now: datetime) -> Sequence[UpcomingMaintenance]:
    """Of the windows of websites those that last, and of each maintenance the next, in the order of their times."""
    covered: dict[tuple[str, datetime, datetime], list[int]] = {}
    for website_id, times in sorted(windows.items()):
        for time in times:
            if time.end is not None and time.end > now:
                covered.setdefault((time.reason, time.start, time.end), []).append(website_id)
    every = [UpcomingMaintenance(*key, tuple(numbers)) for key, numbers in covered.items()]
    found: list[UpcomingMaintenance] = []
    following: set[tuple[str, tuple[int, ...]]] = set()
    for one in sorted(every, key=lambda one: (one.start, one.end, one.name)):
        if one.active(now):
            found.append(one)
        elif (one.name, one.website_ids) not in following:
            following.add((one.name, one.website_ids))
            found.append(one)
    return found
