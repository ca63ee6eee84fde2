"""Which windows a backfill asks for, in which order, and how long that takes: pure decisions."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.collection.backfill_models import Lack
from app.collection.models import Work
from app.market.time import Interval


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The windows to ask for, in order; windows of the range that are complete or queued already are only counted."""

    work: tuple[Work, ...]
    complete: int
    queued: int
    seconds: float
    seconds_at_share: float

    @property
    def requests(self) -> int:
        """Each window is one request, more only where the source pages or a window proves too large."""
        return len(self.work)


def plan_backfill(
    windows: Sequence[Work],
    lacks: Iterable[Lack] | None,
    queued: Iterable[Lack],
    *,
    newest_first: bool,
    requests_per_second: float,
    share: float,
) -> BackfillPlan:
    """The windows that meet a lack (all of them for None) and that no open backfill holds, in order."""
    lacking = list(windows) if lacks is None else _meeting(windows, lacks)
    taken = set(_meeting(lacking, queued))
    work = in_order([one for one in lacking if one not in taken], newest_first=newest_first)
    seconds = len(work) / requests_per_second
    return BackfillPlan(tuple(work), len(windows) - len(lacking), len(taken), seconds, seconds / share)


def in_order(work: Iterable[Work], *, newest_first: bool) -> list[Work]:
    """By time, so that all items and areas advance together; those of one window in the order given."""
    if newest_first:
        return sorted(work, key=lambda one: one.window.end, reverse=True)
    return sorted(work, key=lambda one: one.window.start)


def _meeting(windows: Iterable[Work], lacks: Iterable[Lack]) -> list[Work]:
    by_pair: dict[tuple[str, str], list[Lack]] = {}
    for lack in lacks:
        by_pair.setdefault((lack.item, lack.area), []).append(lack)
    joined = {pair: _joined(group) for pair, group in by_pair.items()}
    return [one for one in windows if _meets(one.window, joined.get((one.item.value, one.place.eic), []))]


def _joined(lacks: Iterable[Lack]) -> list[Interval]:
    """The same time as intervals that neither meet nor overlap, in order."""
    found: list[Interval] = []
    for lack in sorted(lacks, key=lambda one: one.start):
        if found and lack.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, lack.end))
        else:
            found.append(Interval(lack.start, lack.end))
    return found


def _meets(window: Interval, lacks: Sequence[Interval]) -> bool:
    following = bisect.bisect_right(lacks, window.start, key=lambda lack: lack.end)
    return following < len(lacks) and lacks[following].start < window.end
