"""How available a website was, from the times in which it was down, paused, or nobody knew: weighted by time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

from app.probes.websites.models import StatusWindow, Website, WindowKind

NOTHING = timedelta(0)
_FIRST = (WindowKind.PAUSED, WindowKind.MAINTENANCE, WindowKind.UNKNOWN, WindowKind.DOWN)
"""Of windows at the same time the first of these counts: what is planned or nobody saw is neither up nor down."""
_RANKS = {kind: rank for rank, kind in enumerate(_FIRST)}
_DOWN, _UP, _BOUND = _RANKS[WindowKind.DOWN], len(_FIRST), len(_FIRST) + 1


@dataclass(frozen=True, slots=True)
class Availability:
    """A range by what was known; the five times add up to it."""

    start: datetime
    end: datetime
    up: timedelta
    down: timedelta
    unknown: timedelta
    paused: timedelta
    incidents: int
    """Downtimes of which some counts."""
    maintenance: timedelta = NOTHING

    @property
    def share(self) -> float | None:
        """Of the time in which the website was up or down, as a share; None where there was none."""
        seen = self.up + self.down
        return self.up / seen if seen else None

    def budget(self, objective: float) -> timedelta:
        """How long it may be down in the time that was seen; `objective` is a share."""
        return (self.up + self.down) * (1 - objective)

    @property
    def time_to_recover(self) -> timedelta | None:
        """The mean of how long it was down (MTTR)."""
        return self.down / self.incidents if self.incidents else None

    @property
    def time_between_failures(self) -> timedelta | None:
        """How long it was up for each downtime (MTBF)."""
        return self.up / self.incidents if self.incidents else None

    def __add__(self, other: Availability) -> Availability:
        """Both taken together, as those of a group are; the range is the one that spans both."""
        return Availability(
            min(self.start, other.start), max(self.end, other.end), self.up + other.up, self.down + other.down,
            self.unknown + other.unknown, self.paused + other.paused, self.incidents + other.incidents,
            self.maintenance + other.maintenance,
        )  # fmt: skip


def availability_of(windows: Iterable[StatusWindow], start: datetime, end: datetime) -> Availability:
    """Of the range from `start` up to `end`."""
    [found] = split_availability(windows, (start, max(start, end)))
    return found


def split_availability(windows: Iterable[StatusWindow], bounds: Sequence[datetime]) -> list[Availability]:
    """Of each range between two bounds, which are in order; in one pass over the windows."""
    start, end = bounds[0], bounds[-1]
    changes: list[tuple[datetime, int, int, datetime]] = [(bound, _BOUND, 0, bound) for bound in bounds[1:]]
    for one in windows:
        until = end if one.end is None else one.end
        if one.start < end and until > start:
            rank = _RANKS[one.kind]
            changes.append((max(one.start, start), rank, 1, one.start))
            if until < end:
                changes.append((until, rank, -1, one.start))
    # Where several things change at once the bound comes last: what begins there belongs to the next range.
    changes.sort(key=itemgetter(0, 1))
    lasting = [0] * len(_FIRST)
    times = [NOTHING] * _BOUND
    found, met = list[Availability](), set[datetime]()
    begun, since, down_since = start, start, start
    for at, rank, step, began in changes:
        if at > since:
            first = next((number for number, count in enumerate(lasting) if count), _UP)
            times[first] += at - since
            if first == _DOWN:
                met.add(down_since)
            since = at
        if rank != _BOUND:
            lasting[rank] += step
            if rank == _DOWN and step > 0:
                down_since = began
            continue
        paused, maintenance, unknown, down, up = times
        found.append(Availability(begun, at, up, down, unknown, paused, len(met), maintenance))
        begun, times, met = at, [NOTHING] * _BOUND, set()
    return found


def since_known(website: Website, now: datetime) -> list[StatusWindow]:
    """The time up to now in which nobody has looked at a website any more, which no window says yet."""
    until = website.state.known_until
    if not website.draft.enabled or website.state.unknown or until is None or until >= now:
        return []
    return [StatusWindow(WindowKind.UNKNOWN, until)]
