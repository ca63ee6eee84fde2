"""Which windows a backfill asks for, in which order, and how long that takes: pure decisions."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.collection.backfill.models import MissingInterval
from app.collection.gaps.classification import Reason
from app.collection.gaps.windows import AskEvidence
from app.collection.models import CollectionRequest, Work
from app.market.areas import Border, before_it_existed
from app.market.time import Interval, merge_intervals, midnight


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The windows to ask for, in order; those of the range that are not asked for are only counted.

    `complete` lack nothing, `not_due` only what is public from `due` on, `absent` what the source lacked each time it was
    asked; of `never_existed` of them it never had anything. `empty_before` of the windows to ask for came back empty
    before, too seldom to prove anything. `queued` are those of another backfill. `beyond_life` tells of requests for a time without the place.
    """

    work: tuple[Work, ...]
    complete: int
    queued: int
    seconds: float
    seconds_at_share: float
    not_due: int = 0
    due: datetime | None = None
    absent: int = 0
    never_existed: int = 0
    empty_before: int = 0
    requests_each: float = 1.0
    beyond_life: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        """Each window is one request, more where earlier ones took more: the source pages, or they were too large."""
        return round(len(self.work) * max(1.0, self.requests_each))


def plan_backfill(
    windows: Sequence[Work],
    missing: Iterable[MissingInterval] | None,
    queued: Iterable[MissingInterval],
    *,
    newest_first: bool,
    requests_per_second: float,
    share: float,
    requests_each: float = 1.0,
) -> BackfillPlan:
    """The windows that meet a wanted missing interval (all of them for None) and that no open backfill holds, in order."""
    known = list(missing or ())
    lacking = list(windows) if missing is None else _meeting(windows, [one for one in known if one.wanted])
    taken = set(_meeting(lacking, queued))
    work = in_order([one for one in lacking if one not in taken], newest_first=newest_first)
    seconds = len(work) * max(1.0, requests_each) / requests_per_second
    others = set(windows) - set(lacking)
    absent = set(_meeting(others, [one for one in known if one.reason is Reason.MISSING_AT_SOURCE]))
    later = [one for one in known if one.reason is Reason.NOT_DUE]
    not_due = set(_meeting(others - absent, later))
    return BackfillPlan(
        tuple(work),
        len(others) - len(absent) - len(not_due),
        len(taken),
        seconds,
        seconds / share,
        not_due=len(not_due),
        due=min((one.since for one in later if one.since), default=None) if not_due else None,
        absent=len(absent),
        never_existed=len(_meeting(absent, [one for one in known if one.evidence is AskEvidence.NEVER_EXISTED])),
        empty_before=len(_meeting(work, [one for one in known if one.wanted and one.evidence is AskEvidence.EMPTY])),
        requests_each=requests_each,
    )


def beyond_life(request: CollectionRequest) -> str:
    """Why a request has no window at all: the place exists at another time; empty where it has some."""
    place = request.place
    if place.exists_during(request.interval):
        return ""
    ends = (place.out_area, place.in_area) if isinstance(place, Border) else (place,)
    lives = [
        f"{area.code} {f'begins on {area.since}' if area.since and not late else f'ended on {area.until}'}"
        for area in ends
        for late in [area.until is not None and request.interval.start >= midnight(area.until, area.zone)]
        if area.exists_during(request.interval) is None
    ]
    before = before_it_existed(place, request.interval)
    why = " and ".join(lives) or "its areas never met"
    return f"{request.item} for {place.code}: nothing in this range, {why}{f' ({before})' if before else ''}"


def in_order(work: Iterable[Work], *, newest_first: bool) -> list[Work]:
    """By time, so that all items and areas advance together; those of one window in the order given."""
    if newest_first:
        return sorted(work, key=lambda one: one.window.end, reverse=True)
    return sorted(work, key=lambda one: one.window.start)


def _meeting(windows: Iterable[Work], missing: Iterable[MissingInterval]) -> list[Work]:
    by_pair: dict[tuple[str, str], list[MissingInterval]] = {}
    for interval in missing:
        by_pair.setdefault((interval.item, interval.area), []).append(interval)
    joined = {
        pair: merge_intervals(Interval(interval.start, interval.end) for interval in group)
        for pair, group in by_pair.items()
    }
    return [one for one in windows if _meets(one.window, joined.get((one.item.value, one.place.eic), []))]


def _meets(window: Interval, missing: Sequence[Interval]) -> bool:
    following = bisect.bisect_right(missing, window.start, key=lambda one: one.end)
    return following < len(missing) and missing[following].start < window.end
