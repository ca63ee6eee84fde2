"""How available a website was, from the times in which it was down, paused, or nobody knew: weighted by time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.probes.websites.models import StatusWindow, Website, WindowKind

NOTHING = timedelta(0)
_FIRST = (WindowKind.PAUSED, WindowKind.UNKNOWN, WindowKind.DOWN)
"""Of windows at the same time the first of these counts: what nobody saw is neither up nor down."""


@dataclass(frozen=True, slots=True)
class Availability:
    """A range by what was known; the four times add up to it."""

    start: datetime
    end: datetime
    up: timedelta
    down: timedelta
    unknown: timedelta
    paused: timedelta
    incidents: int
    """Downtimes of which some counts."""

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


def availability_of(windows: Iterable[StatusWindow], start: datetime, end: datetime) -> Availability:
    """Of the range from `start` up to `end`."""
    end = max(start, end)
    known = [one for one in windows if one.start < end and (one.end is None or one.end > start)]
    times = dict.fromkeys(WindowKind, NOTHING)
    up, met = NOTHING, set[datetime]()
    for begin, until, lasting in _pieces(known, start, end):
        kind = next((kind for kind in _FIRST if any(one.kind is kind for one in lasting)), None)
        if kind is None:
            up += until - begin
            continue
        times[kind] += until - begin
        if kind is WindowKind.DOWN:
            met |= {one.start for one in lasting if one.kind is kind}
    return Availability(
        start, end, up, times[WindowKind.DOWN], times[WindowKind.UNKNOWN], times[WindowKind.PAUSED], len(met)
    )


def _pieces(
    windows: list[StatusWindow], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, list[StatusWindow]]]:
    """The range cut wherever a window begins or ends, each piece with the windows that last through it."""
    changes = sorted(
        ((max(start, at), number, opens) for number, one in enumerate(windows) for at, opens in _ends(one, end)),
        key=lambda change: change[0],
    )
    lasting: dict[int, StatusWindow] = {}
    begin = start
    for at, number, opens in changes:
        if at > begin:
            yield begin, at, list(lasting.values())
            begin = at
        if opens:
            lasting[number] = windows[number]
        else:
            del lasting[number]
    if end > begin:
        yield begin, end, list(lasting.values())


def _ends(window: StatusWindow, end: datetime) -> Iterator[tuple[datetime, bool]]:
    yield window.start, True
    if window.end is not None and window.end < end:
        yield window.end, False


def since_known(website: Website, now: datetime) -> list[StatusWindow]:
    """The time up to now in which nobody has looked at a website any more, which no window says yet."""
    until = website.state.known_until
    if not website.draft.enabled or website.state.unknown or until is None or until >= now:
        return []
    return [StatusWindow(WindowKind.UNKNOWN, until)]
